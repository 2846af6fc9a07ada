package attacks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// spelled changes the case of the letters whose bits are set.
func spelled(text string, bits int) string {
	return strings.Map(func(r rune) rune {
		bits = bits>>1 | bits&1<<20
		if bits&1 == 1 {
			return unicode.ToUpper(r)
		}
		return r
	}, text)
}

func TestM162_SignUpsAtOnceOverTwoNodesMakeOnePerson(t *testing.T) {
	t.Parallel()
	for name, start := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			const address = "race.person@example.com"
			answers := atOnce(50, func(i int) blackbox.Answer {
				return s.node(i).PostJSON(t, "/dbconnections/signup", map[string]any{
					"client_id": "spa", "connection": "db", "email": spelled(address, i*2654435), "password": "Passw0rd-of-race!",
				})
			})
			made := 0
			for _, a := range answers {
				switch {
				case a.Status == http.StatusOK:
					made++
				case a.Status != http.StatusBadRequest || a.Text("code") != "user_exists":
					t.Errorf("%d %s", a.Status, a.Body)
				}
			}
			ids := s.rows(t, "SELECT id FROM users WHERE email_lower = '"+address+"'")
			identities := s.rows(t, "SELECT user_id FROM user_identities WHERE user_id IN (SELECT id FROM users WHERE email_lower = '"+address+"')")
			if made != 1 || len(ids) != 1 || !slices.Equal(ids, identities) {
				t.Errorf("%d sign-ups succeeded and made users %v with identities of %v", made, ids, identities)
			}
			s.sameEverywhere(t)
		})
	}
}

// user is what the Management API says of somebody's identities.
type user struct {
	ID         string `json:"user_id"`
	Identities []struct {
		Provider string `json:"provider"`
		UserID   string `json:"user_id"`
	} `json:"identities"`
}

// sameEverywhere checks that each identity belongs to exactly one user, that each user has one, and that documents and
// index agree on that.
func (s *site) sameEverywhere(t *testing.T) {
	t.Helper()
	documents := map[string]string{}
	for _, node := range s.nodes {
		answer := s.manage(t, node, http.MethodGet, "/users?per_page=100", nil)
		var people []user
		if err := json.Unmarshal([]byte(answer.Body), &people); err != nil || answer.Status != http.StatusOK {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
		clear(documents)
		for _, u := range people {
			if len(u.Identities) == 0 {
				t.Errorf("%s has no identity", u.ID)
			}
			for _, identity := range u.Identities {
				name := identity.Provider + "|" + identity.UserID
				if other, twice := documents[name]; twice {
					t.Errorf("%s belongs to %s and to %s", name, other, u.ID)
				}
				documents[name] = u.ID
			}
		}
	}
	if dangling := s.rows(t, "SELECT user_id FROM user_identities WHERE user_id NOT IN (SELECT id FROM users)"); len(dangling) > 0 {
		t.Errorf("identities of nobody: %v", dangling)
	}
	inDocuments := []string{}
	for name, id := range documents {
		inDocuments = append(inDocuments, name+" of "+id)
	}
	slices.Sort(inDocuments)
	inIndex := s.rows(t, "SELECT provider || '|' || subject || ' of ' || user_id FROM user_identities")
	slices.Sort(inIndex)
	if diff := cmp.Diff(inDocuments, inIndex); diff != "" {
		t.Errorf("identities (-of the users +in the index)\n%s", diff)
	}
}

// born creates somebody and returns the user_id.
func (s *site) born(t *testing.T, name string) string {
	t.Helper()
	a := s.manage(t, s.nodes[0], http.MethodPost, "/users", map[string]any{
		"connection": "db", "email": name + "@example.com", "password": "Passw0rd-of-race!",
	})
	if a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return a.Text("user_id")
}

func (s *site) link(t *testing.T, i int, primary, secondary string) blackbox.Answer {
	t.Helper()
	_, subject, _ := strings.Cut(secondary, "|")
	return s.manage(t, s.node(i), http.MethodPost, "/users/"+url.PathEscape(primary)+"/identities", map[string]any{"provider": "auth0", "user_id": subject})
}

func (s *site) unlink(t *testing.T, i int, primary, secondary string) blackbox.Answer {
	t.Helper()
	_, subject, _ := strings.Cut(secondary, "|")
	return s.manage(t, s.node(i), http.MethodDelete, "/users/"+url.PathEscape(primary)+"/identities/auth0/"+subject, nil)
}

func (s *site) remove(t *testing.T, i int, id string) blackbox.Answer {
	t.Helper()
	return s.manage(t, s.node(i), http.MethodDelete, "/users/"+url.PathEscape(id), nil)
}

// A request that came too late is told so; nobody gets a fault of the server.
func toldCleanly(t *testing.T, what string, answers []blackbox.Answer) {
	t.Helper()
	for i, a := range answers {
		if a.Status >= http.StatusInternalServerError {
			t.Errorf("%s, request %d: %d %s", what, i, a.Status, a.Body)
		}
	}
}

func TestM164_LinkingUnlinkingAndDeletingAtOnce(t *testing.T) {
	t.Parallel()
	for name, start := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			for round := range 4 {
				a, b := s.born(t, fmt.Sprint("a", round)), s.born(t, fmt.Sprint("b", round))
				toldCleanly(t, "link both ways and delete", atOnce(3, func(i int) blackbox.Answer {
					return []func() blackbox.Answer{
						func() blackbox.Answer { return s.link(t, round, b, a) },
						func() blackbox.Answer { return s.link(t, round+1, a, b) },
						func() blackbox.Answer { return s.remove(t, round, b) },
					}[i]()
				}))
				s.sameEverywhere(t)

				c, d := s.born(t, fmt.Sprint("c", round)), s.born(t, fmt.Sprint("d", round))
				both := atOnce(2, func(i int) blackbox.Answer {
					return []func() blackbox.Answer{
						func() blackbox.Answer { return s.link(t, round, c, d) },
						func() blackbox.Answer { return s.link(t, round+1, d, c) },
					}[i]()
				})
				toldCleanly(t, "link both ways", both)
				s.sameEverywhere(t)
				left := s.rows(t, "SELECT user_id FROM user_identities WHERE user_id IN ('"+c+"', '"+d+"')")
				if len(left) != 2 || left[0] != left[1] || both[0].Status == both[1].Status {
					t.Errorf("linked both ways, answered %d and %d: the identities belong to %v", both[0].Status, both[1].Status, left)
					continue
				}
				primary, secondary := c, d
				if left[0] == d {
					primary, secondary = d, c
				}
				toldCleanly(t, "unlink twice and delete", atOnce(3, func(i int) blackbox.Answer {
					return []func() blackbox.Answer{
						func() blackbox.Answer { return s.unlink(t, round, primary, secondary) },
						func() blackbox.Answer { return s.unlink(t, round+1, primary, secondary) },
						func() blackbox.Answer { return s.remove(t, round, primary) },
					}[i]()
				}))
				s.sameEverywhere(t)
				if got := s.rows(t, "SELECT id FROM users WHERE id = '"+primary+"'"); len(got) > 0 {
					t.Errorf("%s was deleted and is there", primary)
				}
			}
		})
	}
}

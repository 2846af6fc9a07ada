package nodes_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// soon is how long a change of configuration may take to reach the other node, and within is that on a busy machine.
const (
	soon   = time.Second
	within = 2 * soon
)

func TestAChangeThroughOneNodeHoldsOnTheOther(t *testing.T) {
	p := newPair(t, setup{})
	name := p.register("grace")
	first, second := at(t, p.nodes[0], "spa"), at(t, p.nodes[1], "spa")
	held := p.logIn(t, p.app(t, "spa"), p.browser(t), name)
	t.Run("a connection is switched off and on again", func(t *testing.T) {
		id := p.connection(t, "up")
		for range 3 {
			p.switched(t, p.nodes[0], id, `{"authentication":{"active":false}}`)
			blackbox.Eventually(t, within, "the other node sends nobody to the provider", func() bool {
				return !offers(t, p, second, name)
			})
			p.switched(t, p.nodes[1], id, `{"authentication":{"active":true}}`)
			blackbox.Eventually(t, within, "the other node sends people to the provider again", func() bool {
				return offers(t, p, first, name)
			})
		}
	})
	t.Run("the tenant file is applied", func(t *testing.T) {
		added := strings.Replace(tenantFile, "clients:\n", "clients:\n  - {name: late, client_id: late, client_secret: "+m2mSecret+
			", app_type: non_interactive, is_first_party: true, oidc_conformant: true, grant_types: [client_credentials], token_endpoint_auth_method: client_secret_post}\n", 1)
		p.apply(t, added)
		for _, node := range p.nodes {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"late"}, "client_secret": {m2mSecret}, "audience": {"https://none.test"}}
			blackbox.Eventually(t, within, "both nodes know the new client", func() bool {
				return node.PostForm(t, "/oauth/token", form).Status == http.StatusForbidden // it has no grant for that
			})
		}
	})
	t.Run("keys are rotated", func(t *testing.T) {
		old := machine(t, p.Server, p.Issuer).Text("access_token")
		before, _ := blackbox.Claims(t, old)
		kid := strings.TrimSpace(strings.TrimPrefix(p.nodes[0].Run("keys", "rotate"), "signing with"))
		if kid == before["kid"] {
			t.Fatalf("the key is %s as before", kid)
		}
		for _, node := range p.nodes {
			blackbox.Eventually(t, within, "both nodes sign with the new key", func() bool {
				header, _ := blackbox.Claims(t, machine(t, node, p.Issuer).Text("access_token"))
				return header["kid"] == kid
			})
		}
		for _, node := range p.nodes {
			fresh := machine(t, node, p.Issuer).Text("access_token")
			for _, other := range p.nodes {
				for _, token := range []string{old, fresh} {
					answer := other.Do(t, http.MethodGet, "/api/v2/connections", "", "", http.Header{"Authorization": {"Bearer " + token}})
					if answer.Status != http.StatusOK {
						t.Errorf("a token signed by the key before or after gives %d %s", answer.Status, answer.Body)
					}
				}
				if set := other.Do(t, http.MethodGet, "/.well-known/jwks.json", "", "", nil).Body; !strings.Contains(set, kid) || !strings.Contains(set, before["kid"].(string)) {
					t.Errorf("the key set lacks a key: %s", set)
				}
			}
		}
	})
	t.Run("a grant is revoked", func(t *testing.T) {
		tokens := p.logIn(t, p.app(t, "spa"), p.browser(t), name)
		if answer := first.Revoke(tokens.Text("refresh_token"), nil); answer.Status != http.StatusOK {
			t.Fatal(answer.Error())
		}
		p.dead(t, p.nodes[1], tokens)
	})
	t.Run("a user is blocked, and allowed again", func(t *testing.T) {
		path := "users/" + url.PathEscape(p.idOf(t, "grace@example.com"))
		browser := p.browser(t)
		p.logIn(t, p.app(t, "spa"), browser, name)
		if answer := p.manage(t, p.nodes[0], http.MethodPatch, path, `{"blocked":true}`); answer.Status != http.StatusOK {
			t.Fatal(answer.Body)
		}
		p.dead(t, p.nodes[1], held)
		if page := browser.Open(second.Authorize(url.Values{"prompt": {"none"}}).URL); page.Param("code") != "" {
			t.Error("a blocked person is logged in silently")
		}
		if page := p.browser(t).Open(p.app(t, "spa").Authorize(through(name)).URL); page.Param("error") != "unauthorized" {
			t.Errorf("a blocked person's log-in ends at %s", page.URL)
		}
		if answer := p.manage(t, p.nodes[1], http.MethodPatch, path, `{"blocked":false}`); answer.Status != http.StatusOK {
			t.Fatal(answer.Body)
		}
		p.logIn(t, p.app(t, "spa"), p.browser(t), name)
	})
	p.sound(t)
	p.noErrors(t)
}

// connection is the id of the connection with a name.
func (p *pair) connection(t *testing.T, name string) string {
	t.Helper()
	body := p.manage(t, p.Server, http.MethodGet, "connections?name="+name, "").Body
	_, rest, found := strings.Cut(body, `"id":"`)
	id, _, ended := strings.Cut(rest, `"`)
	if !found || !ended {
		t.Fatalf("there is no connection %s: %s", name, body)
	}
	return id
}

func (p *pair) switched(t *testing.T, node *blackbox.Server, id, body string) {
	t.Helper()
	if answer := p.manage(t, node, http.MethodPatch, "connections/"+id, body); answer.Status != http.StatusOK {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
}

// offers tells whether a node sends somebody on to the provider.
func offers(t *testing.T, p *pair, app *blackbox.App, name string) bool {
	t.Helper()
	browser := p.browser(t)
	browser.Apps = append(browser.Apps, p.upstream.URL)
	page := browser.Open(app.Authorize(through(name)).URL)
	return page.App && strings.HasPrefix(page.URL.String(), p.upstream.URL)
}

// dead checks that nothing of an answer of /oauth/token is good on a node.
func (p *pair) dead(t *testing.T, node *blackbox.Server, tokens blackbox.Answer) {
	t.Helper()
	if answer := node.Userinfo(t, tokens.Text("access_token")); answer.Status != http.StatusUnauthorized {
		t.Errorf("userinfo answers %d, want 401", answer.Status)
	}
	if answer := at(t, node, "spa").Refresh(tokens.Text("refresh_token"), nil); answer.Status != http.StatusForbidden {
		t.Errorf("a refresh gives %s, want 403", answer.Error())
	}
}

package storetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/profilestore"
)

// found returns the ids of a search's users in their order.
func found(t *testing.T, s profilestore.Store, q profilestore.Query) []string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, err := s.Search(t.Context(), q)
	if err != nil {
		t.Fatalf("Search(%+v): %v", q, err)
	}
	ids := []string{}
	for _, u := range page.Users {
		ids = append(ids, u.ID)
	}
	return ids
}

func searchTerms(t *testing.T, a, _ profilestore.Store) {
	yes := true
	x := person(1, "x", "Ünal@Example.com")
	for name, value := range map[string]any{
		"email_verified": true, "username": "Xerxes", "phone_number": "+1555", "name": "Xénia ÅNG", "nickname": "XX",
		"given_name": "Xénia", "family_name": "ÅNG",
	} {
		x.Root[name] = value
	}
	x.Blocked, x.LoginsCount, x.LastIP = &yes, 3, "192.0.2.1"
	x.Identities = append(x.Identities,
		profilestore.Identity{Connection: "gh", Provider: "github", UserID: json.Number("9007199254740993")})
	x.AppMetadata = map[string]any{
		"plan": "Gold", "n": json.Number("9007199254740993"), "f": json.Number("1.10"), "yes": true, "nil": nil,
		"roles": []any{"admin", json.Number("7"), true}, "deep": map[string]any{"er": map[string]any{"k": "v"}},
		`q"uote`: "q", "sp ace$[0]": "s", `back\slash`: "b", "é😀": "e", "": "empty", "o'b": "o", "<tag>": "t", "digits": "42",
	}
	x.UserMetadata = map[string]any{"plan": "silver", "list": []any{map[string]any{"k": "v"}}}
	put(t, a, x, person(2, "other", "other@example.com"))
	for _, c := range []struct {
		field, value string
		want         bool
	}{
		{"user_id", "auth0|x", true},
		{"user_id", "AUTH0|X", false},
		{"email", "ünal@example.com", true},
		{"email", "ÜNAL@EXAMPLE.COM", true},
		{"email", "nal@example.com", false},
		{"email_verified", "true", true},
		{"email_verified", "TRUE", false},
		{"username", "Xerxes", true},
		{"username", "xerxes", false},
		{"phone_number", "+1555", true},
		{"name", "xénia ång", true},
		{"nickname", "xx", true},
		{"given_name", "XÉNIA", true},
		{"family_name", "ång", true},
		{"blocked", "true", true},
		{"blocked", "false", false},
		{"logins_count", "3", true},
		{"logins_count", "4", false},
		{"logins_count", "three", false},
		{"last_ip", "192.0.2.1", true},
		{"last_ip", "192.0.2.2", false},
		{"identities.connection", "gh", true},
		{"identities.provider", "github", true},
		{"identities.user_id", "9007199254740993", true},
		{"identities.user_id", "9007199254740992", false},
		{"app_metadata.plan", "Gold", true},
		{"app_metadata.plan", "gold", false},
		{"app_metadata.plan", "silver", false},
		{"user_metadata.plan", "silver", true},
		{"app_metadata.n", "9007199254740993", true},
		{"app_metadata.n", "9007199254740992", false},
		{"app_metadata.f", "1.10", true},
		{"app_metadata.yes", "true", true},
		{"app_metadata.roles", "admin", true},
		{"app_metadata.roles", "7", true},
		{"app_metadata.roles", "adm", false},
		{"app_metadata.deep.er.k", "v", true},
		{"app_metadata.deep", "v", false},
		{"app_metadata.missing", "", false},
		{`app_metadata.q"uote`, "q", true},
		{"app_metadata.sp ace$[0]", "s", true},
		{`app_metadata.back\slash`, "b", true},
		{"app_metadata.é😀", "e", true},
		{"app_metadata.o'b", "o", true},
		{"app_metadata.<tag>", "t", true},
		{"app_metadata.digits", "42", true},
		{"app_metadata.digits", `"42"`, false},
		{"app_metadata.", "empty", true},
		{"user_metadata.list", "v", false},
	} {
		ids := found(t, a, profilestore.Query{Terms: []profilestore.Term{{Field: c.field, Value: c.value}}})
		want := []string{}
		if c.want {
			want = []string{x.ID}
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s:%q (-want +got):\n%s", c.field, c.value, diff)
		}
	}
}

func searchAnd(t *testing.T, a, _ profilestore.Store) {
	x, y := person(1, "x", "x@example.com"), person(2, "y", "y@example.com")
	for _, u := range []*profilestore.User{x, y} {
		u.Root["family_name"] = "Doe"
	}
	y.Identities = append(y.Identities, profilestore.Identity{Connection: "gh", Provider: "github", UserID: "1"})
	put(t, a, x, y)
	doe := profilestore.Term{Field: "family_name", Value: "doe"}
	same(t, "one term", found(t, a, profilestore.Query{Terms: []profilestore.Term{doe}}), []string{x.ID, y.ID})
	same(t, "two terms", found(t, a, profilestore.Query{
		Terms: []profilestore.Term{doe, {Field: "email", Value: "y@example.com"}},
	}), []string{y.ID})
	same(t, "contradiction", found(t, a, profilestore.Query{
		Terms: []profilestore.Term{{Field: "email", Value: "x@example.com"}, {Field: "email", Value: "y@example.com"}},
	}), []string{})
	same(t, "connection", found(t, a, profilestore.Query{Connection: "gh"}), []string{y.ID})
	same(t, "connection and term", found(t, a, profilestore.Query{
		Connection: "gh", Terms: []profilestore.Term{{Field: "user_id", Value: x.ID}},
	}), []string{})
}

func searchPages(t *testing.T, a, _ profilestore.Store) {
	var byAge []string
	for n := range 7 {
		u := person(n, fmt.Sprint((n*3)%7), fmt.Sprintf("%d@example.com", 6-n))
		u.LoginsCount = int64(n % 2)
		byAge = append(byAge, u.ID)
		put(t, a, u)
	}
	reversed := func(ids []string) []string {
		out := []string{}
		for i := range ids {
			out = append(out, ids[len(ids)-1-i])
		}
		return out
	}
	same(t, "default order", found(t, a, profilestore.Query{}), byAge)
	same(t, "descending", found(t, a, profilestore.Query{Descending: true}), reversed(byAge))
	same(t, "by e-mail address", found(t, a, profilestore.Query{Sort: "email"}), reversed(byAge))
	same(t, "second page", found(t, a, profilestore.Query{Offset: 3, Limit: 3}), byAge[3:6])
	same(t, "last page", found(t, a, profilestore.Query{Offset: 6, Limit: 3}), byAge[6:])
	same(t, "beyond the end", found(t, a, profilestore.Query{Offset: 9, Limit: 3}), []string{})
	for _, q := range []profilestore.Query{{Total: true}, {Total: true, Limit: 2, Offset: 6}, {Limit: 2}} {
		page, err := a.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if q.Total {
			want = 7
		}
		same(t, "total", page.Total, want)
		same(t, "number of users", len(page.Users), min(q.Limit, 7-q.Offset))
	}
	for _, field := range []string{
		"user_id", "email", "email_verified", "username", "phone_number", "name", "nickname", "given_name", "family_name",
		"blocked", "logins_count", "last_ip", "identities.connection", "identities.provider", "identities.user_id",
	} {
		same(t, "users sorted by "+field, len(found(t, a, profilestore.Query{Sort: field})), 7)
	}
	// Pages of equal values don't overlap.
	var paged []string
	for offset := range 7 {
		paged = append(paged, found(t, a, profilestore.Query{Sort: "logins_count", Offset: offset, Limit: 1})...)
	}
	same(t, "single pages", paged, found(t, a, profilestore.Query{Sort: "logins_count"}))
}

func searchUnknown(t *testing.T, a, _ profilestore.Store) {
	for _, field := range []string{"", "password_hash", "root.email", "app_metadata", "identities", "doc", "email OR 1=1"} {
		if _, err := a.Search(t.Context(), profilestore.Query{
			Terms: []profilestore.Term{{Field: field, Value: "x"}}, Limit: 1,
		}); err == nil {
			t.Errorf("search by %q is no error", field)
		}
	}
	for _, sort := range []string{"app_metadata.plan", "doc", "email; DROP TABLE users"} {
		if _, err := a.Search(t.Context(), profilestore.Query{Sort: sort, Limit: 1}); err == nil {
			t.Errorf("sort by %q is no error", sort)
		}
	}
}

package mgmtapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

func TestConcurrentPatchesLoseNothing(t *testing.T) {
	w := newWorld(t, newKeys(t))
	const n = 16
	authorization := "Bearer " + w.machine(allWrite, nil)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			rec := w.send("PATCH", "/api/v2/users/auth0%7Cann", authorization, fmt.Sprintf(`{"user_metadata":{"k%d":%d}}`, i, i))
			if rec.Code != http.StatusOK {
				t.Errorf("%d: %s", rec.Code, rec.Body)
			}
		})
	}
	all.Wait()
	metadata, _ := w.call("GET", "/api/v2/users/auth0%7Cann", "", http.StatusOK)["user_metadata"].(map[string]any)
	if len(metadata) != n {
		t.Errorf("%d keys are left of %d: %v", len(metadata), n, metadata)
	}
}

func TestConcurrentCreationsMakeOneUser(t *testing.T) {
	w := newWorld(t, newKeys(t))
	authorization := "Bearer " + w.machine(allWrite, nil)
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			rec := w.send("POST", "/api/v2/users", authorization, `{"connection":"Users","email":"race@example.com","password":"Correct-Horse-9"}`)
			mu.Lock()
			defer mu.Unlock()
			statuses[rec.Code]++
		})
	}
	all.Wait()
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusConflict] != 7 {
		t.Errorf("statuses %v, want one 201 and seven 409", statuses)
	}
}

// Two administrators link one account to two people at the same moment: one of them gets it.
func TestConcurrentLinksGiveAnAccountToOnePerson(t *testing.T) {
	w := newWorld(t, newKeys(t))
	authorization := "Bearer " + w.machine(allWrite, nil)
	var mu sync.Mutex
	linked := 0
	var all sync.WaitGroup
	for _, id := range []string{"auth0%7Cann", "auth0%7Cbob"} {
		all.Go(func() {
			rec := w.send("POST", "/api/v2/users/"+id+"/identities", authorization, `{"provider":"github","user_id":42}`)
			mu.Lock()
			defer mu.Unlock()
			if rec.Code == http.StatusCreated {
				linked++
			}
		})
	}
	all.Wait()
	if linked != 1 {
		t.Errorf("%d links, want 1", linked)
	}
}

// What ends a user's access, and what doesn't.
func TestAccessEndsWithTheReasonForIt(t *testing.T) {
	keys := newKeys(t)
	for _, c := range []struct {
		name, user, connection, method, path, body string
		ends                                       bool
	}{
		{"block", "auth0|ann", "Users", "PATCH", "/users/auth0%7Cann", `{"blocked":true}`, true},
		{"password", "auth0|ann", "Users", "PATCH", "/users/auth0%7Cann", `{"password":"Correct-Horse-77"}`, true},
		{"delete", "auth0|ann", "Users", "DELETE", "/users/auth0%7Cann", "", true},
		{"being linked away", "github|42", "github", "POST", "/users/auth0%7Cann/identities", `{"provider":"github","user_id":42}`, true},
		{"metadata", "auth0|ann", "Users", "PATCH", "/users/auth0%7Cann", `{"user_metadata":{"a":1}}`, false},
		{"unblock", "auth0|ann", "Users", "PATCH", "/users/auth0%7Cann", `{"blocked":false}`, false},
		{"somebody else's block", "auth0|ann", "Users", "PATCH", "/users/auth0%7Cbob", `{"blocked":true}`, false},
		{"a second account", "auth0|ann", "Users", "POST", "/users/auth0%7Cann/identities", `{"provider":"github","user_id":42}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, keys)
			_, session, grant := w.person(c.user, c.connection, "openid")
			status := map[string]int{"PATCH": http.StatusOK, "DELETE": http.StatusNoContent, "POST": http.StatusCreated}[c.method]
			w.call(c.method, "/api/v2"+c.path, c.body, status)
			_, sessionErr := w.sessions.Get(t.Context(), session)
			_, grantErr := w.grants.GetGrant(t.Context(), grant)
			if got := errors.Is(sessionErr, sessions.ErrNotFound); got != c.ends {
				t.Errorf("session: %v, want it ended: %t", sessionErr, c.ends)
			}
			if got := errors.Is(grantErr, sessions.ErrRevoked) || errors.Is(grantErr, sessions.ErrNotFound); got != c.ends {
				t.Errorf("grant: %v, want it ended: %t", grantErr, c.ends)
			}
		})
	}
}

func TestUnlinkingEndsTokensOfTheIdentity(t *testing.T) {
	w := newWorld(t, newKeys(t))
	w.call("POST", "/api/v2/users/auth0%7Cann/identities", `{"provider":"github","user_id":42}`, http.StatusCreated)
	w.call("POST", "/api/v2/users/auth0%7Cann/identities", `{"provider":"auth0","user_id":"bob"}`, http.StatusCreated)
	gate := login.Gate{Users: w.users, Tenant: w.cache, Grants: w.grants}
	_, _, viaGitHub := w.person("auth0|ann", "github", "openid")
	_, _, viaUsers := w.person("auth0|ann", "Users", "openid")
	w.call("DELETE", "/api/v2/users/auth0%7Cann/identities/github/42", "", http.StatusOK)
	if _, err := gate.Grant(t.Context(), viaGitHub); !login.Refuses(err) {
		t.Errorf("a token through the unlinked identity: %v", err)
	}
	if _, err := gate.Grant(t.Context(), viaUsers); err != nil {
		t.Errorf("a token through another identity: %v", err)
	}
	// bob came through the same connection as ann: nobody can tell whose tokens these are.
	w.call("DELETE", "/api/v2/users/auth0%7Cann/identities/auth0/bob", "", http.StatusOK)
	if _, err := gate.Grant(t.Context(), viaUsers); !login.Refuses(err) {
		t.Errorf("a token through the connection of the unlinked identity: %v", err)
	}
}

func TestTheNewPasswordWorksAndTheOldOneDoesNot(t *testing.T) {
	w := newWorld(t, newKeys(t))
	w.call("PATCH", "/api/v2/users/auth0%7Cann", `{"password":"Correct-Horse-77"}`, http.StatusOK)
	conn := w.cache.Current().ConnectionByName("Users")
	for password, works := range map[string]bool{"Correct-Horse-77": true, "Correct-Horse-1": false} {
		if _, err := w.login.Password(t.Context(), conn, "ann@example.com", password, login.Origin{ClientID: "app"}); (err == nil) != works {
			t.Errorf("password %q: %v", password, err)
		}
	}
}

// Bad input gets a 4xx, and nothing of it is stored.
func TestBadInputChangesNothing(t *testing.T) {
	w := newWorld(t, newKeys(t))
	before := w.send("GET", "/api/v2/users?sort=user_id:1", "Bearer "+w.machine(allWrite, nil), "").Body.String()
	deep := strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)
	bodies := map[string]string{
		"twice":       `{"user_metadata":{"a":1,"a":2}}`,
		"deep":        `{"user_metadata":` + deep + `}`,
		"open":        `{"user_metadata":{"a":1}`,
		"two":         `{"user_metadata":{"a":1}}{}`,
		"list":        `[{"user_metadata":{"a":1}}]`,
		"null":        `null`,
		"type":        `{"user_metadata":"a"}`,
		"blocked":     `{"blocked":"true"}`,
		"huge":        `{"user_metadata":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`,
		"not UTF-8":   "{\"name\":\"\xff\"}",
		"long name":   `{"name":"` + strings.Repeat("x", 301) + `"}`,
		"dollar":      `{"user_metadata":{"$a":1}}`,
		"nested dots": `{"user_metadata":{"a":[{"b.c":1}]}}`,
		"float id":    `{"user_id":1.5}`,
	}
	for name, body := range bodies {
		for _, target := range []string{"PATCH /api/v2/users/auth0%7Cann", "POST /api/v2/users", "POST /api/v2/users/auth0%7Cann/identities", "PATCH /api/v2/connections/con_users00000000000"} {
			method, path, _ := strings.Cut(target, " ")
			rec := w.send(method, path, "Bearer "+w.machine(allWrite, nil), body)
			if rec.Code < 400 || rec.Code > 499 {
				t.Errorf("%s: %s: %d %s", name, target, rec.Code, rec.Body)
			}
			if name == "huge" && rec.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %s: %d, want 413", name, target, rec.Code)
			}
		}
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "HEAD"} {
		if rec := w.send(method, "/api/v2/users", "Bearer "+w.machine(allWrite, nil), ""); rec.Code != http.StatusForbidden {
			t.Errorf("%s /users: %d", method, rec.Code)
		}
	}
	after := w.send("GET", "/api/v2/users?sort=user_id:1", "Bearer "+w.machine(allWrite, nil), "").Body.String()
	if before != after {
		t.Errorf("something was stored:\n%s\n%s", before, after)
	}
}

func TestOnlyJSONIsRead(t *testing.T) {
	w := newWorld(t, newKeys(t))
	r := httptest.NewRequest("PATCH", "/api/v2/users/auth0%7Cann", strings.NewReader("blocked=true"))
	r.Header.Set("Authorization", "Bearer "+w.machine(allWrite, nil))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestPagesOfTheTokensOwnClientMayReadAnswers(t *testing.T) {
	w := newWorld(t, newKeys(t))
	token, _, _ := w.person("auth0|ann", "Users", "read:current_user")
	for origin, allowed := range map[string]bool{"https://app.test": true, "https://other.test": false, "https://evil.test": false} {
		r := httptest.NewRequest("GET", "/api/v2/users/auth0%7Cann", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Origin", origin)
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if got := rec.Header().Get("Access-Control-Allow-Origin") == origin; rec.Code != http.StatusOK || got != allowed {
			t.Errorf("%s: %d, allowed: %t", origin, rec.Code, got)
		}
	}
	preflight := httptest.NewRequest("OPTIONS", "/api/v2/users/auth0%7Cann", nil)
	preflight.Header.Set("Origin", "https://app.test")
	preflight.Header.Set("Access-Control-Request-Method", "PATCH")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, preflight)
	if rec.Code != http.StatusNoContent || !strings.Contains(rec.Header().Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("preflight: %d %v", rec.Code, rec.Header())
	}
}

func TestWritesAreLoggedWithoutSecrets(t *testing.T) {
	w := newWorld(t, newKeys(t))
	w.call("POST", "/api/v2/users", `{"connection":"Users","email":"log@example.com","password":"Hidden-Password-1"}`, http.StatusCreated)
	w.call("PATCH", "/api/v2/users/auth0%7Cann", `{"password":"hidden"}`, http.StatusBadRequest)
	w.call("PATCH", "/api/v2/connections/con_github0000000000", `{"options":{"client_id":"c","client_secret":"hidden"}}`, http.StatusOK)
	w.call("DELETE", "/api/v2/users/auth0%7Cann", "", http.StatusNoContent)
	w.call("GET", "/api/v2/users/auth0%7Cbob", "", http.StatusOK)
	w.log.Close()
	w.events.mu.Lock()
	defer w.events.mu.Unlock()
	var kinds []string
	for _, e := range w.events.all {
		switch e.Type {
		case audit.ManagementWrite, audit.ManagementFailure, audit.UserDeleted:
			kinds = append(kinds, string(e.Type)+" "+e.Description)
			request, _ := e.Details["request"].(map[string]any)
			if e.ClientID != "machine" || request["method"] == nil || request["path"] == nil || request["scopes"] == nil {
				t.Errorf("%s lacks who asked for what: %+v", e.Type, e)
			}
		}
		if strings.Contains(strings.ToLower(fmt.Sprintf("%+v", e)), "hidden") {
			t.Errorf("a secret is logged: %+v", e)
		}
	}
	want := "sapi Create a User; fapi PasswordStrengthError: Password is too weak; sapi Update a connection; sapi Delete a User; sdu User successfully deleted"
	if got := strings.Join(kinds, "; "); got != want {
		t.Errorf("log:\n%s\nwant:\n%s", got, want)
	}
}

// Tokens for this API may be signed by any of our algorithms, in either dialect; an ID token is no access token.
func TestTokensThatOpen(t *testing.T) {
	w := newWorld(t, newKeys(t))
	claims := map[string]any{
		"iss": issuer, "sub": "machine@clients", "aud": audience, "scope": "read:users",
		"iat": noon.Unix(), "exp": noon.Unix() + 60,
	}
	for _, alg := range []string{"RS256", "PS256", "ES256"} {
		for _, typ := range []string{"JWT", "at+jwt"} {
			if rec := w.send("GET", "/api/v2/users", "Bearer "+w.sign(alg, typ, claims), ""); rec.Code != http.StatusOK {
				t.Errorf("%s %s: %d %s", alg, typ, rec.Code, rec.Body)
			}
		}
	}
	hs, err := tokens.SignHS256([]byte(strings.Repeat("k", 32)), "JWT", claims)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"HS256": hs, "logout token": w.sign("RS256", "logout+jwt", claims), "ID token": w.idToken(nil),
	} {
		if rec := w.send("GET", "/api/v2/users", "Bearer "+token, ""); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
}

// A client that lost its place in the tenant, and a person whose grant was revoked, have no access from then on.
func TestTokensEndWithWhatTheyStandFor(t *testing.T) {
	w := newWorld(t, newKeys(t))
	machine := "Bearer " + w.machine("read:users", nil)
	person, _, grant := w.person("auth0|ann", "Users", "read:current_user")
	check := func(when string, want int) {
		t.Helper()
		if rec := w.send("GET", "/api/v2/users", machine, ""); rec.Code != want {
			t.Errorf("%s: client: %d", when, rec.Code)
		}
		if rec := w.send("GET", "/api/v2/users/auth0%7Cann", "Bearer "+person, ""); rec.Code != want {
			t.Errorf("%s: person: %d", when, rec.Code)
		}
	}
	check("at first", http.StatusOK)
	if err := w.grants.RevokeGrant(t.Context(), grant, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err := w.cache.Update(t.Context(), func(config *tenant.Config) error {
		delete(config.Clients, "machine")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check("after", http.StatusUnauthorized)
}

func TestFailuresOfOursSayNothing(t *testing.T) {
	w := newWorld(t, newKeys(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/v2/users", nil)
	r.Header.Set("Authorization", "Bearer "+w.machine(allWrite, nil))
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "context") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// People outlive their connection: their profile can be changed, what they log in with can't.
func TestPeopleOfADeletedConnection(t *testing.T) {
	w := newWorld(t, newKeys(t))
	_, err := w.cache.Update(t.Context(), func(config *tenant.Config) error {
		delete(config.Connections, "con_users00000000000")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.call("PATCH", "/api/v2/users/auth0%7Cann", `{"name":"Ann Lee","blocked":true}`, http.StatusOK)
	for _, body := range []string{`{"email":"x@example.com"}`, `{"password":"Correct-Horse-77"}`} {
		got := w.call("PATCH", "/api/v2/users/auth0%7Cann", body, http.StatusBadRequest)["message"]
		if got != "Cannot change email or password for users in a disabled connection." {
			t.Errorf("%s: %v", body, got)
		}
	}
}

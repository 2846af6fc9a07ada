package crash_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

func TestMain(m *testing.M) { os.Exit(blackbox.Main(m)) }

const (
	callback  = "https://app.test/cb"
	startPage = "https://app.test/start"
	password  = "Passw0rd-of-a-person!"
	webSecret = "web-client-secret-web-client-secret-web-client-secret"
	m2mSecret = "m2m-client-secret-m2m-client-secret-m2m-client-secret"
)

const tenantFile = `
tenant:
  friendly_name: Crash
  default_directory: db
  default_redirection_uri: ` + startPage + `
clients:
  - {name: spa, client_id: spa, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["` + callback + `"], grant_types: [authorization_code, refresh_token],
     refresh_token: {rotation_type: rotating, expiration_type: expiring, leeway: 0, token_lifetime: 2592000, idle_token_lifetime: 1296000}}
  - {name: lenient, client_id: lenient, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["` + callback + `"], grant_types: [authorization_code, refresh_token],
     refresh_token: {rotation_type: rotating, expiration_type: expiring, leeway: 10, token_lifetime: 2592000, idle_token_lifetime: 1296000}}
  - {name: fixed, client_id: fixed, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["` + callback + `"], grant_types: [authorization_code, refresh_token],
     refresh_token: {rotation_type: non-rotating, expiration_type: expiring, token_lifetime: 2592000, idle_token_lifetime: 1296000}}
  - {name: web, client_id: web, client_secret: ` + webSecret + `, app_type: regular_web, token_endpoint_auth_method: client_secret_post,
     is_first_party: true, oidc_conformant: true, callbacks: ["https://web.test/cb"], grant_types: [password]}
  - {name: m2m, client_id: m2m, client_secret: ` + m2mSecret + `, app_type: non_interactive, token_endpoint_auth_method: client_secret_post,
     is_first_party: true, oidc_conformant: true, grant_types: [client_credentials]}
clientGrants:
  - {client_id: m2m, audience: "##LATCHKEY_ISSUER##api/v2/", scope: ["read:users", "update:users"]}
databases:
  - {name: db, strategy: auth0, enabled_clients: [spa, lenient, fixed, web], options: {passwordPolicy: low}}
connections:
  - name: up
    strategy: oidc
    enabled_clients: [spa, lenient, fixed]
    options: {type: back_channel, client_id: c, client_secret: s, issuer: "https://idp.test", scope: openid profile email}
users:
  - {connection: db, email: ada@example.com, email_verified: true, password: "` + password + `", name: Ada}
`

// world is a running product with an identity provider and what was done to it.
type world struct {
	*blackbox.Server
	upstream *blackbox.Upstream
	tally    tally
}

// tally counts kills and how people came out of them.
type tally struct {
	kills    int
	outcomes map[outcome]int
}

func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	upstream := blackbox.NewUpstream(t)
	server := blackbox.Start(t, blackbox.Options{Tenant: tenantFile, Upstream: upstream.URL, Env: env})
	return &world{Server: server, upstream: upstream, tally: tally{outcomes: map[outcome]int{}}}
}

func (w *world) app(t *testing.T, clientID string) *blackbox.App {
	return blackbox.NewApp(t, w.Server, clientID, "", callback)
}

// crash kills the product and starts it again.
func (w *world) crash() {
	w.Kill()
	w.tally.kills++
	w.Restart()
}

// register makes the provider know somebody and returns their name there.
func (w *world) register(name string) string {
	w.upstream.Register(name, blackbox.Person{Claims: map[string]any{"sub": name, "email": name + "@example.com", "email_verified": true}})
	return name
}

// query reads rows of text from the product's database, as it stands now.
func (w *world) query(t *testing.T, text string, args ...any) []string {
	t.Helper()
	path := "file:" + (&url.URL{Path: filepath.Join(w.Dir, "latchkey.db")}).EscapedPath()
	db, err := sql.Open("sqlite", path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		list = append(list, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// heldOnly checks that the refresh tokens that live in the database are those that apps hold, and no others.
func (w *world) heldOnly(t *testing.T, held ...string) {
	t.Helper()
	want := []string{}
	for _, token := range held {
		sum := sha256.Sum256([]byte(token))
		want = append(want, hex.EncodeToString(sum[:]))
	}
	slices.Sort(want)
	got := w.query(t, "SELECT lower(hex(hash)) FROM refresh_tokens WHERE retired_at = 0 ORDER BY 1")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("live refresh tokens (-held by apps +in the database):\n%s", diff)
	}
}

// storedOnce checks that everybody with the address is one user, in the tables and through the Management API.
func (w *world) storedOnce(t *testing.T, email string) (userID string) {
	t.Helper()
	ids := w.query(t, "SELECT id FROM users WHERE email_lower = ?", email)
	identities := w.query(t, "SELECT user_id FROM user_identities AS i WHERE EXISTS (SELECT 1 FROM users WHERE id = i.user_id AND email_lower = ?)", email)
	if len(ids) != 1 || !slices.Equal(ids, identities) {
		t.Fatalf("%s is stored as users %v with identities of %v", email, ids, identities)
	}
	answer := w.Do(t, http.MethodGet, "/api/v2/users-by-email?email="+url.QueryEscape(email), "", "", w.admin(t))
	if answer.Status != http.StatusOK || !slices.Equal(userIDs(t, answer.Body), ids) {
		t.Fatalf("the Management API knows %s as %d %s, want %v", email, answer.Status, answer.Body, ids)
	}
	return ids[0]
}

// admin returns the header of a request to the Management API.
func (w *world) admin(t *testing.T) http.Header {
	t.Helper()
	answer := w.PostForm(t, "/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"m2m"}, "client_secret": {m2mSecret}, "audience": {w.Issuer + "api/v2/"},
	})
	if answer.Status != http.StatusOK {
		t.Fatal(answer.Error())
	}
	return http.Header{"Authorization": {"Bearer " + answer.Text("access_token")}}
}

// answersAs checks that an access token is good and whose it is.
func (w *world) answersAs(t *testing.T, accessToken, userID string) {
	t.Helper()
	if answer := w.Userinfo(t, accessToken); answer.Status != http.StatusOK || answer.Text("sub") != userID {
		t.Errorf("userinfo answers %d %q, want the person %s", answer.Status, answer.Text("sub"), userID)
	}
}

// isDead checks that nothing of an answer of /oauth/token is good any more.
func (w *world) isDead(t *testing.T, app *blackbox.App, tokens blackbox.Answer) {
	t.Helper()
	if answer := w.Userinfo(t, tokens.Text("access_token")); answer.Status != http.StatusUnauthorized {
		t.Errorf("userinfo answers %d for a revoked grant, want 401", answer.Status)
	}
	if answer := app.Refresh(tokens.Text("refresh_token"), nil); answer.Status != http.StatusForbidden || answer.Text("error") != "invalid_grant" {
		t.Errorf("a revoked refresh token gives %s, want invalid_grant", answer.Error())
	}
}

package mgmtapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/mgmtapi"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

const (
	issuer   = "https://id.test/"
	audience = issuer + "api/v2/"
	allWrite = "create:users read:users update:users delete:users update:users_app_metadata read:connections update:connections"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// newKeys makes one ring for many worlds, as making RSA keys takes long.
func newKeys(t testing.TB) *tokens.Keyring {
	t.Helper()
	keys := tokens.NewKeyring(openDB(t).Tenant("keys").Keys(), clock)
	if err := keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return keys
}

func clock() time.Time { return noon }

func openDB(t testing.TB) *sqlite.DB {
	t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.InMemory, Ring: ring, Now: clock, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// events remembers the tenant log.
type events struct {
	mu  sync.Mutex
	all []audit.Event
}

func (e *events) Append(_ context.Context, more []audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, more...)
	return nil
}

func (e *events) List(context.Context, string, int) ([]audit.Event, error)  { return nil, nil }
func (e *events) DeleteBefore(context.Context, time.Time, int) (int, error) { return 0, nil }

// world is a server with a few people, clients and connections.
type world struct {
	t        testing.TB
	keys     *tokens.Keyring
	users    profilestore.Store
	grants   sessions.Grants
	sessions sessions.Box[sessions.Session]
	cache    *tenant.Cache
	login    *login.Service
	log      *audit.Log
	events   *events
	handler  http.Handler
}

func newWorld(t testing.TB, keys *tokens.Keyring) *world {
	t.Helper()
	db := openDB(t).Tenant("main")
	w := &world{t: t, keys: keys, users: db.Users(), grants: db.Grants(), events: &events{}}
	w.sessions = sessions.NewBox[sessions.Session](db.Ephemeral(), sessions.KindSession, time.Hour, clock)
	cache, err := tenant.NewCache(t.Context(), db.Config())
	if err != nil {
		t.Fatal(err)
	}
	w.cache = cache
	if _, err := cache.Update(t.Context(), configure); err != nil {
		t.Fatal(err)
	}
	hasher, err := passwords.New(passwords.Config{Params: passwords.Params{Memory: 64, Time: 1, Threads: 1}, Queue: 1000})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	registry := connectors.NewRegistry(connectors.Deps{Hasher: hasher, Accounts: login.Accounts{Users: w.users}, Log: quiet})
	w.log = audit.NewLog(w.events, clock, quiet)
	t.Cleanup(w.log.Close)
	w.login = &login.Service{Users: w.users, Tenant: cache, Connectors: registry, Sessions: w.sessions, Audit: w.log, Now: clock}
	surface := &mgmtapi.Surface{
		Issuer: issuer, Tenant: cache, Users: w.users, Login: w.login, Grants: w.grants, Sessions: w.sessions, Keys: keys,
		Gate: login.Gate{Users: w.users, Tenant: cache, Grants: w.grants}, Connectors: registry, Audit: w.log, Now: clock,
	}
	router := chi.NewRouter()
	surface.Routes(router)
	w.handler = router
	w.people()
	return w
}

func configure(config *tenant.Config) error {
	for id, callback := range map[string]string{"app": "https://app.test/cb", "other": "https://other.test/cb", "machine": "https://machine.test/cb"} {
		client := tenant.NewClient(&tenant.Client{Name: id})
		client.ID, client.Name, client.Callbacks = id, id, []string{callback}
		tenant.CompleteClient(client)
		config.Clients[id] = client
	}
	on := []string{"app", "other"}
	for _, conn := range []*tenant.Connection{
		{ID: "con_users00000000000", Name: "Users", Strategy: "auth0", EnabledClients: on},
		{ID: "con_named00000000000", Name: "Named", Strategy: "auth0", EnabledClients: on, Options: map[string]any{"requires_username": true}},
		{ID: "con_nobody0000000000", Name: "Nobody", Strategy: "auth0"},
		{ID: "con_custom0000000000", Name: "Custom", Strategy: "auth0", EnabledClients: on, Options: map[string]any{"enabledDatabaseCustomization": true}},
		{ID: "con_github0000000000", Name: "github", Strategy: "github", EnabledClients: on, Options: map[string]any{"client_id": "c", "client_secret": "s3cret"}},
		{ID: "con_corp000000000000", Name: "corp", Strategy: "oidc", EnabledClients: on, Options: map[string]any{"client_id": "c", "client_secret": "s", "issuer": "https://corp.test"}},
	} {
		tenant.CompleteConnection(conn)
		config.Connections[conn.ID] = conn
	}
	tenant.EnsureManagementAPI(config, issuer)
	config.Index()
	return nil
}

// people come from a tenant file, and through identity providers.
func (w *world) people() {
	w.t.Helper()
	for _, seed := range []tenant.SeedUser{
		{Connection: "Users", Password: "Correct-Horse-1", Profile: map[string]any{"email": "Ann@Example.com", "user_id": "ann", "email_verified": true, "given_name": "Ann"}},
		{Connection: "Users", Password: "Correct-Horse-2", Profile: map[string]any{"email": "bob@example.com", "user_id": "bob"}},
		{Connection: "Users", Password: "Correct-Horse-3", Profile: map[string]any{"email": "slash@example.com", "user_id": "a/b%2Fü"}},
		{Connection: "Named", Password: "Correct-Horse-4", Profile: map[string]any{"email": "carl@example.com", "username": "carl", "user_id": "carl"}},
	} {
		if created, err := w.login.SeedUser(w.t.Context(), seed); err != nil || !created {
			w.t.Fatal(created, err)
		}
	}
	w.comes("github", map[string]any{"id": json.Number("42"), "login": "octo", "email": "Octo@Hub.test"}, nil)
	w.comes("github", map[string]any{"id": json.Number("43"), "login": "bad"}, nil)
	w.comes("corp", nil, map[string]any{"sub": "w1", "email": "ann@corp.test"})
}

func (w *world) comes(connection string, userinfo, idToken map[string]any) {
	w.t.Helper()
	a := connectors.Assertion{Connection: w.cache.Current().ConnectionByName(connection), IDToken: idToken}
	if userinfo != nil {
		a.Userinfo = userinfo
	}
	if _, err := w.login.Complete(w.t.Context(), a, login.Origin{IP: "192.0.2.1"}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sign(alg, typ string, claims map[string]any) string {
	w.t.Helper()
	token, err := w.keys.Sign(alg, typ, claims)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func (w *world) machine(scope string, change map[string]any) string {
	claims := map[string]any{
		"iss": issuer, "sub": "machine@clients", "aud": audience, "azp": "machine", "scope": scope,
		"iat": noon.Unix(), "exp": noon.Unix() + 60, "jti": "x",
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return w.sign("RS256", "JWT", claims)
}

// person logs a user in: a browser session, a grant, and a token for this API.
func (w *world) person(userID, connection, scope string) (token, session, grant string) {
	w.t.Helper()
	grant = ids.Alphanumeric(20)
	err := w.grants.CreateGrant(w.t.Context(), sessions.Grant{
		ID: grant, UserID: userID, ClientID: "app", Connection: connection,
		Scope: strings.Fields(scope), AuthTime: noon, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	session, err = w.sessions.New(w.t.Context(), userID, sessions.Session{ID: grant, UserID: userID})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sign("RS256", "JWT", map[string]any{
		"iss": issuer, "sub": userID, "aud": []string{audience, issuer + "userinfo"},
		"azp": "app", "scope": scope, "iat": noon.Unix(), "exp": noon.Unix() + 60, "jti": grant + ".x",
	}), session, grant
}

func (w *world) idToken(change map[string]any) string {
	claims := map[string]any{"iss": issuer, "sub": "github|42", "aud": "app", "iat": noon.Unix(), "exp": noon.Unix() + 60}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return w.sign("RS256", "JWT", claims)
}

func (w *world) send(method, path, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// call sends a request of the machine client with all scopes and wants a status.
func (w *world) call(method, path, body string, status int) map[string]any {
	w.t.Helper()
	rec := w.send(method, path, "Bearer "+w.machine(allWrite, nil), body)
	if rec.Code != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, rec.Code, rec.Body, status)
	}
	var answer map[string]any
	if status == http.StatusNoContent || strings.HasPrefix(rec.Body.String(), "[") {
		return nil
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer
}

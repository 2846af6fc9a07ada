package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/oauth"
	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

const (
	issuer = "https://id.test/"
	person = "auth0|ann"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// interleaved lets something happen right after a session was read for the first time.
type interleaved struct {
	sessions.Ephemeral
	then func()
}

func (i *interleaved) Get(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	item, err := i.Ephemeral.Get(ctx, kind, key)
	if then := i.then; then != nil && kind == sessions.KindSession {
		i.then = nil
		then()
	}
	return item, err
}

// world is the surface with one person, who is logged in at one browser.
type world struct {
	store   *interleaved
	login   *login.Service
	handler http.Handler
	secret  string // of the session
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, seal.KeySize))
	ok(t, err)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.InMemory, Ring: ring, Now: clock, Migrate: true})
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	stores := db.Tenant("main")
	cache, err := tenant.NewCache(t.Context(), stores.Config())
	ok(t, err)
	_, err = cache.Update(t.Context(), configure)
	ok(t, err)
	log := audit.NewLog(stores.Audit(), clock, slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(log.Close)
	shown, err := views.New(views.Options{})
	ok(t, err)

	w := &world{store: &interleaved{Ephemeral: stores.Ephemeral()}}
	w.login = &login.Service{
		Users: stores.Users(), Tenant: cache, Audit: log, Now: clock,
		Sessions: sessions.NewBox[sessions.Session](w.store, sessions.KindSession, time.Hour, clock),
	}
	surface := &oauth.Surface{
		Issuer: issuer, Tenant: cache, Users: stores.Users(), Login: w.login, Grants: stores.Grants(), Audit: log, Now: clock,
		Gate:         login.Gate{Users: stores.Users(), Tenant: cache, Grants: stores.Grants()},
		Transactions: sessions.NewBox[sessions.Transaction](w.store, sessions.KindTransaction, time.Hour, clock),
		Codes:        sessions.NewBox[sessions.Code](w.store, sessions.KindCode, time.Minute, clock),
		Pages:        &page.Kit{Views: shown, Tenant: cache, Key: make([]byte, 32)},
	}
	router := chi.NewRouter()
	surface.Routes(router)
	w.handler = router

	ann := &profilestore.User{
		ID: person, Root: map[string]any{"email": "ann@example.com"},
		Identities: []profilestore.Identity{{Connection: "Users", Provider: "auth0", UserID: "ann"}},
	}
	ok(t, stores.Users().Write(t.Context(), func(tx profilestore.Tx) error { return tx.Put(t.Context(), ann) }))
	w.secret, _, _, err = w.login.Session(t.Context(), login.Result{
		User: ann, Connection: cache.Current().ConnectionByName("Users"), AuthTime: noon,
	})
	ok(t, err)
	return w
}

func configure(config *tenant.Config) error {
	client := tenant.NewClient(&tenant.Client{Name: "app"})
	client.ID, client.Callbacks = "app", []string{"https://app.test/cb"}
	client.AllowedLogoutURLs = client.Callbacks
	tenant.CompleteClient(client)
	config.Clients[client.ID] = client
	users := &tenant.Connection{ID: "con_users00000000000", Name: "Users", Strategy: "auth0", EnabledClients: []string{"app"}}
	tenant.CompleteConnection(users)
	config.Connections[users.ID] = users
	config.Index()
	return nil
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open follows a link of the browser that is logged in, and returns where it leads.
func (w *world) open(t *testing.T, path string) *url.URL {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.AddCookie(&http.Cookie{Name: web.SessionCookie, Value: w.secret})
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	target, err := rec.Result().Location()
	if err != nil {
		t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	return target
}

// TestASessionThatEndsInAnotherTabStaysEnded ends the session after a request was recognised by it and before its use is
// written down.
func TestASessionThatEndsInAnotherTabStaysEnded(t *testing.T) {
	ends := map[string]func(t *testing.T, w *world){
		"logged out": func(t *testing.T, w *world) { w.open(t, "/v2/logout?client_id=app&returnTo=https://app.test/cb") },
		"deleted with its person": func(t *testing.T, w *world) {
			ok(t, w.login.Sessions.DeleteOwned(t.Context(), person))
		},
		"replaced by somebody else's": func(t *testing.T, w *world) {
			ok(t, w.login.Sessions.Delete(t.Context(), w.secret))
			_, err := w.login.Sessions.New(t.Context(), "auth0|bob", sessions.Session{UserID: "auth0|bob"})
			ok(t, err)
		},
	}
	for name, end := range ends {
		for _, prompt := range []string{"none", ""} {
			t.Run(name+", prompt="+prompt, func(t *testing.T) {
				w := newWorld(t)
				ended := false
				w.store.then = func() {
					end(t, w)
					ended = true
				}
				target := w.authorize(t, prompt)
				if !ended {
					t.Fatal("the session was never asked for")
				}
				switch {
				case prompt == "none" && target.Query().Get("error") != "login_required":
					t.Errorf("the app hears %s, want login_required", target)
				case prompt == "" && target.Path != "/u/login":
					t.Errorf("the person comes to %s, want the log-in page", target)
				}
				if _, err := w.login.Sessions.Get(t.Context(), w.secret); !errors.Is(err, sessions.ErrNotFound) {
					t.Errorf("Get of the session that ended: %v", err)
				}
				if again := w.authorize(t, "none"); again.Query().Get("error") != "login_required" {
					t.Errorf("the next silent renewal leads to %s", again)
				}
			})
		}
	}
}

func TestAUsedSessionIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	if target := w.authorize(t, "none"); !strings.HasPrefix(target.String(), "https://app.test/cb?code=") {
		t.Errorf("a silent renewal leads to %s, want a code", target)
	}
	session, err := w.login.Sessions.Get(t.Context(), w.secret)
	ok(t, err)
	if session.Stale(noon, "app") {
		t.Errorf("the app's use is not in the session: %+v", session)
	}
}

// authorize begins a log-in.
func (w *world) authorize(t *testing.T, prompt string) *url.URL {
	t.Helper()
	query := url.Values{
		"client_id": {"app"}, "redirect_uri": {"https://app.test/cb"}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"},
	}
	if prompt != "" {
		query.Set("prompt", prompt)
	}
	return w.open(t, "/authorize?"+query.Encode())
}

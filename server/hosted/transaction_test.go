package hosted_test

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
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/hosted"
	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

const (
	browser = "the-browser-of-ann"
	person  = "auth0|ann"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// interleaved lets something happen right after a transaction was read for the first time.
type interleaved struct {
	sessions.Ephemeral
	then func()
}

func (i *interleaved) Get(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	item, err := i.Ephemeral.Get(ctx, kind, key)
	if then := i.then; then != nil && kind == sessions.KindTransaction {
		i.then = nil
		then()
	}
	return item, err
}

// world is the surface with one person, who proved who they are in one transaction.
type world struct {
	store        *interleaved
	transactions sessions.Box[sessions.Transaction]
	pages        *page.Kit
	handler      http.Handler
	session      string // secret
	done         sessions.Login
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
	_, err = cache.Update(t.Context(), func(config *tenant.Config) error {
		client := tenant.NewClient(&tenant.Client{Name: "app"})
		client.ID = "app"
		tenant.CompleteClient(client)
		config.Clients[client.ID] = client
		config.Index()
		return nil
	})
	ok(t, err)
	log := audit.NewLog(stores.Audit(), clock, slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(log.Close)
	shown, err := views.New(views.Options{})
	ok(t, err)

	w := &world{store: &interleaved{Ephemeral: stores.Ephemeral()}, pages: &page.Kit{Views: shown, Tenant: cache, Key: make([]byte, 32)}}
	w.transactions = sessions.NewBox[sessions.Transaction](w.store, sessions.KindTransaction, time.Hour, clock)
	service := &login.Service{
		Users: stores.Users(), Tenant: cache, Audit: log, Now: clock,
		Sessions: sessions.NewBox[sessions.Session](w.store, sessions.KindSession, time.Hour, clock),
	}
	surface := &hosted.Surface{
		Issuer: "https://id.test/", Tenant: cache, Users: stores.Users(), Login: service, Transactions: w.transactions,
		Upstreams: sessions.NewBox[sessions.Upstream](w.store, sessions.KindUpstream, time.Hour, clock),
		Audit:     log, Pages: w.pages, Now: clock, TransactionTTL: time.Hour,
	}
	router := chi.NewRouter()
	surface.Routes(router)
	w.handler = router

	ann := &profilestore.User{ID: person, Root: map[string]any{"email": "ann@example.com"}}
	ok(t, stores.Users().Write(t.Context(), func(tx profilestore.Tx) error { return tx.Put(t.Context(), ann) }))
	secret, session, _, err := service.Session(t.Context(), login.Result{User: ann, Connection: &tenant.Connection{Name: "Users"}, AuthTime: noon})
	ok(t, err)
	w.session, w.done = secret, sessions.Login{UserID: person, Connection: "Users", SessionID: session.ID, AuthTime: noon}
	return w
}

func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	r.AddCookie(&http.Cookie{Name: web.BrowserCookie, Value: browser})
	r.AddCookie(&http.Cookie{Name: web.SessionCookie, Value: w.session})
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// answer sends the consent form.
func (w *world) answer(secret, consent string) *httptest.ResponseRecorder {
	form := url.Values{"state": {secret}, "_csrf": {w.pages.CSRF(browser, "consent"+secret)}, "consent": {consent}}
	r := httptest.NewRequest(http.MethodPost, "/u/consent", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.send(r)
}

func (w *world) begin(t *testing.T, done *sessions.Login) (string, sessions.Transaction) {
	t.Helper()
	begun := sessions.Transaction{
		Browser: sessions.Hash(browser), Request: sessions.AuthorizeRequest{ClientID: "app", Scope: []string{"openid"}}, StartedAt: noon, Done: done,
	}
	secret, err := w.transactions.New(t.Context(), "", begun)
	ok(t, err)
	return secret, begun
}

// TestATransactionUsedInAnotherTabStaysUsed ends a transaction after a page loaded it and before the page saves it.
func TestATransactionUsedInAnotherTabStaysUsed(t *testing.T) {
	w := newWorld(t)
	steps := map[string]func(secret string) *httptest.ResponseRecorder{
		"accept":  func(secret string) *httptest.ResponseRecorder { return w.answer(secret, "accept") },
		"decline": func(secret string) *httptest.ResponseRecorder { return w.answer(secret, "decline") },
	}
	for name, step := range steps {
		t.Run(name+", used", func(t *testing.T) {
			secret, begun := w.begin(t, &w.done)
			w.store.then = func() {
				_, err := w.transactions.Take(t.Context(), secret)
				ok(t, err)
			}
			w.refused(t, step(secret), secret)
			got, err := w.transactions.Take(t.Context(), secret)
			if !errors.Is(err, sessions.ErrTaken) {
				t.Errorf("another Take: %v", err)
			}
			if diff := cmp.Diff(begun, got); diff != "" {
				t.Errorf("the used transaction was changed (-want +got):\n%s", diff)
			}
		})
		t.Run(name+", deleted", func(t *testing.T) {
			secret, _ := w.begin(t, &w.done)
			w.store.then = func() { ok(t, w.transactions.Delete(t.Context(), secret)) }
			w.refused(t, step(secret), secret)
		})
		t.Run(name+", undisturbed", func(t *testing.T) {
			secret, _ := w.begin(t, &w.done)
			rec := step(secret)
			if want := "/authorize/resume?state=" + secret; rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != want {
				t.Errorf("%d to %q, want %q", rec.Code, rec.Header().Get("Location"), want)
			}
			saved, err := w.transactions.Get(t.Context(), secret)
			ok(t, err)
			if saved.Consented == (saved.Failed != nil) {
				t.Errorf("the answer was not saved: %+v", saved)
			}
		})
	}
}

// refused checks that the page says that the log-in has expired and that the transaction can't go on.
func (w *world) refused(t *testing.T, rec *httptest.ResponseRecorder, secret string) {
	t.Helper()
	if w.store.then != nil {
		t.Fatal("the transaction was never asked for")
	}
	if rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" {
		t.Errorf("%d to %q, want the page for what has expired", rec.Code, rec.Header().Get("Location"))
	}
	if _, err := w.transactions.Get(t.Context(), secret); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
}

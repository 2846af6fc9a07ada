package observe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/observe"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

func clock() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// scrape returns the samples whose names begin so, with their values.
func scrape(t *testing.T, m *observe.Metrics, prefix string) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: status %d: %s", w.Code, w.Body)
	}
	found := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, prefix) {
			at := strings.LastIndex(line, " ")
			found[line[:at]] = strings.TrimSpace(line[at:])
		}
	}
	return found
}

// broken is every store at once, and each call of it returns err. Functions inside calls are run.
type broken struct{ err error }

func (b broken) Get(context.Context, string) (*profilestore.User, error) { return nil, b.err }
func (b broken) ByIdentity(context.Context, profilestore.Key) (*profilestore.User, error) {
	return nil, b.err
}

func (b broken) ByLogin(context.Context, string, string) (*profilestore.User, error) {
	return nil, b.err
}
func (b broken) ByEmail(context.Context, string) ([]*profilestore.User, error) { return nil, b.err }
func (b broken) Search(context.Context, profilestore.Query) (profilestore.Page, error) {
	return profilestore.Page{}, b.err
}
func (b broken) Put(context.Context, *profilestore.User) error { return b.err }
func (b broken) Delete(context.Context, string) error          { return b.err }
func (b broken) Write(_ context.Context, change func(profilestore.Tx) error) error {
	if err := change(b); err != nil {
		return err
	}
	return b.err
}

type brokenShort struct{ broken }

func (b brokenShort) Replace(context.Context, sessions.Item) error { return b.err }
func (b brokenShort) Insert(context.Context, sessions.Item) error  { return b.err }
func (b brokenShort) Get(context.Context, sessions.Kind, [32]byte) (sessions.Item, error) {
	return sessions.Item{}, b.err
}

func (b brokenShort) Take(context.Context, sessions.Kind, [32]byte) (sessions.Item, error) {
	return sessions.Item{}, b.err
}
func (b brokenShort) Delete(context.Context, sessions.Kind, [32]byte) error    { return b.err }
func (b brokenShort) DeleteOwned(context.Context, sessions.Kind, string) error { return b.err }

type brokenGrants struct{ broken }

func (b brokenGrants) CreateGrant(context.Context, sessions.Grant, *sessions.RefreshToken) error {
	return b.err
}

func (b brokenGrants) GetGrant(context.Context, string) (sessions.Grant, error) {
	return sessions.Grant{}, b.err
}
func (b brokenGrants) RevokeGrant(context.Context, string, time.Time) error { return b.err }
func (b brokenGrants) RevokeGrantsOf(context.Context, string, string) (int, error) {
	return 0, b.err
}

func (b brokenGrants) FindRefresh(context.Context, [32]byte) (sessions.Family, error) {
	return sessions.Family{}, b.err
}

func (b brokenGrants) ExchangeRefresh(_ context.Context, _ [32]byte, decide func(sessions.Family) (sessions.Exchange, error)) error {
	if _, err := decide(sessions.Family{}); err != nil {
		return err
	}
	return b.err
}

type brokenSettings struct{ err error }

func (b brokenSettings) Load(context.Context) (*tenant.Config, error) { return nil, b.err }
func (b brokenSettings) Revision(context.Context) (int64, error)      { return 0, b.err }
func (b brokenSettings) Update(_ context.Context, change func(*tenant.Config) error) (*tenant.Config, error) {
	if err := change(&tenant.Config{}); err != nil {
		return nil, err
	}
	return nil, b.err
}
func (b brokenSettings) Keys(context.Context) ([]tokens.StoredKey, error) { return nil, b.err }
func (b brokenSettings) UpdateKeys(_ context.Context, change func([]tokens.StoredKey) ([]tokens.StoredKey, error)) error {
	if _, err := change(nil); err != nil {
		return err
	}
	return b.err
}
func (b brokenSettings) Append(context.Context, []audit.Event) error { return b.err }
func (b brokenSettings) List(context.Context, string, int) ([]audit.Event, error) {
	return nil, b.err
}

func (b brokenSettings) DeleteBefore(context.Context, time.Time, int) (int, error) {
	return 0, b.err
}

// everyCall calls each method of each store once; functions inside calls return inner. It returns what came back.
func everyCall(ctx context.Context, calls *observe.Calls, err, inner error) map[string]error {
	users, short := calls.Users(broken{err}), calls.Ephemeral(brokenShort{broken{err}})
	grants, settings := calls.Grants(brokenGrants{broken{err}}), calls.Tenant(brokenSettings{err})
	keys, events := calls.Keys(brokenSettings{err}), calls.Audit(brokenSettings{err})
	got := map[string]error{}
	_, got["users get"] = users.Get(ctx, "a")
	_, got["users by_identity"] = users.ByIdentity(ctx, profilestore.Key{})
	_, got["users by_login"] = users.ByLogin(ctx, "a", "b")
	_, got["users by_email"] = users.ByEmail(ctx, "a")
	_, got["users search"] = users.Search(ctx, profilestore.Query{})
	got["users write"] = users.Write(ctx, func(profilestore.Tx) error { return inner })
	got["ephemeral replace"] = short.Replace(ctx, sessions.Item{})
	got["ephemeral insert"] = short.Insert(ctx, sessions.Item{})
	_, got["ephemeral get"] = short.Get(ctx, sessions.KindCode, [32]byte{})
	_, got["ephemeral take"] = short.Take(ctx, sessions.KindCode, [32]byte{})
	got["ephemeral delete"] = short.Delete(ctx, sessions.KindCode, [32]byte{})
	got["ephemeral delete_owned"] = short.DeleteOwned(ctx, sessions.KindCode, "a")
	got["grants create_grant"] = grants.CreateGrant(ctx, sessions.Grant{}, nil)
	_, got["grants get_grant"] = grants.GetGrant(ctx, "a")
	got["grants revoke_grant"] = grants.RevokeGrant(ctx, "a", clock())
	_, got["grants revoke_grants_of"] = grants.RevokeGrantsOf(ctx, "a", "b")
	_, got["grants find_refresh"] = grants.FindRefresh(ctx, [32]byte{})
	got["grants exchange_refresh"] = grants.ExchangeRefresh(ctx, [32]byte{}, func(sessions.Family) (sessions.Exchange, error) { return sessions.Exchange{}, inner })
	_, got["tenant load"] = settings.Load(ctx)
	_, got["tenant revision"] = settings.Revision(ctx)
	_, got["tenant update"] = settings.Update(ctx, func(*tenant.Config) error { return inner })
	_, got["keys keys"] = keys.Keys(ctx)
	got["keys update_keys"] = keys.UpdateKeys(ctx, func([]tokens.StoredKey) ([]tokens.StoredKey, error) { return nil, inner })
	got["audit append"] = events.Append(ctx, nil)
	_, got["audit list"] = events.List(ctx, "", 1)
	_, got["audit delete_before"] = events.DeleteBefore(ctx, clock(), 1)
	return got
}

var sample = regexp.MustCompile(`^latchkey_store_call_duration_seconds_count\{method="([a-z_]+)",outcome="([a-z_]+)",store="([a-z]+)"\}$`)

func outcomes(t *testing.T, m *observe.Metrics) map[string]string {
	t.Helper()
	got := map[string]string{}
	for series, count := range scrape(t, m, "latchkey_store_call_duration_seconds_count") {
		parts := sample.FindStringSubmatch(series)
		if parts == nil || count != "1" {
			t.Errorf("unexpected series %s %s", series, count)
			continue
		}
		got[parts[3]+" "+parts[1]] += parts[2]
	}
	return got
}

func TestEveryCallIsCountedByWhatBecameOfIt(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	leave()
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want string
	}{
		"done":              {t.Context(), nil, "ok"},
		"no such user":      {t.Context(), fmt.Errorf("users: %w", profilestore.ErrNotFound), "not_found"},
		"expired":           {t.Context(), sessions.ErrNotFound, "not_found"},
		"revoked":           {t.Context(), sessions.ErrRevoked, "not_found"},
		"not configured":    {t.Context(), tenant.ErrNotFound, "not_found"},
		"identity taken":    {t.Context(), profilestore.ErrIdentityTaken, "conflict"},
		"e-mail taken":      {t.Context(), profilestore.ErrEmailTaken, "conflict"},
		"used before":       {t.Context(), sessions.ErrTaken, "conflict"},
		"there already":     {t.Context(), sessions.ErrExists, "conflict"},
		"database is gone":  {t.Context(), fmt.Errorf("postgres: %w", outage.Err), "unavailable"},
		"too late":          {t.Context(), context.DeadlineExceeded, "unavailable"},
		"the caller left":   {left, fmt.Errorf("read: %w", context.Canceled), "canceled"},
		"something unknown": {t.Context(), errors.New("syntax error at \"SELEKT\""), "error"},
	} {
		t.Run(name, func(t *testing.T) {
			m := observe.NewMetrics("v1")
			want := map[string]string{}
			for call, err := range everyCall(c.ctx, observe.NewCalls(m, nil, clock), c.err, nil) {
				if !errors.Is(err, c.err) {
					t.Errorf("%s returned %v, want %v", call, err, c.err)
				}
				want[call] = c.want
			}
			if diff := cmp.Diff(want, outcomes(t, m)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A change that decides against itself is no failure of the store, unless it passes on one.
func TestRefusalsOfTheCallerAreNoFailures(t *testing.T) {
	m, refusal := observe.NewMetrics("v1"), errors.New("blocked")
	everyCall(t.Context(), observe.NewCalls(m, nil, clock), nil, refusal)
	got := outcomes(t, m)
	for call, outcome := range got {
		changes := slices.Contains([]string{"users write", "grants exchange_refresh", "tenant update", "keys update_keys"}, call)
		if want := map[bool]string{true: "refused", false: "ok"}[changes]; outcome != want {
			t.Errorf("%s is %s, want %s", call, outcome, want)
		}
	}
	for name, use := range map[string]func(profilestore.Tx) error{
		"get":         func(tx profilestore.Tx) error { _, err := tx.Get(t.Context(), "a"); return err },
		"by identity": func(tx profilestore.Tx) error { _, err := tx.ByIdentity(t.Context(), profilestore.Key{}); return err },
		"by login":    func(tx profilestore.Tx) error { _, err := tx.ByLogin(t.Context(), "a", "b"); return err },
		"put":         func(tx profilestore.Tx) error { return tx.Put(t.Context(), &profilestore.User{}) },
		"delete":      func(tx profilestore.Tx) error { return tx.Delete(t.Context(), "a") },
	} {
		m := observe.NewMetrics("v1")
		users := observe.NewCalls(m, nil, clock).Users(broken{errors.New("disk is on fire")})
		if err := users.Write(t.Context(), use); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := outcomes(t, m)["users write"]; got != "error" {
			t.Errorf("a transaction whose %s fails is %s, want error", name, got)
		}
	}
}

// request runs do as a request, and returns what it logged.
func request(t *testing.T, do func(context.Context)) (id, logged string) {
	t.Helper()
	var out bytes.Buffer
	e := web.Edge{Logger: slog.New(slog.NewJSONHandler(&out, nil)), MaxBody: 1, Now: clock}
	w := httptest.NewRecorder()
	e.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { do(r.Context()) })).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Header().Get("X-Request-Id"), out.String()
}

func TestFailuresOfStoresAreLoggedUnderTheRequest(t *testing.T) {
	for err, want := range map[error]int{
		nil: 0, profilestore.ErrNotFound: 0, sessions.ErrTaken: 0, outage.Err: 26, errors.New("disk is on fire"): 26,
	} {
		m := observe.NewMetrics("v1")
		id, logged := request(t, func(ctx context.Context) { everyCall(ctx, observe.NewCalls(m, nil, clock), err, nil) })
		lines := strings.Count(logged, `"msg":"store call failed"`)
		if lines != want || strings.Count(logged, `"request_id":"`+id+`"`) != want+1 {
			t.Errorf("%v: %d lines, want %d:\n%s", err, lines, want, logged)
		}
	}
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	m := observe.NewMetrics("v1")
	for _, o := range []web.Outcome{
		{Method: "GET", Route: "/userinfo", Status: 200, Took: 3 * time.Millisecond},
		{Method: "GET", Route: "/userinfo", Status: 204},
		{Method: "GET", Route: "/userinfo", Status: 401},
		{Method: "POST", Route: "/oauth/token", Status: 503},
		{Method: "BREW", Route: "-", Status: 404},
		{Method: "x'; DROP", Route: "-", Status: 405},
		{Method: "GET", Route: "/authorize", Status: 302},
		{Method: "GET", Route: "/userinfo", Status: 0},
	} {
		m.End(m.Begin(t.Context(), nil, false), o)
	}
	m.Begin(t.Context(), nil, false)
	const count = "latchkey_http_request_duration_seconds_count"
	want := map[string]string{
		count + `{method="GET",route="/userinfo",status="2xx"}`:     "2",
		count + `{method="GET",route="/userinfo",status="4xx"}`:     "1",
		count + `{method="GET",route="/userinfo",status="aborted"}`: "1",
		count + `{method="GET",route="/authorize",status="3xx"}`:    "1",
		count + `{method="POST",route="/oauth/token",status="5xx"}`: "1",
		count + `{method="_OTHER",route="unmatched",status="4xx"}`:  "2",
	}
	if diff := cmp.Diff(want, scrape(t, m, count)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := scrape(t, m, "latchkey_http_requests_in_flight"); got["latchkey_http_requests_in_flight"] != "1" {
		t.Errorf("in flight: %v", got)
	}
}

func TestQueuesAndPoolsAreReadAtEveryScrape(t *testing.T) {
	m := observe.NewMetrics("v1")
	queue, pool := observe.Queue{Slots: 2, Queue: 64}, observe.Pool{Max: 16}
	m.Passwords(func() observe.Queue { return queue })
	m.Pool("postgres", func() observe.Pool { return pool })
	m.Pool("redis", func() observe.Pool { return observe.Pool{Open: 1, Used: 2} })
	queue.Running, queue.Waiting, queue.Refused = 1, 3, 5
	pool = observe.Pool{Max: 16, Open: 5, Used: 2, Waits: 7, Waited: 1500 * time.Millisecond, Refused: 1}
	want := map[string]string{
		"latchkey_passwords_running": "1", "latchkey_passwords_running_max": "2", "latchkey_passwords_waiting": "3",
		"latchkey_passwords_waiting_max": "64", "latchkey_passwords_refused_total": "5",
		`latchkey_pool_connections{pool="postgres",state="used"}`: "2", `latchkey_pool_connections{pool="postgres",state="idle"}`: "3",
		`latchkey_pool_connections_max{pool="postgres"}`: "16", `latchkey_pool_waits_total{pool="postgres"}`: "7",
		`latchkey_pool_wait_seconds_total{pool="postgres"}`: "1.5", `latchkey_pool_refused_total{pool="postgres"}`: "1",
		`latchkey_pool_connections{pool="redis",state="used"}`: "2", `latchkey_pool_connections{pool="redis",state="idle"}`: "0",
		`latchkey_pool_waits_total{pool="redis"}`: "0", `latchkey_pool_wait_seconds_total{pool="redis"}`: "0", `latchkey_pool_refused_total{pool="redis"}`: "0",
	}
	got := scrape(t, m, "latchkey_p")
	maps.DeleteFunc(got, func(name, _ string) bool { return strings.HasPrefix(name, "latchkey_process") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What a request pays: the edge's observer and one call to a store.
func BenchmarkWatching(b *testing.B) {
	m := observe.NewMetrics("v1")
	calls := observe.NewCalls(m, nil, time.Now)
	grants := calls.Grants(brokenGrants{})
	b.Run("request", func(b *testing.B) {
		b.ReportAllocs()
		o := web.Outcome{Method: http.MethodGet, Route: "/userinfo", Status: http.StatusOK, Took: time.Millisecond}
		for b.Loop() {
			m.End(m.Begin(b.Context(), nil, false), o)
		}
	})
	b.Run("store call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := grants.GetGrant(b.Context(), "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

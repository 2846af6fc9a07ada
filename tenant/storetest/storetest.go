// Package storetest holds every driver of tenant to what [tenant.Store] says. A driver's test calls Run with a function
// that opens two tenants of a fresh database; nothing of one may be seen in the other.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/tenant"
)

// Open returns the stores of two tenants over one new, empty database that is closed when the test ends.
type Open func(t *testing.T) (a, b tenant.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, a, b tenant.Store)
	}{
		{"a new tenant has an empty configuration", empty},
		{"a configuration comes back as stored, indexed", roundTrip},
		{"what is returned is the caller's own", copies},
		{"the revision grows with differences only", revisions},
		{"what is removed is gone", removed},
		{"an error or a panic stores nothing", failures},
		{"an id that isn't the noun's own is refused", wrongIDs},
		{"an ended context stores nothing", cancelled},
		{"concurrent updates are not lost", race},
		{"readers see one state", oneState},
		{"tenants are apart", tenantsApart},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			c.test(t, a, b)
		})
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(tenant.Config{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func load(t *testing.T, s tenant.Store) *tenant.Config {
	t.Helper()
	cfg, err := s.Load(t.Context())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	revision, err := s.Revision(t.Context())
	if err != nil {
		t.Fatalf("Revision: %v", err)
	}
	same(t, "Revision", revision, cfg.Revision)
	return cfg
}

func update(t *testing.T, s tenant.Store, change func(*tenant.Config)) *tenant.Config {
	t.Helper()
	cfg, err := s.Update(t.Context(), func(cfg *tenant.Config) error { change(cfg); return nil })
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return cfg
}

// fill configures one noun of each kind, with every value that is easily lost.
func fill(cfg *tenant.Config) {
	no := false
	cfg.Settings = tenant.Settings{
		FriendlyName: "Ünïcode 😀", SessionLifetime: 0.5, Flags: map[string]any{"n": json.Number("9007199254740993"), "b": false},
		Rest: map[string]any{"f": json.Number("1.10"), "nil": nil}, ErrorPage: &tenant.ErrorPage{HTML: "<b>&</b>"},
	}
	cfg.Clients["client 'q\"|/é"] = &tenant.Client{
		ID: "client 'q\"|/é", Secret: "very secret", Callbacks: []string{"https://app/cb"},
		ClientMetadata: map[string]string{"k\x00": "v"}, RefreshToken: tenant.RefreshTokenSettings{Leeway: 3},
	}
	cfg.Connections["con_1"] = &tenant.Connection{
		ID: "con_1", Name: "google", Strategy: "google-oauth2", EnabledClients: []string{"a", "b"}, ShowAsButton: &no,
		Disabled: true, Options: map[string]any{
			"client_secret": "also secret", "huge": json.Number("123456789012345678901234567890"),
			"deep": map[string]any{"list": []any{json.Number("1"), "two", nil}},
		},
	}
	cfg.ResourceServers["rs"] = &tenant.ResourceServer{
		ID: "rs", Identifier: "https://api", Scopes: []tenant.Scope{{Value: "read"}}, SigningSecret: "0123456789abcdef",
		SkipConsent: &no, IsSystem: true,
	}
	cfg.ClientGrants["cgr_1"] = &tenant.ClientGrant{ID: "cgr_1", ClientID: "c", Audience: "https://api", Scope: []string{"read"}}
	cfg.Roles["rol_1"] = &tenant.Role{ID: "rol_1", Name: "admin", Permissions: []tenant.Permission{{Name: "read"}}}
}

func filled(revision int64) *tenant.Config {
	cfg := &tenant.Config{
		Revision: revision, Clients: map[string]*tenant.Client{}, Connections: map[string]*tenant.Connection{},
		ResourceServers: map[string]*tenant.ResourceServer{}, ClientGrants: map[string]*tenant.ClientGrant{},
		Roles: map[string]*tenant.Role{},
	}
	fill(cfg)
	return cfg
}

func empty(t *testing.T, a, _ tenant.Store) {
	cfg := load(t, a)
	same(t, "configuration", cfg, &tenant.Config{Revision: cfg.Revision})
	if cfg.Clients == nil || cfg.Connections == nil || cfg.ResourceServers == nil || cfg.ClientGrants == nil || cfg.Roles == nil {
		t.Error("a map is nil, so nothing can be put into it")
	}
	if cfg.ConnectionByName("x") != nil {
		t.Error("there is a connection")
	}
}

func roundTrip(t *testing.T, a, _ tenant.Store) {
	updated := update(t, a, fill)
	for name, cfg := range map[string]*tenant.Config{"updated": updated, "loaded": load(t, a)} {
		same(t, name, cfg, filled(cfg.Revision))
		if cfg.ConnectionByName("google") != cfg.Connections["con_1"] || cfg.Connections["con_1"] == nil {
			t.Errorf("%s: connections are not indexed", name)
		}
		if cfg.ResourceServer("https://api") == nil || cfg.ClientGrantFor("c", "https://api") == nil {
			t.Errorf("%s: resource servers or client grants are not indexed", name)
		}
	}
}

func copies(t *testing.T, a, _ tenant.Store) {
	var held *tenant.Config
	updated := update(t, a, func(cfg *tenant.Config) { fill(cfg); held = cfg })
	held.Connections["con_1"].Options["client_secret"] = "changed"
	same(t, "result of Update", updated, filled(updated.Revision))
	updated.Clients["new"] = &tenant.Client{ID: "new"}
	updated.Connections["con_1"].Name = "changed"
	loaded := load(t, a)
	same(t, "loaded", loaded, filled(loaded.Revision))
}

func revisions(t *testing.T, a, _ tenant.Store) {
	before := load(t, a).Revision
	same(t, "revision after nothing in an empty configuration", update(t, a, func(*tenant.Config) {}).Revision, before)
	last := update(t, a, fill).Revision
	if last <= before {
		t.Errorf("revision is %d after %d", last, before)
	}
	same(t, "revision after the same again", update(t, a, fill).Revision, last)
	same(t, "revision after a change of the revision", update(t, a, func(cfg *tenant.Config) { cfg.Revision = 99 }).Revision, last)
	for name, change := range map[string]func(*tenant.Config){
		"settings":        func(cfg *tenant.Config) { cfg.Settings.FriendlyName = "x" },
		"client":          func(cfg *tenant.Config) { cfg.Clients["client 'q\"|/é"].Secret = "x" },
		"connection":      func(cfg *tenant.Config) { cfg.Connections["con_1"].Options["huge"] = json.Number("1") },
		"resource server": func(cfg *tenant.Config) { cfg.ResourceServers["rs"].Scopes = nil },
		"client grant":    func(cfg *tenant.Config) { cfg.ClientGrants["cgr_1"].Scope = nil },
		"role":            func(cfg *tenant.Config) { delete(cfg.Roles, "rol_1") },
	} {
		revision := update(t, a, change).Revision
		if revision <= last {
			t.Errorf("%s: revision is %d after %d", name, revision, last)
		}
		last = revision
		same(t, "stored revision", load(t, a).Revision, last)
	}
}

func removed(t *testing.T, a, _ tenant.Store) {
	update(t, a, fill)
	updated := update(t, a, func(cfg *tenant.Config) {
		cfg.Settings = tenant.Settings{}
		clear(cfg.Clients)
		clear(cfg.Connections)
		clear(cfg.ResourceServers)
		clear(cfg.ClientGrants)
		cfg.Roles = nil
	})
	same(t, "updated", updated, &tenant.Config{Revision: updated.Revision})
	loaded := load(t, a)
	same(t, "loaded", loaded, updated)
	if loaded.ConnectionByName("google") != nil {
		t.Error("the index still has the connection")
	}
}

func failures(t *testing.T, a, _ tenant.Store) {
	before := load(t, a)
	refused := errors.New("refused")
	cfg, err := a.Update(t.Context(), func(cfg *tenant.Config) error { fill(cfg); return refused })
	if !errors.Is(err, refused) || cfg != nil {
		t.Errorf("Update = %v, %v", cfg, err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, err := a.Update(t.Context(), func(cfg *tenant.Config) error { fill(cfg); panic("change panics") })
		t.Errorf("Update returned %v", err)
	}()
	same(t, "configuration", load(t, a), before)
	update(t, a, fill)
}

func wrongIDs(t *testing.T, a, _ tenant.Store) {
	before := update(t, a, fill)
	for name, change := range map[string]func(*tenant.Config){
		"another id": func(cfg *tenant.Config) { cfg.Clients["x"] = &tenant.Client{ID: "y"} },
		"no id":      func(cfg *tenant.Config) { cfg.Roles[""] = &tenant.Role{} },
		"nil":        func(cfg *tenant.Config) { cfg.Connections["x"] = nil },
	} {
		if _, err := a.Update(t.Context(), func(cfg *tenant.Config) error { change(cfg); return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	same(t, "configuration", load(t, a), before)
}

func cancelled(t *testing.T, a, _ tenant.Store) {
	before := load(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := a.Update(ctx, func(cfg *tenant.Config) error { fill(cfg); cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
	same(t, "configuration", load(t, a), before)
	update(t, a, fill)
}

func race(t *testing.T, a, _ tenant.Store) {
	var wait sync.WaitGroup
	for n := range 16 {
		wait.Go(func() {
			id := fmt.Sprint("rol_", n)
			_, err := a.Update(t.Context(), func(cfg *tenant.Config) error {
				cfg.Roles[id] = &tenant.Role{ID: id}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	same(t, "number of roles", len(load(t, a).Roles), 16)
}

// oneState has a writer that keeps two nouns equal and readers that look.
func oneState(t *testing.T, a, _ tenant.Store) {
	var wait sync.WaitGroup
	wait.Go(func() {
		for n := range 32 {
			_, err := a.Update(t.Context(), func(cfg *tenant.Config) error {
				cfg.Settings.FriendlyName = fmt.Sprint(n)
				cfg.Roles["r"] = &tenant.Role{ID: "r", Name: fmt.Sprint(n)}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	for range 2 {
		wait.Go(func() {
			for range 32 {
				cfg, err := a.Load(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if role := cfg.Roles["r"]; role != nil && role.Name != cfg.Settings.FriendlyName {
					t.Errorf("role is of update %s, settings of %s", role.Name, cfg.Settings.FriendlyName)
				}
			}
		})
	}
	wait.Wait()
}

func tenantsApart(t *testing.T, a, b tenant.Store) {
	before := load(t, b)
	update(t, a, fill)
	same(t, "the other tenant", load(t, b), before)
	update(t, b, func(cfg *tenant.Config) { fill(cfg); cfg.Settings.FriendlyName = "B" })
	update(t, b, func(cfg *tenant.Config) { clear(cfg.Clients) })
	loaded := load(t, a)
	same(t, "the first tenant", loaded, filled(loaded.Revision))
}

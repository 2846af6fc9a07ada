package tenant_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/tenant"
)

func TestOptionsAreReadAsAskedFor(t *testing.T) {
	c := &tenant.Connection{Options: map[string]any{
		"text": "x", "number": json.Number("60"), "fraction": json.Number("1.5"), "yes": true, "no": "false", "odd": "maybe",
		"list": []any{"a", 1, "b"}, "blanks": "openid  profile,email", "object": map[string]any{"k": "v"}, "null": nil,
	}}
	got := []any{
		c.String("text"), c.String("number"), c.String("yes"), c.String("missing"), c.Bool("yes", false), c.Bool("no", true),
		c.Bool("odd", true), c.Bool("null", true), c.Int("number", 1), c.Int("fraction", 1), c.Int("missing", 7),
		c.Strings("list"), c.Strings("blanks"), c.Strings("number"), c.Map("object")["k"], c.Map("text") == nil,
	}
	want := []any{"x", "60", "", "", true, false, true, true, 60, 1, 7, []string{"a", "b"}, []string{"openid", "profile", "email"}, []string(nil), "v", true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for option, want := range map[string]string{
		"": tenant.SyncOnEachLogin, "on_first_login": tenant.SyncOnFirstLogin, "never_on_login": tenant.SyncNever, "x": tenant.SyncOnEachLogin,
	} {
		c.Options["set_user_root_attributes"] = option
		if got := c.SyncMode(); got != want {
			t.Errorf("SyncMode of %q: %s", option, got)
		}
	}
}

func TestLookupsFindConnectionsInAStableOrder(t *testing.T) {
	c := &tenant.Config{
		Clients: map[string]*tenant.Client{"b": {ID: "b", Name: "same"}, "a": {ID: "a", Name: "same"}},
		Connections: map[string]*tenant.Connection{
			"1": {ID: "1", Name: "zeta", EnabledClients: []string{"a", "a"}, Realms: []string{"zeta", "shared"}},
			"2": {ID: "2", Name: "alpha", EnabledClients: []string{"b", "a"}, Realms: []string{"shared"}},
			"3": {ID: "3", Name: "off", EnabledClients: []string{"a"}, Disabled: true},
		},
		Roles: map[string]*tenant.Role{"r": {ID: "r", Name: "Clerk"}},
	}
	c.Index()
	var names []string
	for _, conn := range c.ConnectionsFor("a") {
		names = append(names, conn.Name)
	}
	if diff := cmp.Diff([]string{"alpha", "zeta"}, names); diff != "" {
		t.Error(diff)
	}
	if c.ConnectionByRealm("shared").Name != "alpha" || c.ConnectionByRealm("zeta").Name != "zeta" || c.ConnectionByRealm("x") != nil {
		t.Error("realms")
	}
	if c.ClientByName("same").ID != "a" || c.RoleByName("Clerk") == nil || c.ClientByName("x") != nil {
		t.Error("names")
	}
}

// fill sets every field of v to something, so that a copy that forgets one differs or shares memory.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Interface:
		v.Set(reflect.ValueOf(map[string]any{"deep": []any{map[string]any{"deeper": json.Number("1")}}}))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1)
	default:
		v.SetInt(1)
	}
}

// shared reports containers that a and b have in common.
func shared(t *testing.T, path string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if !a.IsNil() && a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		shared(t, path, a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() {
				shared(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
			}
		}
	case reflect.Slice:
		for i := range a.Len() {
			shared(t, fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i))
		}
	case reflect.Map:
		for _, key := range a.MapKeys() {
			shared(t, path+"."+key.String(), a.MapIndex(key), b.MapIndex(key))
		}
	}
}

func TestACloneIsEqualAndSharesNothing(t *testing.T) {
	c := &tenant.Config{}
	fill(reflect.ValueOf(c).Elem())
	copied := c.Clone()
	if diff := cmp.Diff(c, copied, cmpopts.IgnoreUnexported(tenant.Config{})); diff != "" {
		t.Error(diff)
	}
	shared(t, "Config", reflect.ValueOf(c), reflect.ValueOf(copied))
}

// memory is a store that can be told to fail.
type memory struct {
	mu     sync.Mutex
	config *tenant.Config
	err    error
}

func (m *memory) Load(context.Context) (*tenant.Config, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	return m.config, nil
}

func (m *memory) Revision(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.config.Revision, m.err
}

func (m *memory) Update(_ context.Context, change func(*tenant.Config) error) (*tenant.Config, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := m.config.Clone()
	if err := change(next); err != nil {
		return nil, err
	}
	next.Revision++
	next.Index()
	m.config = next
	return next, nil
}

func (m *memory) set(revision int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config, m.err = &tenant.Config{Revision: revision}, err
}

func TestTheCacheFollowsTheStoreAndNeverGoesBack(t *testing.T) {
	ctx := t.Context()
	store := &memory{config: &tenant.Config{Revision: 3}}
	cache, err := tenant.NewCache(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	first := cache.Current()
	if err := cache.Refresh(ctx); err != nil || cache.Current() != first {
		t.Errorf("nothing new, but it changed (%v)", err)
	}
	store.set(5, nil)
	if err := cache.Refresh(ctx); err != nil || cache.Current().Revision != 5 {
		t.Errorf("at %d (%v)", cache.Current().Revision, err)
	}
	store.set(4, nil) // a replica that lags behind
	if err := cache.Refresh(ctx); err != nil || cache.Current().Revision != 5 {
		t.Errorf("at %d (%v)", cache.Current().Revision, err)
	}
	down := errors.New("down")
	store.set(6, down)
	if err := cache.Refresh(ctx); !errors.Is(err, down) || cache.Current().Revision != 5 {
		t.Errorf("at %d (%v)", cache.Current().Revision, err)
	}
	if _, err := tenant.NewCache(ctx, store); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}

func TestAnUpdateIsSeenAtOnceAndAFailedOneNever(t *testing.T) {
	ctx := t.Context()
	cache, err := tenant.NewCache(ctx, &memory{config: &tenant.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	config, err := cache.Update(ctx, func(c *tenant.Config) error { c.Settings.FriendlyName = "new"; return nil })
	if err != nil || cache.Current() != config || config.Settings.FriendlyName != "new" {
		t.Errorf("got %+v, %v", config, err)
	}
	refused := errors.New("refused")
	if _, err := cache.Update(ctx, func(c *tenant.Config) error { c.Settings.FriendlyName = "bad"; return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if cache.Current().Settings.FriendlyName != "new" {
		t.Error("a refused change is visible")
	}
}

func TestManyUpdatesAndRefreshesAtOnceEndAtTheNewest(t *testing.T) {
	ctx := t.Context()
	store := &memory{config: &tenant.Config{}}
	cache, err := tenant.NewCache(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			last := int64(0)
			for range 50 {
				if _, err := cache.Update(ctx, func(*tenant.Config) error { return nil }); err != nil {
					t.Error(err)
				}
				if err := cache.Refresh(ctx); err != nil {
					t.Error(err)
				}
				now := cache.Current().Revision
				if now < last {
					t.Errorf("went back from %d to %d", last, now)
				}
				last = now
			}
		})
	}
	work.Wait()
	if cache.Current().Revision != 400 {
		t.Errorf("ends at %d", cache.Current().Revision)
	}
}

func TestRunPollsReportsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store := &memory{config: &tenant.Config{Revision: 1}}
		cache, err := tenant.NewCache(ctx, store)
		if err != nil {
			t.Fatal(err)
		}
		failures := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			cache.Run(ctx, time.Minute, func(error) { failures++ })
		}()
		store.set(2, errors.New("down"))
		time.Sleep(time.Minute) // the bubble's clock, not the machine's
		synctest.Wait()
		store.set(2, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel()
		<-done
		if failures != 1 || cache.Current().Revision != 2 {
			t.Errorf("%d failures, at %d", failures, cache.Current().Revision)
		}
	})
}

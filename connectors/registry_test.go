package connectors

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/tenant"
)

func TestStrategies(t *testing.T) {
	if diff := cmp.Diff([]string{"auth0", "github", "google-oauth2", "oidc"}, Strategies()); diff != "" {
		t.Error(diff)
	}
	if _, err := Open(&tenant.Connection{Name: "x", Strategy: "myspace"}, Deps{}); !errors.Is(err, ErrStrategy) {
		t.Errorf("unknown strategy: %v", err)
	}
}

func TestRegistryKeepsConnectors(t *testing.T) {
	p := newProvider(t)
	reg := NewRegistry(p.deps())
	conn := func(secret string) *tenant.Connection {
		return &tenant.Connection{ID: "con_1", Name: "up", Strategy: "oidc", Options: map[string]any{
			"client_id": clientID, "client_secret": secret, "issuer": issuer,
		}}
	}
	get := func(c *tenant.Connection) any {
		t.Helper()
		connector, err := reg.Get(c)
		if err != nil {
			t.Fatal(err)
		}
		return connector
	}
	first := get(conn("a"))
	if get(conn("a")) != first {
		t.Error("a connection that did not change is opened anew")
	}
	if get(conn("b")) == first {
		t.Error("a changed connection keeps its old connector")
	}
	broken := conn("a")
	broken.Options["issuer"] = ""
	if _, err := reg.Get(broken); err == nil {
		t.Error("a broken connection opens")
	}
	var wg sync.WaitGroup
	for i := range 2 * maxOpen {
		wg.Go(func() {
			c := conn("a")
			c.ID = fmt.Sprint("con_", i)
			if _, err := reg.Get(c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(reg.open); n != maxOpen {
		t.Errorf("%d connectors are kept", n)
	}
}

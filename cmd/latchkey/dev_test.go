package main

import (
	"testing"

	"github.com/latchkey-id/latchkey/server/dev"
	"github.com/latchkey-id/latchkey/tenant"
)

func TestDemoAppFindsItsClient(t *testing.T) {
	const callback = "http://localhost:3000/dev/app"
	spa := func(id, callback string) *tenant.Client {
		return &tenant.Client{ID: id, TokenEndpointAuthMethod: "none", GrantTypes: []string{"authorization_code"}, Callbacks: []string{callback}}
	}
	confidential := spa("a-web", callback)
	confidential.TokenEndpointAuthMethod = "client_secret_post"
	implicit := spa("a-implicit", callback)
	implicit.GrantTypes = []string{"implicit"}
	for name, test := range map[string]struct {
		clients []*tenant.Client
		want    string
	}{
		"the demo tenant's own":                    {[]*tenant.Client{spa("a", callback), spa(dev.DemoSPAClientID, callback)}, dev.DemoSPAClientID},
		"the first single-page app that may":       {[]*tenant.Client{confidential, implicit, spa("c", callback), spa("b", callback)}, "b"},
		"none that may come back to it":            {[]*tenant.Client{spa("a", "http://localhost:8080/")}, ""},
		"a client with a secret can't play a page": {[]*tenant.Client{confidential}, ""},
		"an empty tenant":                          {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := &tenant.Config{Clients: map[string]*tenant.Client{}}
			for _, client := range test.clients {
				c.Clients[client.ID] = client
			}
			if got := demoClient(c, callback); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

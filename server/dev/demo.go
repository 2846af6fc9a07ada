package dev

import (
	_ "embed"
	"fmt"
	"net/url"
	"slices"
)

// Credentials of the demo tenant. They are public, like everything in dev mode.
const (
	DemoSPAClientID            = "latchkey-demo-spa-local-dev-only"
	DemoWebClientID            = "latchkey-demo-web-local-dev-only"
	DemoManagementClientID     = "latchkey-demo-m2m-local-dev-only"
	DemoManagementClientSecret = "demo-secret-of-the-machine-client-for-local-development-only"
	DemoEmail                  = "ada@example.com"
	DemoPassword               = "Analytical-Engine-1843"
)

//go:embed demo.yaml
var demoTenant []byte

// DemoTenant returns the tenant file that dev mode starts with where none is given. Its ##KEY## marks are to be replaced
// by the values of DemoReplacements.
func DemoTenant() []byte { return slices.Clone(demoTenant) }

// DemoReplacements returns the values of the marks in DemoTenant for an issuer: LATCHKEY_ISSUER, which ends in "/", and
// LATCHKEY_ORIGIN, which has no path.
func DemoReplacements(issuer string) (map[string]string, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return map[string]string{"LATCHKEY_ISSUER": issuer, "LATCHKEY_ORIGIN": u.Scheme + "://" + u.Host}, nil
}

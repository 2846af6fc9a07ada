package connectors

import (
	"context"
	"net/url"
	"slices"

	"github.com/latchkey-id/latchkey/tenant"
)

// google logs in with Google (Google Identity: OpenID Connect). The endpoints are Google's documented ones, so that no
// login waits for a discovery document; scopes beyond email and profile are named in options.scope or freeform_scopes.
type google struct {
	flow    openID
	offline bool // asks for a refresh token, which is a parameter here and not a scope
}

func openGoogle(conn *tenant.Connection, deps Deps) (any, error) {
	a, err := newApp(conn, deps.Outside, "https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token")
	if err != nil {
		return nil, err
	}
	algs, err := narrowAlgs([]string{"RS256"})
	if err != nil {
		return nil, err
	}
	listed := slices.DeleteFunc(slices.Clone(conn.Strings("scope")), func(s string) bool { return s == "offline_access" })
	scopes := []string{"openid"}
	for _, scope := range []string{"email", "profile"} {
		if conn.Bool(scope, len(listed) == 0 || slices.Contains(listed, scope)) {
			scopes = append(scopes, scope)
		}
	}
	keys := newKeySet(deps.Outside, "https://www.googleapis.com/oauth2/v3/certs")
	return &google{
		flow: openID{
			app:      a,
			tokens:   &idTokens{issuer: googleIssuer, clientID: a.id, algs: algs, keys: keys, now: deps.Outside.Now},
			scopes:   uniqueScopes(scopes, listed, conn.Strings("freeform_scopes")),
			userinfo: "https://openidconnect.googleapis.com/v1/userinfo",
		},
		offline: conn.Bool("offline_access", slices.Contains(conn.Strings("scope"), "offline_access")),
	}, nil
}

func (g *google) AuthURL(_ context.Context, req AuthRequest) (string, Pending, error) {
	params := url.Values{}
	if g.offline {
		params.Set("access_type", "offline")
	}
	address, pending := g.flow.authURL(req, params)
	return address, pending, nil
}

func (g *google) Finish(ctx context.Context, cb Callback) (Assertion, error) {
	return g.flow.finish(ctx, cb)
}

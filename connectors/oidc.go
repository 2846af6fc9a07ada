package connectors

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/oauth2"

	"github.com/latchkey-id/latchkey/tenant"
)

var errIssuer = errors.New("the answer is of another issuer")

// openIDConnect logs in at any OpenID provider (OpenID Connect Core; Auth0: Connect to an OpenID Connect Identity
// Provider). Options: issuer or discovery_url, or the endpoints themselves, which win over discovered ones; type
// front_channel (the ID token comes by form_post) or back_channel (by code); connection_settings.pkce;
// token_endpoint_auth_method; scope; attribute_map.userinfo_scope; id_token_signed_response_algs.
type openIDConnect struct {
	app          app
	frontChannel bool
	scopes       []string
	algs         []string
	pkce, auth   string // as configured
	configured   metadata
	discoveryURL string // "": everything is configured
	provider     document[*openID]
	keys         *keySet // of the last open, which runs once at a time
}

func openOIDC(conn *tenant.Connection, deps Deps) (any, error) {
	a, err := newApp(conn, deps.Outside, "", "")
	if err != nil {
		return nil, err
	}
	o := &openIDConnect{app: a, configured: configuredMetadata(conn), auth: conn.String("token_endpoint_auth_method")}
	switch kind := conn.String("type"); kind {
	case "", "front_channel":
		o.frontChannel = true
	case "back_channel":
	default:
		return nil, fmt.Errorf("connection %q: type %q must be front_channel or back_channel", conn.Name, kind)
	}
	if o.auth != "" && o.auth != "client_secret_post" && o.auth != "client_secret_basic" {
		return nil, fmt.Errorf("connection %q: token_endpoint_auth_method %q is not supported", conn.Name, o.auth)
	}
	if o.pkce, _ = conn.Map("connection_settings")["pkce"].(string); o.pkce == "" {
		o.pkce = "auto"
	}
	if !slices.Contains([]string{"auto", "S256", "plain", "disabled"}, o.pkce) {
		return nil, fmt.Errorf("connection %q: pkce %q must be auto, S256, plain or disabled", conn.Name, o.pkce)
	}
	if o.algs, err = narrowAlgs(conn.Strings("id_token_signed_response_algs")); err != nil {
		return nil, fmt.Errorf("connection %q: %w", conn.Name, err)
	}
	if o.discoveryURL, err = discoveryAddress(conn, o.configured, o.frontChannel); err != nil {
		return nil, fmt.Errorf("connection %q: %w", conn.Name, err)
	}
	o.scopes = o.requestedScopes()
	o.provider.now, o.provider.fetch = deps.Outside.Now, o.open
	return o, nil
}

func (o *openIDConnect) requestedScopes() []string {
	own := o.app.conn.Strings("scope")
	if len(own) == 0 {
		own = []string{"profile", "email"}
	}
	userinfo := &tenant.Connection{Options: o.app.conn.Map("attribute_map")}
	return uniqueScopes([]string{"openid"}, own, userinfo.Strings("userinfo_scope"))
}

// open finds out the provider's endpoints. Signing keys outlive it as long as they stay at their address, so that a
// provider whose keys can't be fetched just now keeps working with those it had.
func (o *openIDConnect) open(ctx context.Context) (*openID, error) {
	m := o.configured
	if o.discoveryURL != "" {
		found, err := discover(ctx, o.app.out, o.discoveryURL)
		if err != nil {
			return nil, err
		}
		if m, err = m.over(found); err != nil {
			return nil, err
		}
	}
	if err := m.check(o.frontChannel); err != nil {
		return nil, err
	}
	a := o.app
	a.authURL, a.tokenURL = m.AuthorizationEndpoint, m.TokenEndpoint
	a.pkce = choosePKCE(o.pkce, m.ChallengeMethods)
	if o.frontChannel {
		a.pkce = "" // there is no code that it could protect
	}
	if o.auth == "client_secret_basic" || o.auth == "" && m.onlyBasic() {
		a.style = oauth2.AuthStyleInHeader
	}
	if o.keys == nil || o.keys.address != m.JWKSURI {
		o.keys = newKeySet(a.out, m.JWKSURI)
	}
	return &openID{
		app: a, scopes: o.scopes, userinfo: m.UserinfoEndpoint, needsIDToken: true,
		tokens: &idTokens{issuer: m.Issuer, clientID: a.id, algs: o.algs, keys: o.keys, now: a.out.Now},
	}, nil
}

// choosePKCE returns S256 for auto unless the provider says that it knows plain only. A provider that knows neither ignores
// the challenge (RFC 6749 §3.1).
func choosePKCE(configured string, supported []string) string {
	switch {
	case configured == "disabled":
		return ""
	case configured != "auto":
		return configured
	case slices.Contains(supported, "plain") && !slices.Contains(supported, "S256"):
		return "plain"
	}
	return "S256"
}

func (o *openIDConnect) AuthURL(ctx context.Context, req AuthRequest) (string, Pending, error) {
	flow, err := o.provider.get(ctx)
	if err != nil {
		return "", Pending{}, refuse(err)
	}
	params := url.Values{}
	if o.frontChannel {
		params.Set("response_type", "id_token")
		params.Set("response_mode", "form_post")
	}
	address, pending := flow.authURL(req, params)
	pending.FormPost = o.frontChannel
	return address, pending, nil
}

func (o *openIDConnect) Finish(ctx context.Context, cb Callback) (Assertion, error) {
	flow, err := o.provider.get(ctx)
	if err != nil {
		return Assertion{}, refuse(err)
	}
	if !o.frontChannel {
		return flow.finish(ctx, cb)
	}
	if err := flow.checkCallback(cb.Params); err != nil {
		return Assertion{}, err
	}
	raw, err := one(cb.Params, "id_token")
	if err != nil {
		return Assertion{}, err
	}
	claims, err := flow.tokens.verify(ctx, raw, cb.Pending.Nonce, "")
	if err != nil {
		return Assertion{}, refuse(err)
	}
	return Assertion{Connection: o.app.conn, IDToken: claims}, nil
}

package mgmtapi

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// clientSuffix ends the subject of a client's own token. Client ids have no "|", ids of users always do.
const clientSuffix = "@clients"

// caller is whoever sent a request.
type caller struct {
	client *tenant.Client
	// userID is set where a person's own token acts: on that person alone.
	userID string
	scopes []string
}

// has tells whether the caller was given a scope.
func (c caller) has(scope string) bool { return slices.Contains(c.scopes, scope) }

// require wants any of the scopes.
func (c caller) require(any []string) error {
	if slices.ContainsFunc(any, c.has) {
		return nil
	}
	return forbidden("Insufficient scope, expected any of: "+strings.Join(any, ","), codeScope)
}

// authenticate reads the bearer token (RFC 6750 §2.1) and returns the call that it allows.
func (s *Surface) authenticate(w http.ResponseWriter, r *http.Request) (*call, error) {
	token, err := bearer(r)
	if err != nil {
		return nil, err
	}
	claims, err := s.Keys.Verify(token, tokens.VerifyOptions{
		Issuer: s.Issuer, Audience: tenant.ManagementAudience(s.Issuer), Types: []string{tokens.DefaultType, tokens.AccessTokenType},
		Algs: []string{tokens.RS256, tokens.PS256, tokens.ES256},
	})
	if errors.Is(err, tokens.ErrExpired) {
		return nil, unauthorized("Expired token received for JSON Web Token validation")
	}
	if err != nil {
		return nil, unauthorized("Invalid token")
	}
	config := s.Tenant.Current()
	who, err := s.callerOf(r.Context(), config, claims)
	if err != nil {
		return nil, err
	}
	// The preflight answer went by all clients; this token is one client's.
	if origin := r.Header.Get("Origin"); origin != "" && !tenant.AllowsOrigin(who.client, origin) {
		web.DenyOrigin(w)
	}
	return &call{w: w, r: r, config: config, caller: who}, nil
}

func bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return "", missingAuthentication()
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t") {
		return "", unauthorized("Bad HTTP authentication header format")
	}
	return token, nil
}

// callerOf finds who a verified token speaks for. A client's must still exist; a person's grant must still stand, with all
// that the gate asks.
func (s *Surface) callerOf(ctx context.Context, config *tenant.Config, claims map[string]any) (caller, error) {
	sub, _ := claims["sub"].(string)
	text, _ := claims["scope"].(string)
	who := caller{scopes: strings.Fields(text)}
	clientID, own := strings.CutSuffix(sub, clientSuffix)
	if own && !strings.Contains(clientID, "|") {
		if who.client = config.Clients[clientID]; who.client == nil {
			return caller{}, unauthorized("Invalid token")
		}
		who.scopes = slices.DeleteFunc(who.scopes, aboutOneself)
		return who, nil
	}
	jti, _ := claims["jti"].(string)
	grantID, _, ok := strings.Cut(jti, ".")
	if !ok {
		return caller{}, unauthorized("Invalid token")
	}
	pass, err := s.Gate.Grant(ctx, grantID)
	if login.Refuses(err) || err == nil && pass.Grant.UserID != sub {
		return caller{}, unauthorized("Invalid token")
	}
	if err != nil {
		return caller{}, err
	}
	who.client, who.userID = pass.Client, sub
	who.scopes = slices.DeleteFunc(who.scopes, func(scope string) bool { return !aboutOneself(scope) })
	return who, nil
}

// aboutOneself tells the scopes of people from those of clients: neither kind of token can use the other's.
func aboutOneself(scope string) bool { return strings.Contains(scope, ":current_user") }

// unknown answers every path and method that the table lacks. Auth0 has many more, and tools take a missing scope better
// than a missing path.
func (s *Surface) unknown(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.authenticate(w, r); err != nil {
		return err
	}
	return forbidden("Insufficient scope, expected any of: "+guessScope(r), codeScope)
}

var resourceName = regexp.MustCompile(`^[a-z][a-z_]{0,63}$`)

// guessScope names the scope that such an endpoint would have.
func guessScope(r *http.Request) string {
	verb := map[string]string{
		http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "update", http.MethodDelete: "delete",
	}[r.Method]
	if verb == "" {
		verb = "read"
	}
	segment, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/v2"), "/"), "/")
	segment = strings.ReplaceAll(segment, "-", "_")
	if !resourceName.MatchString(segment) {
		segment = "tenant_settings"
	}
	return verb + ":" + segment
}

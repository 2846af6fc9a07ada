package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tokens"
)

// userinfo answers GET and POST /userinfo (OpenID Connect Core §5.3; Auth0: Get User Info). It reads the stored profile and
// the claims kept with the grant; it runs no rules.
func (s *Surface) userinfo(w http.ResponseWriter, r *http.Request) {
	token, err := bearer(r)
	if err != nil {
		writeError(w, r, err)
		return
	}
	if token == "" {
		unauthorized(w, "")
		return
	}
	grantID, scope, err := s.readAccess(token)
	if err != nil {
		unauthorized(w, describe(err))
		return
	}
	pass, err := s.Gate.Grant(r.Context(), grantID)
	if login.Refuses(err) {
		unauthorized(w, "The token is not valid any more")
		return
	}
	if err != nil {
		writeError(w, r, err)
		return
	}
	holdOrigin(w, r, pass.Client)
	if !slices.Contains(scope, "openid") {
		unauthorized(w, "The token lacks the scope openid")
		return
	}
	if err := web.WriteJSON(w, http.StatusOK, personClaims(pass.User, scope, pass.Grant.IDClaims)); err != nil {
		writeError(w, r, err)
	}
}

// readAccess returns the grant and scope of an access token of ours, opaque or signed.
func (s *Surface) readAccess(token string) (grantID string, scope []string, err error) {
	if strings.Count(token, ".") == 4 {
		opaque, err := s.Opaque.Open(token)
		return opaque.GrantID, opaque.Scope, err
	}
	claims, err := s.Keys.Verify(token, tokens.VerifyOptions{
		Issuer: s.Issuer, Audience: s.Issuer + "userinfo", Algs: []string{"RS256", "PS256", "ES256"}, Types: []string{"JWT", "at+jwt"},
	})
	if err != nil {
		return "", nil, err
	}
	text, _ := claims["scope"].(string)
	return grantOf(claims["jti"]), strings.Fields(text), nil
}

func describe(err error) string {
	if errors.Is(err, tokens.ErrExpired) {
		return "The token has expired"
	}
	return "The token is not valid"
}

// unauthorized answers as Auth0 does: plain text, the reason in the header (RFC 6750 §3).
func unauthorized(w http.ResponseWriter, reason string) {
	challenge := `Bearer realm="Users"`
	if reason != "" {
		challenge += `, error="invalid_token", error_description="` + reason + `"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	web.NoStore(w)
	w.WriteHeader(http.StatusUnauthorized)
	// Whoever asked may be gone; nobody is left to tell.
	_, _ = w.Write([]byte("Unauthorized"))
}

package connectors

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/internal/strictjson"
)

const (
	leeway       = time.Minute // for clocks that differ
	maxIDToken   = 128 << 10
	maxDepth     = 32 // of the claims' JSON
	googleIssuer = "https://accounts.google.com"
)

// signingAlgs are the algorithms an ID token may be signed with. "none" and the HMAC family are not among them: with those
// whoever knows the client secret, or nothing at all, could say who a person is.
func signingAlgs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// idTokens verifies the ID tokens of one provider for one client (OpenID Connect Core §3.1.3.7).
type idTokens struct {
	issuer, clientID string
	algs             []string // a subset of signingAlgs
	keys             *keySet
	now              func() time.Time
}

// narrowAlgs returns the allowed algorithms among those that a connection names; all of them where it names none.
func narrowAlgs(named []string) ([]string, error) {
	var algs []string
	for _, alg := range signingAlgs() {
		if len(named) == 0 || slices.Contains(named, string(alg)) {
			algs = append(algs, string(alg))
		}
	}
	if len(algs) == 0 {
		return nil, errors.New("id_token_signed_response_algs names no algorithm that is allowed")
	}
	return algs, nil
}

// verify returns the claims of a token that is the provider's, for this client, of now, and for this very login.
// accessToken, where there is one, is held against at_hash.
func (v *idTokens) verify(ctx context.Context, raw, nonce, accessToken string) (map[string]any, error) {
	if len(raw) > maxIDToken {
		return nil, errors.New("the ID token is larger than 128 KB")
	}
	verifier := oidc.NewVerifier(v.issuer, v.keys, &oidc.Config{
		ClientID:             v.clientID,
		SupportedSigningAlgs: v.algs,
		Now:                  func() time.Time { return v.now().Add(-leeway) },
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	claims, err := claimsOf(token)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 || nonce == "" {
		return nil, errors.New("the ID token's nonce is not that of this login")
	}
	if token.AccessTokenHash != "" && accessToken != "" {
		if err := token.VerifyAccessToken(accessToken); err != nil {
			return nil, err
		}
	}
	return claims, v.checkClaims(claims, token.Audience)
}

// claimsOf reads the claims again, exactly: the library takes "ISS" for "iss" and floats for numbers.
func claimsOf(token *oidc.IDToken) (map[string]any, error) {
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return nil, err
	}
	claims, err := strictjson.DecodeObject(bytes.NewReader(payload), maxIDToken, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("ID token: %w", err)
	}
	for name := range claims {
		for _, protocol := range []string{"iss", "sub", "aud", "azp", "exp", "nbf", "iat", "nonce", "at_hash"} {
			if name != protocol && strings.EqualFold(name, protocol) {
				return nil, fmt.Errorf("the ID token has a claim %q beside %q", name, protocol)
			}
		}
	}
	return claims, nil
}

func (v *idTokens) checkClaims(claims map[string]any, audience []string) error {
	if sub, _ := claims["sub"].(string); sub == "" {
		return errors.New("the ID token has no sub")
	}
	azp, has := claims["azp"]
	if has && azp != v.clientID {
		return errors.New("the ID token's azp is another client")
	}
	if !has && len(audience) > 1 {
		return errors.New("the ID token is for several audiences and has no azp")
	}
	latest := v.now().Add(leeway)
	for _, name := range []string{"iat", "nbf"} {
		at, has, err := numericDate(claims, name)
		switch {
		case err != nil:
			return err
		case !has && name == "iat":
			return errors.New("the ID token has no iat")
		case has && at.After(latest):
			return fmt.Errorf("the ID token's %s is in the future", name)
		}
	}
	if _, has, err := numericDate(claims, "exp"); err != nil || !has {
		return errors.New("the ID token has no exp")
	}
	return nil
}

// numericDate reads a time in seconds since 1970, fractions allowed (RFC 7519 §2).
func numericDate(claims map[string]any, name string) (at time.Time, has bool, err error) {
	value, has := claims[name]
	if !has {
		return time.Time{}, false, nil
	}
	n, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false, fmt.Errorf("the ID token's %s is not a number", name)
	}
	seconds, err := n.Float64()
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false, fmt.Errorf("the ID token's %s is out of range", name)
	}
	return time.Unix(int64(seconds), 0), true, nil
}

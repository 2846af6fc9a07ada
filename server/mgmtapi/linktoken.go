package mgmtapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/latchkey-id/latchkey/internal/strictjson"
	"github.com/latchkey-id/latchkey/tokens"
)

func badLinkToken() error { return badLink("Invalid token (link_with).") }

// readLinkToken returns the subject of an ID token that a person sends to prove that a second account is theirs (Auth0:
// User Account Linking): one of ours, not expired, and issued to the very client that the calling token was issued to.
func (s *Surface) readLinkToken(c *call, token string) (string, error) {
	if alg := headerAlg(token); alg != "" && alg != tokens.RS256 && alg != tokens.PS256 && alg != tokens.ES256 {
		return "", badLink("JWT (link_with) must have an alg of RS256.")
	}
	claims, err := s.Keys.VerifyHint(token, s.Issuer)
	if err != nil {
		return "", badLinkToken()
	}
	if claims["azp"] != nil || claims["scope"] != nil || claims["client_id"] != nil {
		return "", badLinkToken() // an access token: it proves what may be done, not who is there
	}
	audience, _ := claims["aud"].(string)
	if c.config.Clients[audience] == nil {
		return "", badLink("JWT (link_with) contains an invalid aud claim.")
	}
	if audience != c.caller.client.ID {
		return "", badLink("JWT (link_with) must have an aud claim that matches that of the calling token's azp.")
	}
	_, err = s.Keys.Verify(token, tokens.VerifyOptions{
		Issuer: s.Issuer, Audience: audience, Algs: []string{tokens.RS256, tokens.PS256, tokens.ES256},
	})
	switch {
	case errors.Is(err, tokens.ErrExpired), errors.Is(err, tokens.ErrInvalid):
		return "", badLinkToken()
	case err != nil:
		return "", err
	}
	return linkSubject(claims)
}

func linkSubject(claims map[string]any) (string, error) {
	sub, given := claims["sub"]
	if !given {
		return "", badLink("JWT (link_with) must contains sub claim.")
	}
	text, ok := sub.(string)
	if !ok || text == "" {
		return "", badLink("JWT (link_with) contains an invalid sub claim.")
	}
	return text, nil
}

// headerAlg reads what a token says of itself, for the error's text only; "" where it can't be read.
func headerAlg(token string) string {
	part, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return ""
	}
	header, err := strictjson.DecodeObject(bytes.NewReader(text), int64(len(text)), 8)
	if err != nil {
		return ""
	}
	alg, _ := header["alg"].(string)
	return alg
}

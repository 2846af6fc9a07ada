package tokens

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"time"
)

const (
	// assertionLifetime is how far ahead a client's assertion may expire (Auth0: Authenticate with Private Key JWT).
	assertionLifetime = 5 * time.Minute
	// assertionSkew is how far a client's clock may be off.
	assertionSkew = 10 * time.Second
	maxJTI        = 256
)

// ClientKey is a public key that a client registered.
type ClientKey struct {
	PEM string // a public key (PKIX or PKCS #1) or a certificate
	Alg string // RS256, RS384 or PS256: the one it signs with; "" for any of them
}

// VerifyClientAssertion checks the JWT with which a client proves itself at the token endpoint (private_key_jwt, RFC 7523
// §3) against the client's registered keys. issuer is this server's, with its trailing slash; its token endpoint is an
// audience as well. The result is what the caller needs to accept it only once: it refuses this client's jti until then.
// Errors: ErrInvalid, ErrExpired.
func VerifyClientAssertion(assertion string, keys []ClientKey, clientID, issuer string, now time.Time) (
	jti string, until time.Time, err error,
) {
	claims, err := verifyByClientKeys(assertion, keys)
	if err != nil {
		return "", time.Time{}, err
	}
	if clientID == "" || claims["iss"] != clientID || claims["sub"] != clientID {
		return "", time.Time{}, invalid("iss and sub aren't the client")
	}
	if issuer == "" || !hasAudience(claims["aud"], issuer, issuer+"oauth/token") {
		return "", time.Time{}, invalid("meant for another audience")
	}
	if err := checkTimes(claims, now, assertionSkew); err != nil {
		return "", time.Time{}, err
	}
	exp, _ := claimTime(claims["exp"])
	if exp.After(now.Add(assertionLifetime + assertionSkew)) {
		return "", time.Time{}, invalid("exp is too far ahead")
	}
	jti, _ = claims["jti"].(string)
	if jti == "" || len(jti) > maxJTI {
		return "", time.Time{}, invalid("jti is missing or too long")
	}
	// The skew lets the assertion live a moment longer than exp; so long its jti has to be remembered.
	return jti, exp.Add(assertionSkew), nil
}

// verifyByClientKeys tries each key: clients may register several, and their kid, if any, is the client's own naming.
func verifyByClientKeys(assertion string, keys []ClientKey) (map[string]any, error) {
	header, err := readHeader(assertion)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"jwk", "jku", "x5u", "crit"} {
		if _, ok := header[name]; ok {
			return nil, invalid("unexpected header parameter")
		}
	}
	alg, _ := header["alg"].(string)
	if !slices.Contains([]string{RS256, "RS384", PS256}, alg) {
		return nil, invalid("algorithm is not accepted")
	}
	err = invalid("the client has no key for this algorithm")
	for _, key := range keys {
		if key.Alg != "" && key.Alg != alg {
			continue
		}
		public, parseErr := parsePublic(key.PEM)
		if parseErr != nil {
			err = invalid(parseErr.Error())
			continue
		}
		var claims map[string]any
		if claims, err = checkSignature(assertion, alg, public); err == nil {
			return claims, nil
		}
	}
	return nil, err
}

// parsePublic reads an RSA key of at least 2048 bits.
func parsePublic(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("a registered key is no PEM")
	}
	var parsed any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			parsed = certificate.PublicKey
		}
	}
	if err != nil {
		return nil, errors.New("a registered key can't be read")
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok || public.N.BitLen() < rsaBits {
		return nil, errors.New("a registered key is not RSA with 2048 bits or more")
	}
	return public, nil
}

package tokens

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// DefaultType is the typ header of ID tokens and of access tokens in Auth0's profile. Access tokens after RFC 9068 have
// AccessTokenType.
const (
	DefaultType     = "JWT"
	AccessTokenType = "at+jwt"
)

// minSecret is the size of the hash: a shorter key makes HS256 weaker than it looks (RFC 7518 §3.2).
const minSecret = 32

// ErrWeakSecret says that a secret is too short to sign with.
var ErrWeakSecret = errors.New("HS256 needs a secret of at least 32 bytes")

// Sign makes a signed token (RFC 7519, compact) with the key that signs now. alg is RS256, PS256 or ES256; typ is one of
// the few types this server issues, "" meaning DefaultType. Claims may hold json.Number, which stays as it is written.
// Errors: ErrNoKey, or a claim that JSON can't express.
func (k *Keyring) Sign(alg, typ string, claims map[string]any) (string, error) {
	key := k.current().signing[alg]
	if key == nil {
		return "", fmt.Errorf("%w for %q", ErrNoKey, alg)
	}
	if typ == "" {
		typ = DefaultType
	}
	signer, err := key.signer(alg, typ)
	if err != nil {
		return "", err
	}
	return sign(signer, claims)
}

// SignHS256 makes a token for an API or a client that shares a secret with this server. Such tokens are never accepted
// here. Errors: ErrWeakSecret, or a claim that JSON can't express.
func SignHS256(secret []byte, typ string, claims map[string]any) (string, error) {
	if len(secret) < minSecret {
		return "", ErrWeakSecret
	}
	if typ == "" {
		typ = DefaultType
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", err
	}
	return sign(signer, claims)
}

func sign(signer jose.Signer, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("claims can't be written: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

package connectors

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys   = 100
	minRSABit = 2048 // RFC 7518 §3.3
)

// keySet is a provider's signing keys, from its jwks_uri and from nowhere else: the headers jku, jwk, x5u and x5c of a token
// are never looked at (RFC 8725 §3.10). It is the KeySet of go-oidc.
type keySet struct {
	address string
	doc     document[[]jose.JSONWebKey]
}

func newKeySet(out Outside, address string) *keySet {
	return &keySet{address: address, doc: document[[]jose.JSONWebKey]{now: out.Now, fetch: func(ctx context.Context) ([]jose.JSONWebKey, error) {
		document, err := out.Client.GetJSON(ctx, address, nil)
		if err != nil {
			return nil, err
		}
		return parseKeys(document)
	}}}
}

// VerifySignature returns the payload of a token that one of the keys signed. Keys are fetched again where none has the
// token's kid (OpenID Connect Core §10.1.1), at most once a minute.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, signingAlgs())
	if err != nil {
		return nil, errors.New("the ID token is not a signed token of an allowed algorithm")
	}
	header := jws.Signatures[0].Header
	keys, err := k.doc.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	candidates := matching(keys, header)
	if len(candidates) == 0 {
		renewed, err := k.doc.renew(ctx)
		if err != nil {
			return nil, fmt.Errorf("signing keys: %w", err)
		}
		candidates = matching(renewed, header)
	}
	for _, key := range candidates {
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	if len(candidates) == 0 {
		return nil, errors.New("no signing key of the provider fits the ID token")
	}
	return nil, errors.New("the ID token's signature is wrong")
}

// matching returns the keys that may have signed a token with this header. A token without kid may be of any key.
func matching(keys []jose.JSONWebKey, header jose.Header) (found []jose.JSONWebKey) {
	for _, key := range keys {
		if (header.KeyID == "" || key.KeyID == header.KeyID) && (key.Algorithm == "" || key.Algorithm == header.Algorithm) {
			found = append(found, key)
		}
	}
	return found
}

// parseKeys reads a JWK set. Keys of a kind that doesn't sign ID tokens are left out (RFC 7517 §5), symmetric ones above all:
// a public document can't hold a secret.
func parseKeys(document any) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := fill(&set, document); err != nil {
		return nil, fmt.Errorf("the key set is malformed: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has more than %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err == nil && signs(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no usable signing key")
	}
	return keys, nil
}

func signs(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSABit
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

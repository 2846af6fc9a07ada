package tokens

import (
	"context"
	"time"
)

// StoredKey is a signing key as drivers keep it. Drivers seal Private at rest.
type StoredKey struct {
	ID      string `json:"kid"`
	Alg     string `json:"alg"`     // RS256 (which also signs PS256) or ES256
	Private []byte `json:"private"` // PKCS #8, DER
	// Certificate is a self-signed X.509 certificate for x5c, DER.
	Certificate []byte    `json:"certificate"`
	CreatedAt   time.Time `json:"created_at"`
	// ActiveAt is when it began to sign; zero while it waits. Verifiers see it before.
	ActiveAt time.Time `json:"active_at"`
	// RetiredAt is when another key took over; zero while it signs or waits. It verifies until RemoveAt.
	RetiredAt time.Time `json:"retired_at,omitzero"`
	RemoveAt  time.Time `json:"remove_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// KeyStore keeps the signing keys of the one tenant it was made for.
type KeyStore interface {
	// Keys returns all keys, oldest first.
	Keys(ctx context.Context) ([]StoredKey, error)
	// UpdateKeys gives change the present keys inside a transaction and stores what it returns instead. change may run
	// again.
	UpdateKeys(ctx context.Context, change func([]StoredKey) ([]StoredKey, error)) error
}

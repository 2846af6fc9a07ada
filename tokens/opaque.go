package tokens

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/internal/seal"
)

// opaqueHeader is {"alg":"dir","enc":"A256GCM"}, the header of every opaque token: it says nothing about issuer or key.
const opaqueHeader = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0"

// OpaqueToken is what an opaque access token says to this server. Times are kept to the second.
type OpaqueToken struct {
	ID        string // of this token, for revocation
	GrantID   string
	Subject   string // user id
	ClientID  string
	Scope     []string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// opaquePayload is an OpaqueToken as it is encrypted.
type opaquePayload struct {
	ID        string   `json:"j,omitempty"`
	GrantID   string   `json:"g,omitempty"`
	Subject   string   `json:"s,omitempty"`
	ClientID  string   `json:"c,omitempty"`
	Scope     []string `json:"p,omitempty"`
	IssuedAt  int64    `json:"i"`
	ExpiresAt int64    `json:"e"`
}

// Opaque makes and reads access tokens that are good at /userinfo only: encrypted with a key that no one else has (JWE,
// RFC 7516, "dir" with A256GCM), so that an API can't mistake one for a signed token, and cheap, because nothing is signed.
// It is safe for concurrent use.
type Opaque struct {
	keys      [][]byte // the first encrypts
	encrypter jose.Encrypter
	now       func() time.Time
}

// NewOpaque takes its keys from the ring. Tokens of the ring's former keys stay good as long as these are in it.
func NewOpaque(ring *seal.Ring, now func() time.Time) (*Opaque, error) {
	keys, err := ring.DeriveAll("opaque access tokens")
	if err != nil {
		return nil, err
	}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: keys[0]}, nil)
	if err != nil {
		return nil, err
	}
	return &Opaque{keys: keys, encrypter: encrypter, now: now}, nil
}

// Issue makes a token.
func (o *Opaque) Issue(v OpaqueToken) (string, error) {
	plain, err := json.Marshal(opaquePayload{
		ID: v.ID, GrantID: v.GrantID, Subject: v.Subject, ClientID: v.ClientID, Scope: v.Scope,
		IssuedAt: v.IssuedAt.Unix(), ExpiresAt: v.ExpiresAt.Unix(),
	})
	if err != nil {
		return "", err
	}
	sealed, err := o.encrypter.Encrypt(plain)
	if err != nil {
		return "", err
	}
	token, err := sealed.CompactSerialize()
	if err != nil {
		return "", err
	}
	if len(token) > maxToken {
		return "", errors.New("opaque token is too large")
	}
	return token, nil
}

// Open returns what Issue was given. Whether its grant still stands is the caller's to check. Errors: ErrInvalid,
// ErrExpired.
func (o *Opaque) Open(token string) (OpaqueToken, error) {
	// The two points leave the place of an encrypted key empty, as "dir" has it (RFC 7516 §5.1).
	if !strings.HasPrefix(token, opaqueHeader+"..") || !wellFormed(token, 5) {
		return OpaqueToken{}, invalid("not an opaque token")
	}
	sealed, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return OpaqueToken{}, invalid("not an opaque token")
	}
	plain, err := o.decrypt(sealed)
	if err != nil {
		return OpaqueToken{}, err
	}
	var p opaquePayload
	if err := json.Unmarshal(plain, &p); err != nil {
		return OpaqueToken{}, invalid("its content can't be read")
	}
	if o.now().Unix() >= p.ExpiresAt {
		return OpaqueToken{}, ErrExpired
	}
	return OpaqueToken{
		ID: p.ID, GrantID: p.GrantID, Subject: p.Subject, ClientID: p.ClientID, Scope: p.Scope,
		IssuedAt: time.Unix(p.IssuedAt, 0), ExpiresAt: time.Unix(p.ExpiresAt, 0),
	}, nil
}

func (o *Opaque) decrypt(sealed *jose.JSONWebEncryption) ([]byte, error) {
	for _, key := range o.keys {
		if plain, err := sealed.Decrypt(key); err == nil {
			return plain, nil
		}
	}
	return nil, invalid("made by another server, or changed")
}

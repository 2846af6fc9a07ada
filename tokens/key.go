package tokens

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/internal/ids"
)

// The signature algorithms. An RSA key is kept as RS256 and signs both of its algorithms.
const (
	RS256 = "RS256"
	PS256 = "PS256"
	ES256 = "ES256"
	HS256 = "HS256"
)

const (
	rsaBits = 2048
	kidSize = 21
	// certificateYears outlives every key: verifiers that look at the certificate shall not be the ones to end its use.
	certificateYears = 20
)

// keyAlgs are the algorithms that the ring has keys for, the default first.
func keyAlgs() []string { return []string{RS256, ES256} }

// signs returns the algorithms that a key of this kind signs with.
func signs(keyAlg string) []string {
	if keyAlg == RS256 {
		return []string{RS256, PS256}
	}
	return []string{keyAlg}
}

// newKey makes a key that waits.
func newKey(alg string, now time.Time) (StoredKey, error) {
	private, err := newPrivate(alg)
	if err != nil {
		return StoredKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return StoredKey{}, err
	}
	certificate, err := selfSigned(private, now)
	if err != nil {
		return StoredKey{}, err
	}
	return StoredKey{ID: ids.Alphanumeric(kidSize), Alg: alg, Private: der, Certificate: certificate, CreatedAt: now}, nil
}

func newPrivate(alg string) (crypto.Signer, error) {
	switch alg {
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("no signing key can be made for %q", alg)
}

func selfSigned(private crypto.Signer, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Latchkey signing key"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(certificateYears, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	return x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
}

// key is a stored key with what is worked out from it once.
type key struct {
	stored StoredKey
	*material
}

// material is the part of a key that never changes.
type material struct {
	private crypto.Signer
	public  crypto.PublicKey
	jwk     []byte   // the key's member of the key set
	signers sync.Map // algorithm + " " + typ → jose.Signer
}

func parseKey(stored StoredKey) (*material, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(stored.Private)
	if err != nil {
		return nil, fmt.Errorf("signing key %s can't be read: %w", stored.ID, err)
	}
	private, err := signerFor(stored.Alg, parsed)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", stored.ID, err)
	}
	jwk, err := publicJWK(stored, private.Public())
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", stored.ID, err)
	}
	return &material{private: private, public: private.Public(), jwk: jwk}, nil
}

func signerFor(alg string, parsed any) (crypto.Signer, error) {
	switch private := parsed.(type) {
	case *rsa.PrivateKey:
		if alg == RS256 && private.N.BitLen() >= rsaBits {
			return private, nil
		}
	case *ecdsa.PrivateKey:
		if alg == ES256 && private.Curve == elliptic.P256() {
			return private, nil
		}
	}
	return nil, fmt.Errorf("a %T is not a key for %q", parsed, alg)
}

// publicJWK is the key as verifiers get it (RFC 7517 §4). An RSA key is listed once, as RS256: Auth0's SDKs pick a key by
// its kid.
func publicJWK(stored StoredKey, public crypto.PublicKey) ([]byte, error) {
	certificate, err := x509.ParseCertificate(stored.Certificate)
	if err != nil {
		return nil, fmt.Errorf("its certificate can't be read: %w", err)
	}
	if same, ok := public.(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(certificate.PublicKey) {
		return nil, errors.New("its certificate belongs to another key")
	}
	thumbprint := sha1.Sum(stored.Certificate)
	return jose.JSONWebKey{
		Key: public, KeyID: stored.ID, Algorithm: stored.Alg, Use: "sig",
		Certificates: []*x509.Certificate{certificate}, CertificateThumbprintSHA1: thumbprint[:],
	}.MarshalJSON()
}

// signer returns the key's signer for an algorithm and a typ header, made once.
func (k *key) signer(alg, typ string) (jose.Signer, error) {
	name := alg + " " + typ
	if signer, ok := k.signers.Load(name); ok {
		return signer.(jose.Signer), nil
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{
			Algorithm: jose.SignatureAlgorithm(alg),
			Key:       jose.JSONWebKey{Key: k.private, KeyID: k.stored.ID},
		},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return nil, err
	}
	k.signers.Store(name, signer)
	return signer, nil
}

// snapshot is the ring at one moment. It never changes.
type snapshot struct {
	keys      []*key          // all stored ones, oldest first
	signing   map[string]*key // by algorithm
	verifying map[string]*key // by kid
	jwks      []byte
	// changesAt is when the next replaced key stops to verify; zero without one.
	changesAt time.Time
	seen      memo
}

func newSnapshot(keys []*key, now time.Time) *snapshot {
	s := &snapshot{keys: keys, signing: map[string]*key{}, verifying: map[string]*key{}}
	stored := make([]StoredKey, len(keys))
	for i, k := range keys {
		stored[i] = k.stored
	}
	var listed []*key
	for _, alg := range keyAlgs() {
		if i := signingKey(stored, alg); i >= 0 {
			listed = append(listed, keys[i])
			for _, a := range signs(alg) {
				s.signing[a] = keys[i]
			}
		}
	}
	for _, k := range keys {
		if !verifies(k.stored, now) {
			continue
		}
		s.verifying[k.stored.ID] = k
		if s.signing[k.stored.Alg] != k {
			listed = append(listed, k)
		}
		if end := k.stored.RemoveAt; !end.IsZero() && (s.changesAt.IsZero() || end.Before(s.changesAt)) {
			s.changesAt = end
		}
	}
	s.jwks = keySet(listed)
	return s
}

// keySet is the document at /.well-known/jwks.json (RFC 7517 §5).
func keySet(keys []*key) []byte {
	members := make([][]byte, len(keys))
	for i, k := range keys {
		members[i] = k.jwk
	}
	return append(append([]byte(`{"keys":[`), bytes.Join(members, []byte(","))...), "]}"...)
}

// signingKey returns the index of the key that signs with alg, -1 without one.
func signingKey(keys []StoredKey, alg string) int {
	found := -1
	for i, k := range keys {
		active := k.Alg == alg && !k.ActiveAt.IsZero() && k.RetiredAt.IsZero() && k.RevokedAt.IsZero()
		if active && (found < 0 || k.ActiveAt.After(keys[found].ActiveAt)) {
			found = i
		}
	}
	return found
}

// waitingKey returns the index of the key that signs with alg next, -1 without one.
func waitingKey(keys []StoredKey, alg string) int {
	for i, k := range keys {
		if k.Alg == alg && k.ActiveAt.IsZero() && k.RetiredAt.IsZero() && k.RevokedAt.IsZero() {
			return i
		}
	}
	return -1
}

// verifies says whether tokens of this key are accepted. Those of a waiting key are: another node may have rotated already.
func verifies(k StoredKey, now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.RemoveAt.IsZero() || now.Before(k.RemoveAt))
}

// Package seal encrypts what must not be readable in a stolen database: client secrets, connection options, signing keys,
// upstream tokens. AES-256-GCM with a ring of keys: the first one seals, all of them open, so a key is replaced by putting
// a new one in front.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// ErrOpen says that a sealed value can't be opened: a key that is not in the ring, or a value that was changed or moved.
var ErrOpen = errors.New("sealed value can't be opened with the keys of encryption_key")

// Ring seals and opens values. It is safe for concurrent use.
type Ring struct {
	first string
	aeads map[string]cipher.AEAD
	roots [][]byte // as given to NewRing
}

// NewRing makes a ring of 32-byte keys; the first one seals.
func NewRing(keys ...[]byte) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("an encryption key is needed")
	}
	r := &Ring{aeads: map[string]cipher.AEAD{}}
	for i, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("encryption key %d has %d bytes, not %d", i+1, len(key), KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("latchkey key id "), key...))
		id := hex.EncodeToString(sum[:4])
		r.aeads[id] = aead
		r.roots = append(r.roots, bytes.Clone(key))
		if i == 0 {
			r.first = id
		}
	}
	return r, nil
}

// Seal encrypts plain for one place ("table/column/row"): it opens nowhere else.
func (r *Ring) Seal(plain []byte, place string) string {
	sealed := r.aeads[r.first].Seal(nil, nil, plain, []byte(place))
	return "v1." + r.first + "." + base64.RawURLEncoding.EncodeToString(sealed)
}

// Open decrypts what Seal made for this place.
func (r *Ring) Open(sealed, place string) ([]byte, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	id, text, ok := strings.Cut(rest, ".")
	aead := r.aeads[id]
	if version != "v1" || !ok || aead == nil {
		return nil, ErrOpen
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrOpen
	}
	plain, err := aead.Open(nil, nil, raw, []byte(place))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Derive returns a 32-byte key for another purpose than sealing stored values, the same on every node that has the ring.
// It changes when the first key changes.
func (r *Ring) Derive(purpose string) ([]byte, error) { return derive(r.roots[0], purpose) }

// DeriveAll returns what Derive returned or would return with each key of the ring in front, in the ring's order: make
// new values with the first, and accept those of all, so that they survive a new key.
func (r *Ring) DeriveAll(purpose string) ([][]byte, error) {
	keys := make([][]byte, len(r.roots))
	for i, root := range r.roots {
		var err error
		if keys[i], err = derive(root, purpose); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func derive(root []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, root, nil, "latchkey "+purpose, KeySize)
}

package tokens

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNoKey says that the ring has no such key.
var ErrNoKey = errors.New("no such signing key")

// maxAttempts is how often a change is tried again with one more new key: two algorithms, two keys each, and the last.
const maxAttempts = 5

// Keyring holds the signing keys of one tenant. It is safe for concurrent use; call Load first.
type Keyring struct {
	store KeyStore
	now   func() time.Time

	loading sync.Mutex // keeps an older read from replacing a newer one
	ring    atomic.Pointer[snapshot]
}

// NewKeyring makes a ring without keys.
func NewKeyring(store KeyStore, now func() time.Time) *Keyring {
	k := &Keyring{store: store, now: now}
	k.ring.Store(newSnapshot(nil, now()))
	return k
}

// Load reads the keys, and makes those that are needed to sign where the tenant has none. Nodes that start at the same
// time end up with the same keys.
func (k *Keyring) Load(ctx context.Context) error {
	stored, err := k.store.Keys(ctx)
	if err != nil {
		return err
	}
	for _, alg := range keyAlgs() {
		if signingKey(stored, alg) < 0 {
			return k.update(ctx, k.activateAll)
		}
	}
	return k.Reload(ctx)
}

// Prepare makes the keys that wait, where there are none. Making an RSA key takes a second on a slow machine, which a
// first start need not wait for: call it in the background.
func (k *Keyring) Prepare(ctx context.Context) error {
	for _, alg := range keyAlgs() {
		if waitingKey(k.current().stored(), alg) < 0 {
			return k.update(ctx, func(keys []StoredKey, spare *spares) []StoredKey { return k.wait(keys, spare) })
		}
	}
	return nil
}

// Reload reads the keys again, after another node changed them. Keys that are known already aren't parsed again.
func (k *Keyring) Reload(ctx context.Context) error {
	k.loading.Lock()
	defer k.loading.Unlock()
	stored, err := k.store.Keys(ctx)
	if err != nil {
		return err
	}
	known := map[string]*key{}
	present := k.ring.Load()
	for _, old := range present.keys {
		known[old.stored.ID] = old
	}
	if slices.EqualFunc(present.keys, stored, func(old *key, s StoredKey) bool { return reflect.DeepEqual(old.stored, s) }) {
		return nil
	}
	keys := make([]*key, len(stored))
	for i, s := range stored {
		old := known[s.ID]
		if old != nil && old.stored.Alg == s.Alg && bytes.Equal(old.stored.Private, s.Private) &&
			bytes.Equal(old.stored.Certificate, s.Certificate) {
			keys[i] = &key{stored: s, material: old.material}
			continue
		}
		parsed, err := parseKey(s)
		if err != nil {
			return err
		}
		keys[i] = &key{stored: s, material: parsed}
	}
	k.ring.Store(newSnapshot(keys, k.now()))
	return nil
}

// Rotate lets the waiting keys sign from now on and makes new ones that wait. The replaced keys verify until grace has
// passed; it should exceed the longest lifetime of a token. Keys whose grace is over are dropped. The result is the kid of
// the RS256 key that signs now.
func (k *Keyring) Rotate(ctx context.Context, grace time.Duration) (string, error) {
	if grace < 0 {
		return "", errors.New("the grace of replaced signing keys can't be negative")
	}
	var newKid string
	err := k.update(ctx, func(keys []StoredKey, spare *spares) []StoredKey {
		now := k.now()
		keys = slices.DeleteFunc(keys, func(s StoredKey) bool { return !s.RemoveAt.IsZero() && !now.Before(s.RemoveAt) })
		for i := range keys {
			if s := &keys[i]; !s.ActiveAt.IsZero() && s.RetiredAt.IsZero() && s.RevokedAt.IsZero() {
				s.RetiredAt, s.RemoveAt = now, now.Add(grace)
			}
		}
		keys = k.wait(k.activateAll(keys, spare), spare)
		newKid = keys[signingKey(keys, RS256)].ID
		return keys
	})
	if err != nil {
		return "", err
	}
	return newKid, nil
}

// Revoke makes a key's tokens invalid at once. If it signed, the waiting key takes over. The next rotation drops it.
// Errors: ErrNoKey.
func (k *Keyring) Revoke(ctx context.Context, kid string) error {
	found := false
	err := k.update(ctx, func(keys []StoredKey, spare *spares) []StoredKey {
		i := slices.IndexFunc(keys, func(s StoredKey) bool { return s.ID == kid })
		if found = i >= 0; !found {
			return keys
		}
		if s := &keys[i]; s.RevokedAt.IsZero() {
			now := k.now()
			s.RevokedAt, s.RemoveAt = now, now
			if s.RetiredAt.IsZero() {
				s.RetiredAt = now
			}
		}
		return k.wait(k.activateAll(keys, spare), spare)
	})
	if err == nil && !found {
		return ErrNoKey
	}
	return err
}

// JWKS is the public key set as JSON (RFC 7517 §5): the signing keys first, then the waiting ones and the replaced ones
// that still verify. The bytes are shared; don't change them.
func (k *Keyring) JWKS() []byte { return k.current().jwks }

// Keys returns the stored keys, oldest first, without their private part.
func (k *Keyring) Keys() []StoredKey {
	keys := k.current().stored()
	for i := range keys {
		keys[i].Private = nil
	}
	return keys
}

// current returns the snapshot, without the keys whose grace has ended meanwhile.
func (k *Keyring) current() *snapshot {
	s := k.ring.Load()
	now := k.now()
	if s.changesAt.IsZero() || now.Before(s.changesAt) {
		return s
	}
	next := newSnapshot(s.keys, now)
	k.ring.CompareAndSwap(s, next) // if it fails, a newer one is there already
	return next
}

func (s *snapshot) stored() []StoredKey {
	stored := make([]StoredKey, len(s.keys))
	for i, k := range s.keys {
		stored[i] = k.stored
	}
	return stored
}

// activateAll gives every algorithm a key that signs: the one that waits, or else a new one.
func (k *Keyring) activateAll(keys []StoredKey, spare *spares) []StoredKey {
	for _, alg := range keyAlgs() {
		if signingKey(keys, alg) >= 0 {
			continue
		}
		i := waitingKey(keys, alg)
		if i < 0 {
			i = len(keys)
			keys = append(keys, spare.take(alg))
		}
		keys[i].ActiveAt = k.now()
	}
	return keys
}

// wait gives every algorithm a key that waits.
func (k *Keyring) wait(keys []StoredKey, spare *spares) []StoredKey {
	for _, alg := range keyAlgs() {
		if waitingKey(keys, alg) < 0 {
			keys = append(keys, spare.take(alg))
		}
	}
	return keys
}

// errSpares aborts a transaction that needs more new keys than were made before it. It doesn't leave update.
var errSpares = errors.New("more new signing keys are needed")

// update changes the stored keys in a transaction and reloads. New keys are made outside of it, because that takes long:
// a transaction that lacks some is aborted and begun again when they are made.
func (k *Keyring) update(ctx context.Context, change func([]StoredKey, *spares) []StoredKey) error {
	spare := &spares{}
	for range maxAttempts {
		spare.reset()
		err := k.store.UpdateKeys(ctx, func(keys []StoredKey) ([]StoredKey, error) {
			spare.reset()
			changed := change(slices.Clone(keys), spare)
			if len(spare.lacking) > 0 {
				return nil, errSpares
			}
			return changed, nil
		})
		if len(spare.lacking) == 0 {
			if err != nil {
				return err
			}
			return k.Reload(ctx)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := spare.make(k.now()); err != nil {
			return err
		}
	}
	return errSpares
}

// spares are new keys that a change may use.
type spares struct {
	made    []StoredKey
	used    int
	lacking []string // algorithms
}

// reset begins another run of a change: it may use all keys that were made.
func (s *spares) reset() {
	s.used, s.lacking = 0, nil
}

// take returns a new key, or notes that one has to be made and returns a place-holder, which never gets stored.
func (s *spares) take(alg string) StoredKey {
	for i := s.used; i < len(s.made); i++ {
		if s.made[i].Alg == alg {
			s.made[i], s.made[s.used] = s.made[s.used], s.made[i]
			s.used++
			return s.made[s.used-1]
		}
	}
	s.lacking = append(s.lacking, alg)
	return StoredKey{Alg: alg}
}

func (s *spares) make(now time.Time) error {
	for _, alg := range s.lacking {
		made, err := newKey(alg, now)
		if err != nil {
			return err
		}
		s.made = append(s.made, made)
	}
	return nil
}

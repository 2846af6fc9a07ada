// Package passwords hashes and judges passwords. It knows nothing of people, connections or stores.
//
//	sign-up, reset   Policy.Check → InDictionary, HoldsPersonalData → Hasher.Hash → PHC string for the store
//	login            Hasher.Verify (argon2id, bcrypt) → needsRehash → Hasher.Hash; Hasher.Dummy for unknown people
//
// Hashing is deliberately slow and, with argon2id, hungry: 19 MiB for every password in work. A [Hasher] therefore lets a
// few passwords in at a time, some more wait, and turns the rest away with [ErrBusy], so that a flood of logins can't take
// the memory or every core of the machine.
package passwords

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// MaxBytes is the longest password that is looked at.
const MaxBytes = 4096

var (
	// ErrBusy: as many passwords are being hashed, and waiting to be, as the Hasher allows.
	ErrBusy = errors.New("too many passwords are being hashed")
	// ErrTooLong: the password has more than MaxBytes bytes.
	ErrTooLong = errors.New("the password is longer than 4096 bytes")
	// ErrHash: a stored hash can't be read, is of an unknown kind, or asks for more work than is allowed.
	ErrHash = errors.New("the password hash can't be used")
)

// Params are the costs of new argon2id hashes (RFC 9106 §3.1). Hashes of other costs still verify, and are reported as
// needing a rehash.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams are 19 MiB, two passes, one lane (OWASP: Password Storage Cheat Sheet).
func DefaultParams() Params { return Params{Memory: 19 * 1024, Time: 2, Threads: 1} }

// Config says how much a Hasher may do at once. Zero values stand for the defaults.
type Config struct {
	Concurrency int // passwords hashed at a time; default 2
	Queue       int // passwords waiting for their turn; default 32 × Concurrency
	Params      Params
}

// Hasher makes and verifies password hashes. It is safe for concurrent use.
type Hasher struct {
	params  Params
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
	refused atomic.Int64
	dummy   phc
}

// New returns a Hasher, or an error where the parameters are such that its own hashes would not verify.
func New(c Config) (*Hasher, error) {
	if c.Params == (Params{}) {
		c.Params = DefaultParams()
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 2
	}
	if c.Queue <= 0 {
		c.Queue = 32 * c.Concurrency
	}
	h := &Hasher{params: c.Params, slots: make(chan struct{}, c.Concurrency), queue: int64(c.Queue)}
	h.dummy = phc{Params: c.Params, salt: random(saltBytes), key: random(keyBytes)}
	if err := h.dummy.check(); err != nil {
		return nil, err
	}
	return h, nil
}

// Hash returns a new argon2id hash as a PHC string. Errors: ErrTooLong, ErrBusy.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxBytes {
		return "", ErrTooLong
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	hash := phc{Params: h.params, salt: random(saltBytes)}
	hash.key = hash.derive(password, keyBytes)
	return hash.String(), nil
}

// Verify tells whether the password belongs to the hash: an argon2id PHC string, or bcrypt as $2a$, $2b$ or $2y$. The bytes
// of the password are taken as given, without Unicode normalization; bcrypt looks at the first 72 of them only, which is why
// its hashes always need a rehash. needsRehash is said of right passwords only. Errors: ErrTooLong, ErrBusy, ErrHash.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, needsRehash bool, err error) {
	if len(password) > MaxBytes {
		return false, false, ErrTooLong
	}
	isBcrypt, err := checkBcrypt(hash)
	if err != nil {
		return false, false, err
	}
	var stored phc
	if !isBcrypt {
		if stored, err = parsePHC(hash); err != nil {
			return false, false, err
		}
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	if isBcrypt {
		return verifyBcrypt(hash, password)
	}
	ok = stored.matches(password)
	return ok, ok && stored.outdated(h.params), nil
}

// Dummy spends the work of a Verify, for people who don't exist. Errors: ErrTooLong, ErrBusy.
func (h *Hasher) Dummy(ctx context.Context, password string) error {
	if len(password) > MaxBytes {
		return ErrTooLong
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	h.dummy.matches(password)
	return nil
}

// Stats are how busy a Hasher is.
type Stats struct {
	Running, Slots int   // passwords in work, and how many can be
	Waiting, Queue int   // passwords that wait, and how many may
	Refused        int64 // passwords that were turned away since the start
}

// Stats returns the present figures.
func (h *Hasher) Stats() Stats {
	return Stats{
		Running: len(h.slots), Slots: cap(h.slots), Waiting: int(h.waiting.Load()), Queue: int(h.queue), Refused: h.refused.Load(),
	}
}

// enter waits for a slot as long as ctx allows.
func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-h.slots }
	select {
	case h.slots <- struct{}{}:
		return leave, nil
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		h.refused.Add(1)
		return nil, ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		h.refused.Add(1)
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

func (p phc) derive(password string, n int) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.Time, p.Memory, p.Threads, uint32(n))
}

func (p phc) matches(password string) bool {
	return subtle.ConstantTimeCompare(p.derive(password, len(p.key)), p.key) == 1
}

func (p phc) outdated(now Params) bool {
	return p.Params != now || len(p.salt) < saltBytes || len(p.key) < keyBytes
}

func verifyBcrypt(hash, password string) (ok, needsRehash bool, err error) {
	err = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
	switch {
	case err == nil:
		return true, true, nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, false, nil
	}
	return false, false, fmt.Errorf("%w: bcrypt: %w", ErrHash, err)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

package sessions

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// Box is one typed compartment of an Ephemeral store. What goes in is JSON; the secret that names it is 256 random bits
// and is known to nobody but its holder.
type Box[T any] struct {
	store Ephemeral
	kind  Kind
	ttl   time.Duration
	now   func() time.Time
}

// NewBox returns the compartment for a kind. Items end after ttl.
func NewBox[T any](store Ephemeral, kind Kind, ttl time.Duration, now func() time.Time) Box[T] {
	return Box[T]{store: store, kind: kind, ttl: ttl, now: now}
}

// New stores a value for an owner (a user_id, or empty) and returns the secret that names it.
func (b Box[T]) New(ctx context.Context, owner string, value T) (string, error) {
	var raw [32]byte
	rand.Read(raw[:])
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, b.Insert(ctx, secret, owner, value, b.now().Add(b.ttl))
}

// Insert stores a value under a secret that was made elsewhere, or remembers a name, until it expires. ErrExists where
// there is one already, a taken one included.
func (b Box[T]) Insert(ctx context.Context, secret, owner string, value T, expires time.Time) error {
	item, err := b.item(secret, owner, value, expires)
	if err != nil {
		return err
	}
	return b.store.Insert(ctx, item)
}

// Replace stores a value over the one that the secret names. The owner is the one that it was inserted with. ErrNotFound
// where it has been taken, was deleted or has expired.
func (b Box[T]) Replace(ctx context.Context, secret, owner string, value T, expires time.Time) error {
	item, err := b.item(secret, owner, value, expires)
	if err != nil {
		return err
	}
	return b.store.Replace(ctx, item)
}

// Get returns the value, or ErrNotFound.
func (b Box[T]) Get(ctx context.Context, secret string) (T, error) {
	item, err := b.store.Get(ctx, b.kind, hash(secret))
	if err != nil {
		var none T
		return none, err
	}
	return b.decode(item)
}

// Take returns the value to exactly one caller. Later callers get it with ErrTaken; ErrNotFound where there is none.
func (b Box[T]) Take(ctx context.Context, secret string) (T, error) {
	item, err := b.store.Take(ctx, b.kind, hash(secret))
	if err != nil && !errors.Is(err, ErrTaken) {
		var none T
		return none, err
	}
	value, decodeErr := b.decode(item)
	if decodeErr != nil {
		return value, decodeErr
	}
	return value, err
}

// Delete removes the value.
func (b Box[T]) Delete(ctx context.Context, secret string) error {
	return b.store.Delete(ctx, b.kind, hash(secret))
}

// DeleteOwned removes all values of the owner.
func (b Box[T]) DeleteOwned(ctx context.Context, owner string) error {
	return b.store.DeleteOwned(ctx, b.kind, owner)
}

func (b Box[T]) item(secret, owner string, value T, expires time.Time) (Item, error) {
	data, err := json.Marshal(value)
	return Item{Kind: b.kind, Key: hash(secret), Owner: owner, Value: data, ExpiresAt: expires}, err
}

func (b Box[T]) decode(item Item) (T, error) {
	var value T
	err := json.Unmarshal(item.Value, &value)
	return value, err
}

func hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// Hash is how a secret is named in stores.
func Hash(secret string) [32]byte { return hash(secret) }

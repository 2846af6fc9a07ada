package redis

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"github.com/latchkey-id/latchkey/sessions"
)

const (
	epochSize  = 16
	sweepChunk = 256 // entries of an index that are removed at once
)

// ownerKeys names an owner's epoch and index, in this order.
func (t *Tenant) ownerKeys(kind sessions.Kind, owner string) []string {
	sum := sha256.Sum256([]byte(owner))
	prefix := fmt.Sprintf("lk:{%s:owner:%s}:%s:", url.QueryEscape(t.name), base64.RawURLEncoding.EncodeToString(sum[:]), kind)
	return []string{prefix + "epoch", prefix + "items"}
}

// enroll announces an item that is about to be stored and returns the epoch to store it with.
func (e ephemeral) enroll(ctx context.Context, item sessions.Item) (string, error) {
	return e.announce(ctx, item, randomBytes())
}

// renew announces that an item is about to end at another time and returns the epoch that it must have been stored with;
// ErrNotFound where the owner's items were removed.
func (e ephemeral) renew(ctx context.Context, item sessions.Item) (string, error) {
	epoch, err := e.announce(ctx, item, nil)
	if errors.Is(err, goredis.Nil) {
		return "", sessions.ErrNotFound
	}
	return epoch, err
}

// announce enters the item in its owner's index. An owner without an epoch gets the fresh one.
func (e ephemeral) announce(ctx context.Context, item sessions.Item, fresh []byte) (string, error) {
	if item.Owner == "" {
		return "", nil
	}
	epoch, err := e.db.scripts.enroll.Run(ctx, e.db.client, e.ownerKeys(item.Kind, item.Owner),
		fresh, item.Key[:], item.ExpiresAt.UnixMilli(), e.lasting(item.ExpiresAt),
		e.db.now().Add(-grace).UnixMilli()).Text()
	return epoch, classify(err)
}

// current tells whether an item of this owner and epoch still counts.
func (e ephemeral) current(ctx context.Context, kind sessions.Kind, owner, epoch string) (bool, error) {
	if owner == "" {
		return true, nil
	}
	now, err := e.db.client.Get(ctx, e.ownerKeys(kind, owner)[0]).Result()
	if errors.Is(err, goredis.Nil) {
		return false, nil
	}
	return now == epoch, classify(err)
}

// DeleteOwned of an empty owner removes nothing: such items belong to nobody.
func (e ephemeral) DeleteOwned(ctx context.Context, kind sessions.Kind, owner string) error {
	if owner == "" {
		return nil
	}
	keys := e.ownerKeys(kind, owner)
	entries, err := e.db.scripts.drop.Run(ctx, e.db.client, keys).StringSlice()
	if err != nil {
		return classify(err)
	}
	for chunk := range slices.Chunk(entries, sweepChunk) {
		members := make([]any, len(chunk))
		for i, entry := range chunk {
			members[i] = entry
			if len(entry) != epochSize+32 {
				continue // something else wrote it
			}
			if err := e.sweep(ctx, kind, [32]byte([]byte(entry[epochSize:])), entry[:epochSize]); err != nil {
				return err
			}
		}
		if err := e.db.client.ZRem(ctx, keys[1], members...).Err(); err != nil {
			return classify(err)
		}
	}
	return nil
}

// sweep frees the memory of an item of an epoch that has ended.
func (e ephemeral) sweep(ctx context.Context, kind sessions.Kind, key [32]byte, epoch string) error {
	return classify(e.db.scripts.sweep.Run(ctx, e.db.client, []string{e.itemKey(kind, key)}, epoch).Err())
}

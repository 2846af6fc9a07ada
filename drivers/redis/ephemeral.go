package redis

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/latchkey-id/latchkey/sessions"
)

const (
	// grace is how long keys stay beyond the end of what is in them, for nodes whose clocks are behind.
	grace = 5 * time.Minute
	// insertTries bounds how often Insert clears away an item whose owner's items were removed.
	insertTries = 3
)

// ephemeral keeps short-lived items.
type ephemeral struct{ *Tenant }

var _ sessions.Ephemeral = ephemeral{}

func (e ephemeral) Insert(ctx context.Context, item sessions.Item) error {
	token := randomBytes()
	for range insertTries {
		epoch, err := e.enroll(ctx, item)
		if err != nil {
			return err
		}
		there, err := e.db.scripts.insert.Run(ctx, e.db.client, []string{e.itemKey(item.Kind, item.Key)},
			item.Owner, epoch, item.Value, item.ExpiresAt.UnixMicro(), e.lasting(item.ExpiresAt),
			e.db.now().UnixMicro(), token).StringSlice()
		if err != nil {
			return classify(err)
		}
		if len(there) == 0 {
			return nil
		}
		if len(there) != 2 {
			return errMalformed
		}
		current, err := e.current(ctx, item.Kind, there[0], there[1])
		if err != nil {
			return err
		}
		if current {
			return sessions.ErrExists
		}
		if err := e.sweep(ctx, item.Kind, item.Key, there[1]); err != nil {
			return err
		}
	}
	return sessions.ErrExists // each time another caller's
}

func (e ephemeral) Replace(ctx context.Context, item sessions.Item) error {
	epoch, err := e.renew(ctx, item)
	if err != nil {
		return err
	}
	replaced, err := e.db.scripts.replace.Run(ctx, e.db.client, []string{e.itemKey(item.Kind, item.Key)},
		item.Owner, epoch, item.Value, item.ExpiresAt.UnixMicro(), e.lasting(item.ExpiresAt), e.db.now().UnixMicro()).Bool()
	if err == nil && !replaced {
		return sessions.ErrNotFound
	}
	return classify(err)
}

func (e ephemeral) Get(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	fields, err := e.db.client.HMGet(ctx, e.itemKey(kind, key), "x", "t", "o", "e", "v").Result()
	if err != nil {
		return sessions.Item{}, classify(err)
	}
	if len(fields) == 5 && fields[0] == nil {
		return sessions.Item{}, sessions.ErrNotFound
	}
	got, err := decode(kind, key, fields)
	if err != nil {
		return sessions.Item{}, err
	}
	if got.taker != "" || !got.item.ExpiresAt.After(e.db.now()) {
		return sessions.Item{}, sessions.ErrNotFound
	}
	if err := e.check(ctx, got); err != nil {
		return sessions.Item{}, err
	}
	return got.item, nil
}

func (e ephemeral) Take(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	token := randomBytes()
	fields, err := e.db.scripts.take.Run(ctx, e.db.client, []string{e.itemKey(kind, key)}, e.db.now().UnixMicro(), token).Slice()
	if errors.Is(err, goredis.Nil) {
		return sessions.Item{}, sessions.ErrNotFound
	}
	if err != nil {
		return sessions.Item{}, classify(err)
	}
	got, err := decode(kind, key, fields)
	if err != nil {
		return sessions.Item{}, err
	}
	if err := e.check(ctx, got); err != nil {
		return sessions.Item{}, err
	}
	if got.taker != string(token) {
		return got.item, sessions.ErrTaken
	}
	return got.item, nil
}

// Delete leaves the entry in the owner's index, which is forgotten when the item would have ended.
func (e ephemeral) Delete(ctx context.Context, kind sessions.Kind, key [32]byte) error {
	return classify(e.db.client.Del(ctx, e.itemKey(kind, key)).Err())
}

// stored is an item as it is in Redis.
type stored struct {
	item  sessions.Item
	epoch string // empty for an item without an owner
	taker string // token of the Take that got it; empty: nobody's
}

// errMalformed is for keys that something else wrote: there is no item of ours then, and people log in again.
var errMalformed = fmt.Errorf("%w: redis: an item is not of the form that this program writes", sessions.ErrNotFound)

// decode reads the fields x, t, o, e, v.
func decode(kind sessions.Kind, key [32]byte, fields []any) (stored, error) {
	if len(fields) != 5 {
		return stored{}, errMalformed
	}
	var texts [5]string
	for i, field := range fields {
		text, ok := field.(string)
		if !ok && i != 1 {
			return stored{}, errMalformed
		}
		texts[i] = text
	}
	micros, err := strconv.ParseInt(texts[0], 10, 64)
	if err != nil || (texts[2] == "") != (texts[3] == "") {
		return stored{}, errMalformed
	}
	return stored{
		item: sessions.Item{
			Kind: kind, Key: key, Owner: texts[2], Value: []byte(texts[4]), ExpiresAt: time.UnixMicro(micros).UTC(),
		},
		epoch: texts[3], taker: texts[1],
	}, nil
}

// check returns ErrNotFound for an item that was removed with all of its owner's.
func (e ephemeral) check(ctx context.Context, s stored) error {
	current, err := e.current(ctx, s.item.Kind, s.item.Owner, s.epoch)
	if err == nil && !current {
		return sessions.ErrNotFound
	}
	return err
}

// itemKey names an item. QueryEscape leaves no brace and no colon in a tenant's name.
func (t *Tenant) itemKey(kind sessions.Kind, key [32]byte) string {
	return fmt.Sprintf("lk:{%s:%s}:%s", url.QueryEscape(t.name), base64.RawURLEncoding.EncodeToString(key[:]), kind)
}

// lasting is how many milliseconds keys have to stay for something that ends then.
func (e ephemeral) lasting(ends time.Time) int64 {
	return (max(0, ends.Sub(e.db.now())) + grace).Milliseconds()
}

func randomBytes() []byte {
	b := make([]byte, epochSize)
	rand.Read(b)
	return b
}

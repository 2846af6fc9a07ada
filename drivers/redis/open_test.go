package redis_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/drivers/redis"
	"github.com/latchkey-id/latchkey/internal/devca"
	"github.com/latchkey-id/latchkey/internal/testservices"
	"github.com/latchkey-id/latchkey/sessions"
)

// refused opens what can't be opened and returns the error.
func refused(t *testing.T, o redis.Options) error {
	t.Helper()
	db, err := redis.Open(t.Context(), o)
	if err == nil {
		ok(t, db.Close())
		t.Fatal("it was opened")
	}
	return err
}

func TestPasswordsAreUsedAndNeverShown(t *testing.T) {
	const password = "p:a/s@s%w"
	node := testservices.RedisServer(t, "--requirepass", password)
	db := open(t, redis.Options{URL: "redis://:p:a%2Fs@s%25w@" + node.Addr + "/1"})
	ok(t, db.Ping(t.Context()))
	for name, userinfo := range map[string]string{"none": "", "wrong": "default:other%40secret@", "unknown user": "x:other%40secret@"} {
		t.Run(name, func(t *testing.T) {
			err := refused(t, redis.Options{URL: "redis://" + userinfo + node.Addr, Now: time.Now})
			if errors.Is(err, redis.ErrUnavailable) {
				t.Errorf("%v, though another try heals nothing", err)
			}
			if text := err.Error(); strings.Contains(text, password) || strings.Contains(text, "other") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func TestAServerThatIsDownIsUnavailable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	addr := l.Addr().String()
	ok(t, l.Close())
	for _, url := range []string{"redis://" + addr, "rediss://" + addr, "redis+sentinel://" + addr + "/main", "redis+cluster://" + addr} {
		is(t, url, refused(t, redis.Options{URL: url, Now: time.Now}), redis.ErrUnavailable)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]redis.Options{
		"clock":   {URL: "redis://localhost"},
		"timeout": {URL: "redis://localhost", Now: time.Now, Timeout: -1},
		"dial":    {URL: "redis://localhost", Now: time.Now, DialTimeout: -1},
		"pool":    {URL: "redis://localhost", Now: time.Now, PoolSize: -1},
		"url":     {URL: "localhost:6379", Now: time.Now},
	} {
		t.Run(name, func(t *testing.T) { refused(t, o) })
	}
}

func TestTLS(t *testing.T) {
	caPath, certificate, err := devca.Ensure(t.TempDir(), nil, time.Now())
	ok(t, err)
	pem, err := os.ReadFile(caPath)
	ok(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate of the authority")
	}
	node := testservices.RedisServer(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	ok(t, err)
	secure := proxyOn(t, l, node.Addr).addr
	t.Run("is used where asked for", func(t *testing.T) {
		ok(t, open(t, redis.Options{URL: "rediss://" + secure, RootCAs: roots}).Ping(t.Context()))
	})
	t.Run("is not left out for a server without it", func(t *testing.T) {
		refused(t, redis.Options{URL: "rediss://" + node.Addr, Now: time.Now, RootCAs: roots, DialTimeout: 200 * time.Millisecond})
	})
	t.Run("trusts nobody unknown", func(t *testing.T) {
		var unknown x509.UnknownAuthorityError
		if err := refused(t, redis.Options{URL: "rediss://" + secure, Now: time.Now}); !errors.As(err, &unknown) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestMemoryIsFreed(t *testing.T) {
	node := testservices.RedisServer(t)
	now := time.Now()
	e := open(t, redis.Options{URL: "redis://" + node.Addr, Now: func() time.Time { return now }}).Tenant("a{b}:c").Ephemeral()
	insert := func(n byte) {
		t.Helper()
		item := code(n, "auth0|1")
		item.ExpiresAt = now.Add(time.Hour)
		ok(t, e.Insert(t.Context(), item))
	}
	behind := node.Client()
	defer behind.Close()
	for n := range byte(3) {
		insert(n)
	}
	ok(t, e.Insert(t.Context(), code(9, "")))
	keys := keysLike(t, node, "lk:{a%7Bb%7D%3Ac:*")
	if len(keys) != 6 {
		t.Fatalf("keys are %q, want 4 items, an epoch and an index", keys)
	}
	for _, key := range keys {
		ttl, err := behind.PTTL(t.Context(), key).Result()
		ok(t, err)
		if ttl < time.Hour || ttl > time.Hour+10*time.Minute {
			t.Errorf("%s stays for %v", key, ttl)
		}
		if strings.Contains(key, "auth0") {
			t.Errorf("%s shows whose it is", key)
		}
	}
	index := keysLike(t, node, "*:items")[0]
	entries := func() int64 {
		t.Helper()
		n, err := behind.ZCard(t.Context(), index).Result()
		ok(t, err)
		return n
	}
	now = now.Add(2 * time.Hour)
	insert(4)
	if n := entries(); n != 1 {
		t.Errorf("the index has %d entries after all but one item ended, want 1", n)
	}
	ok(t, e.DeleteOwned(t.Context(), sessions.KindCode, "auth0|1"))
	if left := keysLike(t, node, "*auth*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if left := keysLike(t, node, "*:owner:*"); len(left) > 0 {
		t.Errorf("left of the owner: %q", left)
	}
	// Codes 0 to 2 ended before; their entries were forgotten with them, and their keys go by themselves.
	if left := keysLike(t, node, "lk:*"); len(left) != 4 {
		t.Errorf("left: %q", left)
	}
}

func TestAReplacedItemIsFoundByItsOwnerUntilItsNewEnd(t *testing.T) {
	node := testservices.RedisServer(t)
	now := time.Now()
	e := open(t, redis.Options{URL: "redis://" + node.Addr, Now: func() time.Time { return now }}).Tenant("a").Ephemeral()
	item, other := code(1, "auth0|1"), code(2, "auth0|1")
	ok(t, e.Insert(t.Context(), item))
	item.ExpiresAt = item.ExpiresAt.Add(2 * time.Hour)
	ok(t, e.Replace(t.Context(), item))
	behind := node.Client()
	defer behind.Close()
	for _, key := range keysLike(t, node, "lk:*") {
		ttl, err := behind.PTTL(t.Context(), key).Result()
		ok(t, err)
		if ttl < 3*time.Hour || ttl > 3*time.Hour+10*time.Minute {
			t.Errorf("%s stays for %v", key, ttl)
		}
	}
	now = now.Add(2 * time.Hour)
	other.ExpiresAt = now.Add(time.Hour)
	ok(t, e.Insert(t.Context(), other)) // forgets the entries of what ended
	_, err := e.Get(t.Context(), item.Kind, item.Key)
	ok(t, err)
	ok(t, e.DeleteOwned(t.Context(), item.Kind, item.Owner))
	if left := keysLike(t, node, "*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestReplaceOfNothingLeavesNothing(t *testing.T) {
	node := testservices.RedisServer(t)
	e := open(t, redis.Options{URL: "redis://" + node.Addr}).Tenant("a").Ephemeral()
	is(t, "Replace", e.Replace(t.Context(), code(1, "auth0|1")), sessions.ErrNotFound)
	is(t, "Replace", e.Replace(t.Context(), code(1, "")), sessions.ErrNotFound)
	if left := keysLike(t, node, "*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestOwnersOfManyItemsAreEmptied(t *testing.T) {
	node := testservices.RedisServer(t)
	e := open(t, redis.Options{URL: "redis://" + node.Addr}).Tenant("a").Ephemeral()
	for n := range 600 { // more than are removed at once
		item := code(byte(n), "auth0|1")
		item.Key[1] = byte(n >> 8)
		ok(t, e.Insert(t.Context(), item))
	}
	ok(t, e.DeleteOwned(t.Context(), sessions.KindCode, "auth0|1"))
	if left := keysLike(t, node, "*"); len(left) > 0 {
		t.Errorf("%d keys are left", len(left))
	}
}

func TestTheClientsMessagesGoToTheLog(t *testing.T) {
	var text bytes.Buffer
	redis.LogTo(slog.New(slog.NewTextHandler(&text, nil)))
	defer redis.LogTo(slog.New(slog.DiscardHandler))
	redis.LogTo(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	addr := l.Addr().String()
	ok(t, l.Close())
	refused(t, redis.Options{URL: "redis://:hunter2@" + addr, Now: time.Now})
	if !strings.Contains(text.String(), "connection refused") || strings.Contains(text.String(), "hunter2") {
		t.Errorf("the log is %q", text.String())
	}
}

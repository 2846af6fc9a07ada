package redis_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/drivers/redis"
	"github.com/latchkey-id/latchkey/internal/testservices"
	"github.com/latchkey-id/latchkey/sessions"
)

func code(n byte, owner string) sessions.Item {
	return sessions.Item{
		Kind: sessions.KindCode, Key: [32]byte{0: n, 31: 1}, Owner: owner, Value: []byte("v"),
		ExpiresAt: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond),
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error is %v, want %v", what, got, want)
	}
}

// eventually calls try until it returns true.
func eventually(t testing.TB, what string, try func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !try() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestOfManyTakersOnSeveralNodesOneWins(t *testing.T) {
	for name, start := range modes() {
		t.Run(name, func(t *testing.T) {
			url := start(t)
			one, two := open(t, redis.Options{URL: url}), open(t, redis.Options{URL: url, PoolSize: 3})
			ok(t, one.Tenant("a").Ephemeral().Insert(t.Context(), code(1, "auth0|1")))
			var won, lost atomic.Int32
			var wait sync.WaitGroup
			begin := make(chan struct{})
			for _, db := range []*redis.DB{one, two} {
				for range 64 {
					wait.Go(func() {
						<-begin
						switch _, err := db.Tenant("a").Ephemeral().Take(t.Context(), sessions.KindCode, code(1, "").Key); {
						case err == nil:
							won.Add(1)
						case errors.Is(err, sessions.ErrTaken):
							lost.Add(1)
						default:
							t.Error(err)
						}
					})
				}
			}
			close(begin)
			wait.Wait()
			if won.Load() != 1 || lost.Load() != 127 {
				t.Errorf("%d won and %d lost, want 1 and 127", won.Load(), lost.Load())
			}
		})
	}
}

func TestALostAnswerLosesNoCode(t *testing.T) {
	node := testservices.RedisServer(t)
	through := newProxy(t, node.Addr)
	db := open(t, redis.Options{URL: "redis://" + through.addr, PoolSize: 1})
	e := db.Tenant("a").Ephemeral()
	warm := code(9, "auth0|1")
	ok(t, e.Insert(t.Context(), warm)) // now the server knows the scripts, and each is one question
	_, err := e.Take(t.Context(), warm.Kind, warm.Key)
	ok(t, err)

	item := code(1, "")
	through.cutAnswers(1)
	ok(t, e.Insert(t.Context(), item))
	is(t, "another Insert", e.Insert(t.Context(), item), sessions.ErrExists)
	through.cutAnswers(1)
	got, err := e.Take(t.Context(), item.Kind, item.Key)
	ok(t, err)
	if diff := cmp.Diff(item, got); diff != "" {
		t.Errorf("taken item (-want +got):\n%s", diff)
	}
	_, err = e.Take(t.Context(), item.Kind, item.Key)
	is(t, "another Take", err, sessions.ErrTaken)

	replaced := code(2, "")
	ok(t, e.Insert(t.Context(), replaced))
	replaced.Value = []byte("new")
	ok(t, e.Replace(t.Context(), replaced)) // now the server knows this script too
	through.cutAnswers(1)
	ok(t, e.Replace(t.Context(), replaced))
	got, err = e.Get(t.Context(), replaced.Kind, replaced.Key)
	ok(t, err)
	if diff := cmp.Diff(replaced, got); diff != "" {
		t.Errorf("replaced item (-want +got):\n%s", diff)
	}

	// When no repetition is answered either, the caller hears it, and nobody else can have the code.
	item = code(3, "")
	ok(t, e.Insert(t.Context(), item))
	through.cutAnswers(2)
	_, err = e.Take(t.Context(), item.Kind, item.Key)
	is(t, "Take without an answer", err, redis.ErrUnavailable)
	_, err = e.Take(t.Context(), item.Kind, item.Key)
	is(t, "Take after it", err, sessions.ErrTaken)
}

func TestNothingSurvivesDeleteOwnedThatOverlapsIt(t *testing.T) {
	node := testservices.RedisServer(t)
	through := newProxy(t, node.Addr)
	slow := open(t, redis.Options{URL: "redis://" + through.addr, Timeout: 30 * time.Second}).Tenant("a").Ephemeral()
	other := open(t, redis.Options{URL: "redis://" + node.Addr}).Tenant("a").Ephemeral()
	item := code(1, "auth0|1")
	ok(t, slow.Insert(t.Context(), item))
	ok(t, slow.Replace(t.Context(), item))
	get := func() error {
		_, err := slow.Get(t.Context(), item.Kind, item.Key)
		return err
	}
	take := func() error {
		_, err := slow.Take(t.Context(), item.Kind, item.Key)
		return err
	}
	ok(t, take())
	for _, c := range []struct {
		name   string
		stored bool // before it begins
		do     func() error
		want   error
	}{
		{"insert", false, func() error { return slow.Insert(t.Context(), item) }, nil},
		{"replace", true, func() error { return slow.Replace(t.Context(), item) }, sessions.ErrNotFound},
		{"get", true, get, sessions.ErrNotFound},
		{"take", true, take, sessions.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok(t, other.Delete(t.Context(), item.Kind, item.Key))
			if c.stored {
				ok(t, other.Insert(t.Context(), item))
			}
			reached, goOn := through.holdRequest(2) // its first question is answered, its second waits
			result := make(chan error, 1)
			go func() { result <- c.do() }()
			<-reached
			ok(t, other.DeleteOwned(t.Context(), item.Kind, item.Owner))
			close(goOn)
			is(t, c.name, <-result, c.want)
			_, err := other.Get(t.Context(), item.Kind, item.Key)
			is(t, "Get", err, sessions.ErrNotFound)
			_, err = other.Take(t.Context(), item.Kind, item.Key)
			is(t, "Take", err, sessions.ErrNotFound)
			ok(t, other.Insert(t.Context(), item)) // what is left of it is in nobody's way
			_, err = other.Get(t.Context(), item.Kind, item.Key)
			ok(t, err)
		})
	}
}

func TestFlushedServerCostsALogIn(t *testing.T) {
	node := testservices.RedisServer(t)
	db := open(t, redis.Options{URL: "redis://" + node.Addr})
	e, item := db.Tenant("a").Ephemeral(), code(1, "auth0|1")
	behind := node.Client()
	defer behind.Close()
	for range 2 {
		ok(t, e.Insert(t.Context(), item))
		_, err := e.Get(t.Context(), item.Kind, item.Key)
		ok(t, err)
		ok(t, behind.FlushAll(t.Context()).Err())
		ok(t, behind.ScriptFlush(t.Context()).Err())
		_, err = e.Get(t.Context(), item.Kind, item.Key)
		is(t, "Get", err, sessions.ErrNotFound)
		_, err = e.Take(t.Context(), item.Kind, item.Key)
		is(t, "Take", err, sessions.ErrNotFound)
		ok(t, e.Delete(t.Context(), item.Kind, item.Key))
		ok(t, e.DeleteOwned(t.Context(), item.Kind, item.Owner))
	}
}

// keysLike lists keys behind the driver's back.
func keysLike(t *testing.T, node *testservices.RedisNode, pattern string) []string {
	t.Helper()
	behind := node.Client()
	defer behind.Close()
	keys, err := behind.Keys(t.Context(), pattern).Result()
	ok(t, err)
	return keys
}

func TestAnEvictedEpochLogsOut(t *testing.T) {
	node := testservices.RedisServer(t)
	e := open(t, redis.Options{URL: "redis://" + node.Addr}).Tenant("a").Ephemeral()
	item := code(1, "auth0|1")
	ok(t, e.Insert(t.Context(), item))
	behind := node.Client()
	defer behind.Close()
	ok(t, behind.Del(t.Context(), keysLike(t, node, "*:epoch")...).Err())
	_, err := e.Get(t.Context(), item.Kind, item.Key)
	is(t, "Get", err, sessions.ErrNotFound)
	is(t, "Replace", e.Replace(t.Context(), item), sessions.ErrNotFound)
	ok(t, e.Insert(t.Context(), code(2, "auth0|1")))
	is(t, "Replace under a new epoch", e.Replace(t.Context(), item), sessions.ErrNotFound)
	_, err = e.Take(t.Context(), item.Kind, item.Key)
	is(t, "Take under a new epoch", err, sessions.ErrNotFound)
}

func TestForeignKeysAreNoItemsAndCanBeDeleted(t *testing.T) {
	node := testservices.RedisServer(t)
	e := open(t, redis.Options{URL: "redis://" + node.Addr}).Tenant("a").Ephemeral()
	item := code(1, "auth0|1")
	ok(t, e.Insert(t.Context(), item))
	behind := node.Client()
	defer behind.Close()
	key := keysLike(t, node, "lk:*:code")[0]
	for name, spoil := range map[string]func() error{
		"another type":   func() error { return behind.Set(t.Context(), key, "x", 0).Err() },
		"no end":         func() error { return behind.HSet(t.Context(), key, "x", "soon").Err() },
		"no value":       func() error { return behind.HDel(t.Context(), key, "v").Err() },
		"epoch, unowned": func() error { return behind.HSet(t.Context(), key, "o", "").Err() },
	} {
		t.Run(name, func(t *testing.T) {
			ok(t, e.Delete(t.Context(), item.Kind, item.Key))
			ok(t, e.Insert(t.Context(), item))
			ok(t, spoil())
			_, got := e.Get(t.Context(), item.Kind, item.Key)
			_, taken := e.Take(t.Context(), item.Kind, item.Key)
			for _, err := range []error{got, taken} {
				if errors.Is(err, redis.ErrUnavailable) || !errors.Is(err, sessions.ErrNotFound) {
					t.Errorf("error is %v, want that there is no item", err)
				}
			}
			ok(t, e.Delete(t.Context(), item.Kind, item.Key))
			ok(t, e.Insert(t.Context(), item))
			_, err := e.Get(t.Context(), item.Kind, item.Key)
			ok(t, err)
		})
	}
}

func TestAFullServerRefusesAndKeeps(t *testing.T) {
	node := testservices.RedisServer(t, "--maxmemory-policy", "noeviction")
	e := open(t, redis.Options{URL: "redis://" + node.Addr}).Tenant("a").Ephemeral()
	owned, unowned := code(1, "auth0|1"), code(2, "")
	ok(t, e.Insert(t.Context(), owned))
	ok(t, e.Insert(t.Context(), unowned))
	behind := node.Client()
	defer behind.Close()
	ok(t, behind.ConfigSet(t.Context(), "maxmemory", "1").Err())
	for _, item := range []sessions.Item{owned, unowned} {
		is(t, "Replace", e.Replace(t.Context(), item), redis.ErrUnavailable)
		is(t, "Insert", e.Insert(t.Context(), item), redis.ErrUnavailable)
		_, err := e.Take(t.Context(), item.Kind, item.Key)
		is(t, "Take", err, redis.ErrUnavailable)
		_, err = e.Get(t.Context(), item.Kind, item.Key)
		ok(t, err)
	}
	ok(t, e.DeleteOwned(t.Context(), owned.Kind, owned.Owner))
	ok(t, e.Delete(t.Context(), unowned.Kind, unowned.Key))
	if left := keysLike(t, node, "*"); len(left) > 0 {
		t.Errorf("what was deleted still takes memory: %q", left)
	}
	ok(t, behind.ConfigSet(t.Context(), "maxmemory", "0").Err())
	ok(t, e.Insert(t.Context(), owned))
}

func TestAServerThatHangsIsUnavailableInTime(t *testing.T) {
	node := testservices.RedisServer(t)
	e := open(t, redis.Options{URL: "redis://" + node.Addr, Timeout: 100 * time.Millisecond}).Tenant("a").Ephemeral()
	item := code(1, "")
	ok(t, e.Insert(t.Context(), item))
	behind := node.Client()
	defer behind.Close()
	ok(t, behind.Do(t.Context(), "client", "pause", "600000", "all").Err())
	_, err := e.Get(t.Context(), item.Kind, item.Key)
	is(t, "Get", err, redis.ErrUnavailable)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = e.Take(ctx, item.Kind, item.Key)
	is(t, "Take", err, redis.ErrUnavailable)
	is(t, "Take whose caller has no more time", err, context.DeadlineExceeded)
}

func TestARestartedServerIsUsedAgain(t *testing.T) {
	node := testservices.RedisServer(t)
	e := open(t, redis.Options{URL: "redis://" + node.Addr}).Tenant("a").Ephemeral()
	var good, bad atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	for n := range byte(8) {
		wait.Go(func() {
			item := code(n, "auth0|1")
			for turn := uint64(1); ctx.Err() == nil; turn++ {
				binary.BigEndian.PutUint64(item.Key[8:], turn)
				err := e.Insert(ctx, item)
				if err == nil {
					_, err = e.Take(ctx, item.Kind, item.Key)
				}
				switch {
				case err == nil:
					good.Add(1)
				case errors.Is(err, redis.ErrUnavailable):
					bad.Add(1)
				case !errors.Is(err, context.Canceled) && !errors.Is(err, sessions.ErrNotFound): // it forgot everything
					t.Error(err)
					return
				}
			}
		})
	}
	for range 2 {
		before := good.Load()
		eventually(t, "it works", func() bool { return good.Load() > before+100 })
		node.Kill()
		before = bad.Load()
		eventually(t, "it is noticed that the server is gone", func() bool { return bad.Load() > before+16 })
		node.Start()
		before = good.Load()
		eventually(t, "it works again", func() bool { return good.Load() > before+100 })
	}
}

func TestSentinelsChangeMasters(t *testing.T) {
	url, failover := testservices.RedisSentinel(t)
	e := open(t, redis.Options{URL: url}).Tenant("a").Ephemeral()
	taken, kept := code(1, "auth0|1"), code(2, "auth0|1")
	ok(t, e.Insert(t.Context(), taken))
	_, err := e.Take(t.Context(), taken.Kind, taken.Key)
	ok(t, err)
	ok(t, e.Insert(t.Context(), kept))
	for range 20 { // these follow the first to the replica
		ok(t, e.Replace(t.Context(), kept))
	}
	failover()
	item := code(3, "auth0|1")
	eventually(t, "the new master is found", func() bool {
		item.Key[1]++ // the old one may have stored it
		err := e.Insert(t.Context(), item)
		if err != nil {
			is(t, "Insert", err, redis.ErrUnavailable)
		}
		return err == nil
	})
	_, err = e.Take(t.Context(), taken.Kind, taken.Key)
	is(t, "Take of what was taken from the old master", err, sessions.ErrTaken)
	_, err = e.Get(t.Context(), kept.Kind, kept.Key)
	ok(t, err)
}

func TestAClusterNodeThatIsDownTakesOnlyItsPart(t *testing.T) {
	url, nodes := testservices.RedisClusterNodes(t)
	e := open(t, redis.Options{URL: url}).Tenant("a").Ephemeral()
	const items = 40
	for n := range byte(items) {
		ok(t, e.Insert(t.Context(), code(n, "")))
	}
	// get returns how many items from the first on are there, how many can't be asked for and how many are lost.
	get := func(first byte) (there, unavailable, lost int) {
		for n := range byte(items) {
			switch _, err := e.Get(t.Context(), sessions.KindCode, code(first+n, "").Key); {
			case err == nil:
				there++
			case errors.Is(err, redis.ErrUnavailable):
				unavailable++
			case errors.Is(err, sessions.ErrNotFound):
				lost++
			default:
				t.Fatal(err)
			}
		}
		return there, unavailable, lost
	}
	nodes[1].Kill()
	there, unavailable, lost := get(0)
	if there == 0 || unavailable == 0 || lost > 0 {
		t.Errorf("with a node down %d are there, %d unavailable, %d lost", there, unavailable, lost)
	}
	nodes[1].Start()
	eventually(t, "the node belongs to the Cluster again", func() bool {
		_, unavailable, _ := get(0)
		return unavailable == 0
	})
	if again, _, _ := get(0); again != there {
		t.Errorf("%d are there afterwards, want the %d of the other nodes", again, there)
	}
	for n := range byte(items) {
		ok(t, e.Insert(t.Context(), code(items+n, "auth0|1")))
	}
	ok(t, e.DeleteOwned(t.Context(), sessions.KindCode, "auth0|1"))
	if _, _, lost := get(items); lost != items {
		t.Errorf("of %d items of a person in all parts of the Cluster %d are gone", items, lost)
	}
}

// spread stores items of 20 owners all over a Cluster and returns them.
func spread(t *testing.T, e sessions.Ephemeral) []sessions.Item {
	t.Helper()
	var items []sessions.Item
	for n := range byte(60) {
		item := code(n, "auth0|"+string(rune('a'+n%20)))
		ok(t, e.Insert(t.Context(), item))
		items = append(items, item)
	}
	return items
}

func TestDeleteOwnedHoldsWhereAClusterNodeIsDown(t *testing.T) {
	url, nodes := testservices.RedisClusterNodes(t)
	e := open(t, redis.Options{URL: url}).Tenant("a").Ephemeral()
	items := spread(t, e)
	nodes[2].Kill()
	done, failed := 0, 0
	for _, item := range items {
		switch err := e.DeleteOwned(t.Context(), item.Kind, item.Owner); {
		case err == nil:
			done++
		case errors.Is(err, redis.ErrUnavailable):
			failed++
		default:
			t.Error(err)
		}
	}
	if done == 0 || failed == 0 {
		t.Errorf("%d calls had an answer and %d had none, want some of each", done, failed)
	}
	gone := func(when string) {
		t.Helper()
		for _, item := range items {
			_, err := e.Get(t.Context(), item.Kind, item.Key)
			if !errors.Is(err, sessions.ErrNotFound) && !errors.Is(err, redis.ErrUnavailable) {
				t.Errorf("%s: an item of %s that was removed: error is %v", when, item.Owner, err)
			}
		}
	}
	gone("with the node down")
	nodes[2].Start()
	eventually(t, "all owners can be emptied", func() bool {
		for _, item := range items {
			if e.DeleteOwned(t.Context(), item.Kind, item.Owner) != nil {
				return false
			}
		}
		return true
	})
	gone("with the node back")
}

// TestDeleteOwnedRacesWithLogIns checks that whatever was stored before a DeleteOwned began is gone when it returned, while
// others go on storing.
func TestDeleteOwnedRacesWithLogIns(t *testing.T) {
	e := open(t, redis.Options{URL: testservices.RedisCluster(t)}).Tenant("a").Ephemeral()
	const owner = "auth0|1"
	var mu sync.Mutex
	var stored []sessions.Item
	var wait sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer wait.Wait()
	defer stop()
	var serial atomic.Uint32
	room := make(chan struct{}, 32) // or those who store would outrun the one who checks
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return
				}
				item := code(0, owner)
				n := serial.Add(1)
				item.Key[1], item.Key[2], item.Key[3] = byte(n), byte(n>>8), byte(n>>16)
				if err := e.Insert(ctx, item); err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				stored = append(stored, item)
				mu.Unlock()
			}
		})
	}
	for range 30 {
		var before []sessions.Item
		eventually(t, "something is stored", func() bool {
			mu.Lock()
			defer mu.Unlock()
			if len(stored) < 8 {
				return false
			}
			before, stored = stored, nil
			return true
		})
		ok(t, e.DeleteOwned(t.Context(), sessions.KindCode, owner))
		for _, item := range before {
			if _, err := e.Get(t.Context(), item.Kind, item.Key); !errors.Is(err, sessions.ErrNotFound) {
				t.Fatalf("an item that was stored before: error is %v", err)
			}
			<-room
		}
	}
}

package storetest

import (
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/sessions"
)

func replaceItem(f fixture) {
	e := f.a.Ephemeral
	nobody := f.item(sessions.KindTransaction, 2)
	nobody.Owner = ""
	for _, item := range []sessions.Item{f.item(sessions.KindSession, 1), nobody} {
		f.ok(e.Insert(f.Context(), item))
		item.Value, item.ExpiresAt = []byte("new"), f.in(2*time.Hour)
		for range 2 { // the second changes nothing, and is no error
			f.ok(e.Replace(f.Context(), item))
			got, err := e.Get(f.Context(), item.Kind, item.Key)
			f.ok(err)
			f.same("replaced item", got, item)
		}
		f.is("Insert over it", e.Insert(f.Context(), item), sessions.ErrExists)
	}
	f.clock.pass(2*time.Hour - time.Microsecond) // it lives longer now
	item := f.item(sessions.KindSession, 1)
	item.Value, item.ExpiresAt = nil, f.in(time.Minute)
	f.ok(e.Replace(f.Context(), item))
	got, err := e.Take(f.Context(), item.Kind, item.Key)
	f.ok(err)
	f.same("taken item", got, item)
	f.clock.pass(time.Microsecond)
	_, err = e.Get(f.Context(), nobody.Kind, nobody.Key)
	f.is("Get at the new end", err, sessions.ErrNotFound)

	short := f.item(sessions.KindSession, 3)
	f.ok(e.Insert(f.Context(), short))
	short.ExpiresAt = f.in(time.Minute)
	f.ok(e.Replace(f.Context(), short))
	f.clock.pass(time.Minute)
	_, err = e.Get(f.Context(), short.Kind, short.Key)
	f.is("Get of one whose life was shortened", err, sessions.ErrNotFound)

	owned := f.item(sessions.KindSession, 4)
	f.ok(e.Insert(f.Context(), owned))
	owned.Value = []byte("new")
	f.ok(e.Replace(f.Context(), owned))
	f.ok(e.DeleteOwned(f.Context(), owned.Kind, owned.Owner))
	_, err = e.Get(f.Context(), owned.Kind, owned.Key)
	f.is("Get after DeleteOwned", err, sessions.ErrNotFound)
}

// replaceRefused gives a replacement to every kind of item that doesn't exist for its callers.
func replaceRefused(f fixture) {
	e := f.a.Ephemeral
	for n, c := range []struct {
		name  string
		end   func(sessions.Item) error
		taken error // what Take says afterwards
	}{
		{"taken", func(i sessions.Item) error { _, err := e.Take(f.Context(), i.Kind, i.Key); return err }, sessions.ErrTaken},
		{"deleted", func(i sessions.Item) error { return e.Delete(f.Context(), i.Kind, i.Key) }, sessions.ErrNotFound},
		{"deleted with its owner", func(i sessions.Item) error { return e.DeleteOwned(f.Context(), i.Kind, i.Owner) }, sessions.ErrNotFound},
		{"deleted with its owner, who came back", func(i sessions.Item) error {
			if err := e.DeleteOwned(f.Context(), i.Kind, i.Owner); err != nil {
				return err
			}
			i.Key = key(100)
			return e.Insert(f.Context(), i)
		}, sessions.ErrNotFound},
		{"expired", func(sessions.Item) error { f.clock.pass(time.Hour); return nil }, sessions.ErrNotFound},
	} {
		item := f.item(sessions.KindSession, byte(n))
		f.is("Replace of a missing item", e.Replace(f.Context(), item), sessions.ErrNotFound)
		f.ok(e.Insert(f.Context(), item))
		f.ok(c.end(item))
		item.Value, item.ExpiresAt = []byte("revived"), f.in(2*time.Hour)
		f.is("Replace of an item "+c.name, e.Replace(f.Context(), item), sessions.ErrNotFound)
		_, err := e.Get(f.Context(), item.Kind, item.Key)
		f.is("Get of an item "+c.name, err, sessions.ErrNotFound)
		_, err = e.Take(f.Context(), item.Kind, item.Key)
		f.is("Take of an item "+c.name, err, c.taken)
	}

	item := f.item(sessions.KindSession, 50)
	f.ok(e.Insert(f.Context(), item))
	for _, owner := range []string{"", "auth0|2"} {
		other := item
		other.Owner, other.Value = owner, []byte("of somebody else")
		f.is("Replace for another owner", e.Replace(f.Context(), other), sessions.ErrNotFound)
	}
	other := item
	other.Kind = sessions.KindCode
	f.is("Replace as another kind", e.Replace(f.Context(), other), sessions.ErrNotFound)
	got, err := e.Get(f.Context(), item.Kind, item.Key)
	f.ok(err)
	f.same("item", got, item)
}

func replaceTakeRace(f fixture) {
	f.replaceRace(sessions.ErrTaken, func(item sessions.Item) error {
		_, err := f.a.Ephemeral.Take(f.Context(), item.Kind, item.Key)
		return err
	})
}

func replaceDeleteRace(f fixture) {
	f.replaceRace(sessions.ErrNotFound, func(item sessions.Item) error {
		return f.a.Ephemeral.Delete(f.Context(), item.Kind, item.Key)
	})
	f.replaceRace(sessions.ErrNotFound, func(item sessions.Item) error {
		return f.a.Ephemeral.DeleteOwned(f.Context(), item.Kind, item.Owner)
	})
}

// replaceRace ends an item while 32 callers replace it: nothing can be read once it ended, neither while they go on nor
// afterwards. What Take says then is taken.
func (f fixture) replaceRace(taken error, end func(sessions.Item) error) {
	e := f.a.Ephemeral
	for n := range byte(4) {
		item := f.item(sessions.KindSession, n)
		item.Owner = "auth0|" + string(rune('a'+n))
		f.ok(e.Delete(f.Context(), item.Kind, item.Key)) // of the race before
		f.ok(e.Insert(f.Context(), item))
		gone := func(when string) {
			_, err := e.Get(f.Context(), item.Kind, item.Key)
			f.is(when, err, sessions.ErrNotFound)
		}
		start := make(chan struct{})
		var wait sync.WaitGroup
		wait.Go(func() {
			<-start
			if err := end(item); err != nil {
				f.Error(err)
			}
			gone("Get as soon as it ended")
		})
		for i := range byte(32) {
			wait.Go(func() {
				<-start
				replacement := item
				replacement.Value = []byte{i}
				if err := e.Replace(f.Context(), replacement); err != nil {
					f.is("Replace that came late", err, sessions.ErrNotFound)
				}
			})
		}
		close(start)
		wait.Wait()
		gone("Get after all")
		_, err := e.Take(f.Context(), item.Kind, item.Key)
		f.is("Take after all", err, taken)
	}
}

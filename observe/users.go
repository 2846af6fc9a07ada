package observe

import (
	"context"

	"github.com/latchkey-id/latchkey/profilestore"
)

// users is a watched profilestore.Store. A transaction is one call, "write".
type users struct {
	store                                              profilestore.Store
	get, byIdentity, byLogin, byEmail, search, written *point
}

// Users returns the store, watched.
func (c *Calls) Users(store profilestore.Store) profilestore.Store {
	at := c.points("users")
	return &users{
		store: store, get: at("get"), byIdentity: at("by_identity"), byLogin: at("by_login"), byEmail: at("by_email"),
		search: at("search"), written: at("write"),
	}
}

func (s *users) Get(ctx context.Context, id string) (*profilestore.User, error) {
	ctx, call := s.get.begin(ctx)
	user, err := s.store.Get(ctx, id)
	return user, call.end(err)
}

func (s *users) ByIdentity(ctx context.Context, key profilestore.Key) (*profilestore.User, error) {
	ctx, call := s.byIdentity.begin(ctx)
	user, err := s.store.ByIdentity(ctx, key)
	return user, call.end(err)
}

func (s *users) ByLogin(ctx context.Context, connection, identifier string) (*profilestore.User, error) {
	ctx, call := s.byLogin.begin(ctx)
	user, err := s.store.ByLogin(ctx, connection, identifier)
	return user, call.end(err)
}

func (s *users) ByEmail(ctx context.Context, email string) ([]*profilestore.User, error) {
	ctx, call := s.byEmail.begin(ctx)
	list, err := s.store.ByEmail(ctx, email)
	return list, call.end(err)
}

func (s *users) Search(ctx context.Context, q profilestore.Query) (profilestore.Page, error) {
	ctx, call := s.search.begin(ctx)
	page, err := s.store.Search(ctx, q)
	return page, call.end(err)
}

func (s *users) Write(ctx context.Context, change func(profilestore.Tx) error) error {
	ctx, call := s.written.begin(ctx)
	return call.end(s.store.Write(ctx, func(tx profilestore.Tx) error {
		return call.decided(change(watchedTx{tx: tx, call: &call}))
	}))
}

// watchedTx notes whether the store failed inside a transaction, because the change may return that error as its own.
type watchedTx struct {
	tx   profilestore.Tx
	call *call
}

func (t watchedTx) Get(ctx context.Context, id string) (*profilestore.User, error) {
	user, err := t.tx.Get(ctx, id)
	return user, t.call.inside(err)
}

func (t watchedTx) ByIdentity(ctx context.Context, key profilestore.Key) (*profilestore.User, error) {
	user, err := t.tx.ByIdentity(ctx, key)
	return user, t.call.inside(err)
}

func (t watchedTx) ByLogin(ctx context.Context, connection, identifier string) (*profilestore.User, error) {
	user, err := t.tx.ByLogin(ctx, connection, identifier)
	return user, t.call.inside(err)
}

func (t watchedTx) Put(ctx context.Context, u *profilestore.User) error {
	return t.call.inside(t.tx.Put(ctx, u))
}

func (t watchedTx) Delete(ctx context.Context, id string) error {
	return t.call.inside(t.tx.Delete(ctx, id))
}

package observe

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/sessions"
)

// short is a watched sessions.Ephemeral.
type short struct {
	store                                           sessions.Ephemeral
	replace, insert, get, take, remove, removeOwned *point
}

// Ephemeral returns the store, watched.
func (c *Calls) Ephemeral(store sessions.Ephemeral) sessions.Ephemeral {
	at := c.points("ephemeral")
	return &short{
		store: store, replace: at("replace"), insert: at("insert"), get: at("get"), take: at("take"), remove: at("delete"),
		removeOwned: at("delete_owned"),
	}
}

func (s *short) Replace(ctx context.Context, item sessions.Item) error {
	ctx, call := s.replace.begin(ctx)
	return call.end(s.store.Replace(ctx, item))
}

func (s *short) Insert(ctx context.Context, item sessions.Item) error {
	ctx, call := s.insert.begin(ctx)
	return call.end(s.store.Insert(ctx, item))
}

func (s *short) Get(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	ctx, call := s.get.begin(ctx)
	item, err := s.store.Get(ctx, kind, key)
	return item, call.end(err)
}

func (s *short) Take(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	ctx, call := s.take.begin(ctx)
	item, err := s.store.Take(ctx, kind, key)
	return item, call.end(err)
}

func (s *short) Delete(ctx context.Context, kind sessions.Kind, key [32]byte) error {
	ctx, call := s.remove.begin(ctx)
	return call.end(s.store.Delete(ctx, kind, key))
}

func (s *short) DeleteOwned(ctx context.Context, kind sessions.Kind, owner string) error {
	ctx, call := s.removeOwned.begin(ctx)
	return call.end(s.store.DeleteOwned(ctx, kind, owner))
}

// grants is a watched sessions.Grants.
type grants struct {
	store                                             sessions.Grants
	create, get, revoke, revokeOf, findRefresh, trade *point
}

// Grants returns the store, watched.
func (c *Calls) Grants(store sessions.Grants) sessions.Grants {
	at := c.points("grants")
	return &grants{
		store: store, create: at("create_grant"), get: at("get_grant"), revoke: at("revoke_grant"), revokeOf: at("revoke_grants_of"),
		findRefresh: at("find_refresh"), trade: at("exchange_refresh"),
	}
}

func (s *grants) CreateGrant(ctx context.Context, g sessions.Grant, first *sessions.RefreshToken) error {
	ctx, call := s.create.begin(ctx)
	return call.end(s.store.CreateGrant(ctx, g, first))
}

func (s *grants) GetGrant(ctx context.Context, id string) (sessions.Grant, error) {
	ctx, call := s.get.begin(ctx)
	grant, err := s.store.GetGrant(ctx, id)
	return grant, call.end(err)
}

func (s *grants) RevokeGrant(ctx context.Context, id string, expires time.Time) error {
	ctx, call := s.revoke.begin(ctx)
	return call.end(s.store.RevokeGrant(ctx, id, expires))
}

func (s *grants) RevokeGrantsOf(ctx context.Context, userID, clientID string) (int, error) {
	ctx, call := s.revokeOf.begin(ctx)
	ended, err := s.store.RevokeGrantsOf(ctx, userID, clientID)
	return ended, call.end(err)
}

func (s *grants) FindRefresh(ctx context.Context, hash [32]byte) (sessions.Family, error) {
	ctx, call := s.findRefresh.begin(ctx)
	family, err := s.store.FindRefresh(ctx, hash)
	return family, call.end(err)
}

func (s *grants) ExchangeRefresh(ctx context.Context, hash [32]byte, decide func(sessions.Family) (sessions.Exchange, error)) error {
	ctx, call := s.trade.begin(ctx)
	return call.end(s.store.ExchangeRefresh(ctx, hash, func(f sessions.Family) (sessions.Exchange, error) {
		exchange, err := decide(f)
		return exchange, call.decided(err)
	}))
}

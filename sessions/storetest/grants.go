package storetest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/latchkey-id/latchkey/sessions"
)

func (f fixture) grant(id string) sessions.Grant {
	return sessions.Grant{
		ID: id, UserID: "auth0|1", ClientID: "client", Connection: "db", SessionID: "sid", Audience: "https://api",
		Scope: []string{"openid", "offline_access"}, AuthTime: f.clock.now(), CreatedAt: f.clock.now(),
		GrantType: "authorization_code", ExpiresAt: f.in(24 * time.Hour),
	}
}

func (f fixture) token(n byte, grantID string, generation int) sessions.RefreshToken {
	return sessions.RefreshToken{
		Hash: key(n), GrantID: grantID, Generation: generation, IssuedAt: f.clock.now(),
		IdleExpiresAt: f.in(time.Hour), ExpiresAt: f.in(2 * time.Hour),
	}
}

// family creates a grant with its first token, whose hash is key(n).
func (f fixture) family(n byte, id string) (sessions.Grant, sessions.RefreshToken) {
	f.Helper()
	grant, first := f.grant(id), f.token(n, id, 1)
	f.ok(f.a.Grants.CreateGrant(f.Context(), grant, &first))
	return grant, first
}

// exchange makes an exchange that always decides the same.
func (f fixture) exchange(hash [32]byte, x sessions.Exchange) error {
	return f.a.Grants.ExchangeRefresh(f.Context(), hash, func(sessions.Family) (sessions.Exchange, error) { return x, nil })
}

func (f fixture) find(hash [32]byte) sessions.Family {
	f.Helper()
	family, err := f.a.Grants.FindRefresh(f.Context(), hash)
	f.ok(err)
	return family
}

func grantRoundTrip(f fixture) {
	full := f.grant("full")
	full.IDClaims = map[string]any{"https://x/n": json.Number("9007199254740993"), "s": "😀\x00"}
	full.AccessClaims = map[string]any{"f": json.Number("1.10"), "list": []any{nil, true}}
	for _, grant := range []sessions.Grant{full, {ID: "bare", ExpiresAt: f.in(time.Hour)}, f.grant("a|b'\"\x00😀")} {
		f.ok(f.a.Grants.CreateGrant(f.Context(), grant, nil))
		got, err := f.a.Grants.GetGrant(f.Context(), grant.ID)
		f.ok(err)
		f.same("grant", got, grant)
	}
	_, err := f.a.Grants.GetGrant(f.Context(), "unknown")
	f.is("unknown grant", err, sessions.ErrNotFound)
}

func grantExists(f fixture) {
	grant, _ := f.family(1, "g")
	second := f.token(2, "g", 1)
	other := grant
	other.UserID = "other"
	f.is("CreateGrant again", f.a.Grants.CreateGrant(f.Context(), other, &second), sessions.ErrExists)
	_, err := f.a.Grants.FindRefresh(f.Context(), key(2))
	f.is("token of a grant that wasn't created", err, sessions.ErrNotFound)
	got, err := f.a.Grants.GetGrant(f.Context(), "g")
	f.ok(err)
	f.same("grant", got, grant)
	first := f.token(1, "h", 1)
	f.is("a token that exists", f.a.Grants.CreateGrant(f.Context(), f.grant("h"), &first), sessions.ErrExists)
	_, err = f.a.Grants.GetGrant(f.Context(), "h")
	f.is("grant whose token existed", err, sessions.ErrNotFound)
}

func revoke(f fixture) {
	f.family(1, "g")
	for range 2 { // the second time changes nothing
		f.ok(f.a.Grants.RevokeGrant(f.Context(), "g", f.in(time.Hour)))
	}
	_, err := f.a.Grants.GetGrant(f.Context(), "g")
	f.is("GetGrant", err, sessions.ErrRevoked)
	_, err = f.a.Grants.FindRefresh(f.Context(), key(1))
	f.is("FindRefresh", err, sessions.ErrNotFound)
	err = f.a.Grants.ExchangeRefresh(f.Context(), key(1), func(sessions.Family) (sessions.Exchange, error) {
		f.Error("decide was called for a revoked family")
		return sessions.Exchange{}, nil
	})
	f.is("ExchangeRefresh", err, sessions.ErrNotFound)
	f.is("CreateGrant", f.a.Grants.CreateGrant(f.Context(), f.grant("g"), nil), sessions.ErrRevoked)
}

func revokeBefore(f fixture) {
	f.ok(f.a.Grants.RevokeGrant(f.Context(), "g", f.in(time.Hour)))
	_, err := f.a.Grants.GetGrant(f.Context(), "g")
	f.is("GetGrant", err, sessions.ErrRevoked)
	first := f.token(1, "g", 1)
	f.is("CreateGrant", f.a.Grants.CreateGrant(f.Context(), f.grant("g"), &first), sessions.ErrRevoked)
	_, err = f.a.Grants.FindRefresh(f.Context(), key(1))
	f.is("FindRefresh", err, sessions.ErrNotFound)
	f.clock.pass(time.Hour)
	_, err = f.a.Grants.GetGrant(f.Context(), "g")
	f.is("GetGrant when it is forgotten", err, sessions.ErrNotFound)
	f.ok(f.a.Grants.CreateGrant(f.Context(), f.grant("g"), &first))
}

func revokeLasts(f fixture) {
	f.family(1, "g") // for a day
	f.ok(f.a.Grants.RevokeGrant(f.Context(), "g", f.in(time.Minute)))
	f.ok(f.a.Grants.RevokeGrant(f.Context(), "g", f.in(time.Second)))
	f.clock.pass(23 * time.Hour)
	_, err := f.a.Purger.Purge(f.Context(), f.clock.now(), 100)
	f.ok(err)
	f.is("CreateGrant", f.a.Grants.CreateGrant(f.Context(), f.grant("g"), nil), sessions.ErrRevoked)
	forever := f.grant("forever")
	forever.ExpiresAt = time.Time{}
	f.ok(f.a.Grants.CreateGrant(f.Context(), forever, nil))
	f.ok(f.a.Grants.RevokeGrant(f.Context(), "forever", f.in(time.Minute)))
	f.clock.pass(1e6 * time.Hour)
	_, err = f.a.Purger.Purge(f.Context(), f.clock.now(), 100)
	f.ok(err)
	_, err = f.a.Grants.GetGrant(f.Context(), "forever")
	f.is("grant without an end", err, sessions.ErrRevoked)
}

func revokeOf(f fixture) {
	n := byte(0)
	make := func(id, user, client string) {
		n++
		grant, first := f.grant(id), f.token(n, id, 1)
		grant.UserID, grant.ClientID = user, client
		f.ok(f.a.Grants.CreateGrant(f.Context(), grant, &first))
		f.ok(f.b.Grants.CreateGrant(f.Context(), grant, &first))
	}
	for _, user := range []string{"u1", "u2", "u1|"} {
		for _, client := range []string{"c1", "c2", "c3"} {
			make(user+client, user, client)
		}
	}
	for _, c := range []struct {
		user, client string
		want         int
		gone         []string
	}{
		{"u1", "c1", 1, []string{"u1c1"}},
		{"u1", "", 2, []string{"u1c2", "u1c3"}},
		{"", "c2", 2, []string{"u2c2", "u1|c2"}},
		{"u1", "", 0, nil},
		{"nobody", "c3", 0, nil},
	} {
		got, err := f.a.Grants.RevokeGrantsOf(f.Context(), c.user, c.client)
		f.ok(err)
		f.same("grants revoked of "+c.user+" "+c.client, got, c.want)
		for _, id := range c.gone {
			_, err := f.a.Grants.GetGrant(f.Context(), id)
			f.is(id, err, sessions.ErrRevoked)
		}
	}
	if _, err := f.a.Grants.RevokeGrantsOf(f.Context(), "", ""); err == nil {
		f.Error("revoking everybody's grants is no error")
	}
	_, err := f.a.Grants.FindRefresh(f.Context(), key(1))
	f.is("token of a revoked grant", err, sessions.ErrNotFound)
	for _, id := range []string{"u2c1", "u2c3", "u1|c1", "u1|c3"} {
		_, err := f.a.Grants.GetGrant(f.Context(), id)
		f.ok(err)
	}
	_, err = f.b.Grants.GetGrant(f.Context(), "u1c1")
	f.ok(err)

	// An older revocation that is forgotten is no obstacle.
	f.ok(f.a.Grants.RevokeGrant(f.Context(), "late", f.in(time.Minute)))
	f.clock.pass(time.Hour)
	make("late", "u9", "c9")
	_, err = f.a.Grants.RevokeGrantsOf(f.Context(), "u9", "")
	f.ok(err)
	_, err = f.a.Grants.GetGrant(f.Context(), "late")
	f.is("grant under an id that was revoked once", err, sessions.ErrRevoked)
}

func grantTenants(f fixture) {
	f.family(1, "g")
	_, err := f.b.Grants.GetGrant(f.Context(), "g")
	f.is("GetGrant in the other tenant", err, sessions.ErrNotFound)
	_, err = f.b.Grants.FindRefresh(f.Context(), key(1))
	f.is("FindRefresh in the other tenant", err, sessions.ErrNotFound)
	f.ok(f.b.Grants.RevokeGrant(f.Context(), "g", f.in(time.Hour)))
	f.find(key(1))
	other := f.token(1, "h", 1)
	f.ok(f.b.Grants.CreateGrant(f.Context(), f.grant("h"), &other)) // the same hash is free there
	f.clock.pass(1e6 * time.Hour)
	_, err = f.b.Purger.Purge(f.Context(), f.clock.now(), 100)
	f.ok(err)
	f.find(key(1))
}

func purge(f fixture) {
	for n := range byte(3) {
		f.ok(f.a.Ephemeral.Insert(f.Context(), f.item(sessions.KindCode, n))) // an hour
	}
	grant := f.grant("g")
	grant.ExpiresAt = time.Time{}
	first := f.token(1, "g", 1) // an hour idle
	f.ok(f.a.Grants.CreateGrant(f.Context(), grant, &first))
	next := f.token(2, "g", 2)
	next.IdleExpiresAt = time.Time{} // two hours
	f.ok(f.exchange(key(1), sessions.Exchange{Next: &next}))
	purge := func(limit, want int) {
		f.Helper()
		n, err := f.a.Purger.Purge(f.Context(), f.clock.now(), limit)
		f.ok(err)
		f.same("purged", n, want)
	}
	purge(10, 0)
	f.clock.pass(time.Hour + time.Microsecond)
	purge(0, 0)
	purge(2, 2)
	purge(2, 2)
	purge(2, 0)
	_, err := f.a.Grants.FindRefresh(f.Context(), key(1))
	f.is("purged token", err, sessions.ErrNotFound)
	f.find(key(2))
	f.clock.pass(time.Hour)
	purge(10, 1)
	_, err = f.a.Grants.GetGrant(f.Context(), "g")
	f.ok(err)

	dead := f.grant("dead")
	last := sessions.RefreshToken{Hash: key(9), GrantID: "dead", Generation: 1, IssuedAt: f.clock.now()}
	f.ok(f.a.Grants.CreateGrant(f.Context(), dead, &last))
	f.clock.pass(24*time.Hour + time.Microsecond)
	for range 3 {
		_, err = f.a.Purger.Purge(f.Context(), f.clock.now(), 1)
		f.ok(err)
	}
	_, err = f.a.Grants.GetGrant(f.Context(), "dead")
	f.is("grant that ended", err, sessions.ErrNotFound)
	_, err = f.a.Grants.FindRefresh(f.Context(), key(9))
	f.is("token of a grant that ended", err, sessions.ErrNotFound)
}

func purgeKeeps(f fixture) {
	taken, open := f.item(sessions.KindCode, 1), f.item(sessions.KindSession, 2)
	f.ok(f.a.Ephemeral.Insert(f.Context(), taken))
	f.ok(f.a.Ephemeral.Insert(f.Context(), open))
	_, err := f.a.Ephemeral.Take(f.Context(), taken.Kind, taken.Key)
	f.ok(err)
	grant := f.grant("g")
	grant.ExpiresAt = time.Time{}
	eternal := sessions.RefreshToken{Hash: key(1), GrantID: "g", Generation: 1, IssuedAt: f.clock.now()}
	f.ok(f.a.Grants.CreateGrant(f.Context(), grant, &eternal))
	f.ok(f.a.Grants.RevokeGrant(f.Context(), "r", f.in(time.Hour)))
	f.clock.pass(time.Hour - time.Second)
	n, err := f.a.Purger.Purge(f.Context(), f.clock.now(), 100)
	f.ok(err)
	f.same("purged", n, 0)
	_, err = f.a.Ephemeral.Take(f.Context(), taken.Kind, taken.Key)
	f.is("taken item", err, sessions.ErrTaken)
	_, err = f.a.Grants.GetGrant(f.Context(), "r")
	f.is("revocation", err, sessions.ErrRevoked)
	f.clock.pass(1e6 * time.Hour)
	_, err = f.a.Purger.Purge(f.Context(), f.clock.now(), 100)
	f.ok(err)
	f.same("token without an end", f.find(key(1)).Token, eternal)
}

func purgeTenants(f fixture) {
	f.ok(f.a.Ephemeral.Insert(f.Context(), f.item(sessions.KindSession, 1)))
	f.clock.pass(2 * time.Hour)
	n, err := f.b.Purger.Purge(f.Context(), f.clock.now(), 10)
	f.ok(err)
	f.same("purged in the other tenant", n, 0)
	n, err = f.a.Purger.Purge(f.Context(), f.clock.now(), 10)
	f.ok(err)
	f.same("purged", n, 1)
}

func cancelled(f fixture) {
	f.family(1, "g")
	ctx, cancel := context.WithCancel(f.Context())
	err := f.a.Grants.ExchangeRefresh(ctx, key(1), func(sessions.Family) (sessions.Exchange, error) {
		cancel()
		return sessions.Exchange{Revoke: true}, nil
	})
	f.is("ExchangeRefresh", err, context.Canceled)
	f.is("Insert", f.a.Ephemeral.Insert(ctx, f.item(sessions.KindCode, 1)), context.Canceled)
	f.find(key(1))
	_, err = f.a.Ephemeral.Get(f.Context(), sessions.KindCode, key(1))
	f.is("Get", err, sessions.ErrNotFound)
	f.ok(f.exchange(key(1), sessions.Exchange{Revoke: true}))
}

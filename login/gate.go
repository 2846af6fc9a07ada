package login

import (
	"context"
	"errors"
	"slices"

	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// Gate decides whether a person may still have what they were given. Nothing is handed out past it: no code, no token, no
// refreshed token, no userinfo.
type Gate struct {
	Users  profilestore.Reader
	Tenant *tenant.Cache
	Grants sessions.Grants
}

// Pass is what the gate looked at, so that callers need not look again.
type Pass struct {
	User       *profilestore.User
	Client     *tenant.Client
	Connection *tenant.Connection
	Grant      sessions.Grant
}

var (
	// ErrUserGone: the user was deleted, or lost the identity they came with.
	ErrUserGone = errors.New("the user doesn't exist anymore")
	// ErrClientGone: the client was deleted.
	ErrClientGone = errors.New("the client doesn't exist anymore")
	// ErrConnectionOff: the connection was deleted, disabled, or is not enabled for the client.
	ErrConnectionOff = errors.New("the connection is not enabled for the client")
)

// Person asks whether this user may use this client after coming through this connection (by name).
func (g Gate) Person(ctx context.Context, userID, clientID, connection string) (Pass, error) {
	config := g.Tenant.Current()
	pass := Pass{Client: config.Clients[clientID], Connection: config.ConnectionByName(connection)}
	if pass.Client == nil {
		return pass, ErrClientGone
	}
	if pass.Connection == nil || !pass.Connection.EnabledFor(clientID) {
		return pass, ErrConnectionOff
	}
	user, err := g.Users.Get(ctx, userID)
	if errors.Is(err, profilestore.ErrNotFound) {
		return pass, ErrUserGone
	}
	if err != nil {
		return pass, err
	}
	pass.User = user
	if !cameThrough(user, connection) {
		return pass, ErrUserGone
	}
	if Blocked(user) {
		return pass, ErrBlocked
	}
	return pass, nil
}

// Grant asks the same for something that hangs on a grant, which must not be revoked.
func (g Gate) Grant(ctx context.Context, id string) (Pass, error) {
	grant, err := g.Grants.GetGrant(ctx, id)
	if err != nil {
		return Pass{}, err
	}
	if g.Tenant.Current().Ended(grant.CreatedAt) {
		return Pass{Grant: grant}, sessions.ErrRevoked
	}
	pass, err := g.Person(ctx, grant.UserID, grant.ClientID, grant.Connection)
	pass.Grant = grant
	return pass, err
}

// Refuses tells whether the error is the gate's decision, not a failure to decide.
func Refuses(err error) bool {
	for _, refusal := range []error{ErrBlocked, ErrUserGone, ErrClientGone, ErrConnectionOff, sessions.ErrNotFound, sessions.ErrRevoked} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// Blocked tells whether an administrator blocked the user.
func Blocked(u *profilestore.User) bool { return u.Blocked != nil && *u.Blocked }

func cameThrough(u *profilestore.User, connection string) bool {
	return slices.ContainsFunc(u.Identities, func(i profilestore.Identity) bool { return i.Connection == connection })
}

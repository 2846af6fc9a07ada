package login

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// Service completes log-ins and sign-ups.
type Service struct {
	Users      profilestore.Store
	Tenant     *tenant.Cache
	Connectors *connectors.Registry
	Sessions   sessions.Box[sessions.Session]
	Audit      *audit.Log
	Avatars    string // base of default pictures
	Now        func() time.Time
}

// Origin is where a request came from, for the log and for last_ip.
type Origin struct {
	ClientID  string
	IP        string
	UserAgent string
}

// Result is a completed log-in.
type Result struct {
	User       *profilestore.User
	Connection *tenant.Connection
	// Transient holds attributes of this log-in that are not stored.
	Transient map[string]any
	AuthTime  time.Time
	Created   bool
}

// Refused says that a person was recognised, or nearly, and may not log in. Code and Description are OAuth's.
type Refused struct {
	Code        string
	Description string
	Err         error
}

func (e *Refused) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Description + ": " + e.Err.Error()
	}
	return e.Code + ": " + e.Description
}

func (e *Refused) Unwrap() error { return e.Err }

var (
	// ErrBlocked is an administrator's block (Auth0: Block and Unblock Users).
	ErrBlocked = errors.New("user is blocked")
	// ErrWrongStrategy: the connection can't do what was asked of it.
	ErrWrongStrategy = errors.New("the connection's strategy can't do this")
)

// Session begins a browser's SSO session for a completed log-in. The secret goes into its cookie.
func (s *Service) Session(ctx context.Context, r Result) (secret string, session sessions.Session, expires time.Time, err error) {
	now := s.Now()
	absolute, idle := SessionLifetimes(s.Tenant.Current().Settings)
	session = sessions.Session{
		ID: ids.Alphanumeric(32), UserID: r.User.ID, Connection: r.Connection.Name,
		AuthTime: r.AuthTime, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(absolute),
	}
	secret = ids.Secret()
	expires = now.Add(min(idle, absolute))
	return secret, session, session.ExpiresAt, s.Sessions.Insert(ctx, secret, session.UserID, session, expires)
}

// Holds tells whether a browser that shows this session secret is the one in which the log-in was completed. Whoever only
// planted the means to follow it has no session.
func (s *Service) Holds(ctx context.Context, secret string, done sessions.Login) (bool, error) {
	session, err := s.Sessions.Get(ctx, secret)
	if errors.Is(err, sessions.ErrNotFound) {
		return false, nil
	}
	return err == nil && session.ID == done.SessionID && !s.Tenant.Current().Ended(session.CreatedAt), err
}

// Defaults of sessions in hours (Auth0: Configure Session Lifetime Settings).
const (
	defaultSessionHours = 168
	defaultIdleHours    = 72
)

// SessionLifetimes returns how long a session lives at most, and how long unused.
func SessionLifetimes(s tenant.Settings) (absolute, idle time.Duration) {
	return hours(s.SessionLifetime, defaultSessionHours), hours(s.IdleSessionLifetime, defaultIdleHours)
}

func hours(configured, otherwise float64) time.Duration {
	if configured <= 0 {
		configured = otherwise
	}
	return time.Duration(configured * float64(time.Hour))
}

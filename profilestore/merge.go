package profilestore

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/normalize"
)

var (
	// ErrSignupDisabledBySync: the connection is in mode never_on_login, which doesn't create users.
	ErrSignupDisabledBySync = errors.New("the connection does not create users at a login")
	// ErrForeignIdentity: the profile belongs to an identity that the user doesn't have.
	ErrForeignIdentity = errors.New("the identity is not one of the user's")
)

// MergeContext is what Merge depends on beside the user and the profile.
type MergeContext struct {
	Connection Connection
	// Modes overrides Connection.Sync for single synced attributes.
	Modes map[string]SyncMode
	// Now and IP are the time and the address of the login.
	Now time.Time
	IP  string
	// Raw is what the provider said. Nil keeps what is stored.
	Raw *Raw
	// AvatarBase is for generated pictures: see normalize.Hints.
	AvatarBase string
	// Source is who gives the attributes. Empty: SourceIdP.
	Source Source
}

func (m MergeContext) mode(attribute string) SyncMode {
	if mode, ok := m.Modes[attribute]; ok {
		return mode
	}
	return m.Connection.Sync
}

func (m MergeContext) source() Source {
	if m.Source == "" {
		return SourceIdP
	}
	return m.Source
}

// Merge returns the user as it stands after a login with this profile. A nil user is a person who comes for the first
// time; ErrSignupDisabledBySync says that such people aren't created. The login is counted whether or not the user is
// blocked: refusing is the caller's part, after storing.
//
// A profile of the primary identity changes the root attributes, one of a secondary identity only that identity's
// ProfileData. Metadata, the block and other identities stay as they are, and u itself is not changed.
func Merge(u *User, p normalize.Profile, m MergeContext) (*User, error) {
	if u == nil {
		if !m.Connection.Keeps() && m.Connection.Sync == SyncNever {
			return nil, ErrSignupDisabledBySync
		}
		created := New(p, m)
		created.countLogin(m)
		return created, nil
	}
	n := u.identityIndex(keyOf(p))
	if n < 0 {
		return nil, ErrForeignIdentity
	}
	out := u.Clone()
	identity := &out.Identities[n]
	if n == 0 {
		set := attributeSet{values: out.Root, provenance: out.Provenance}
		set.update(p, m)
		out.Root, out.Provenance = set.values, set.provenance
	} else {
		set := attributeSet{values: identity.ProfileData, provenance: identity.Provenance}
		set.update(p, m)
		identity.ProfileData, identity.Provenance = set.values, set.provenance
	}
	if m.Raw != nil {
		identity.Raw = m.Raw.clone()
	}
	out.countLogin(m)
	return out, nil
}

// New returns the user that a profile makes, without counting a login: for sign-ups, imports and new users of
// administrators. It doesn't ask for the sync mode.
func New(p normalize.Profile, m MergeContext) *User {
	var set attributeSet
	set.fill(p, m)
	now := stamp(m.Now)
	identity := Identity{Connection: p.Connection, Provider: p.Provider, UserID: p.Subject, IsSocial: p.IsSocial, Raw: m.Raw}
	return &User{
		ID: p.UserID, Root: set.values, Provenance: set.provenance, Identities: []Identity{identity.clone()},
		UserMetadata: MergeMetadata(nil, p.UserMetadata), AppMetadata: MergeMetadata(nil, p.AppMetadata),
		CreatedAt: now, UpdatedAt: now,
	}
}

func (u *User) countLogin(m MergeContext) {
	now := stamp(m.Now)
	u.LoginsCount++
	u.LastLogin, u.LastIP, u.UpdatedAt = &now, m.IP, now
}

func keyOf(p normalize.Profile) Key { return Key{Connection: p.Connection, Subject: p.SubjectText} }

// stamp is a time as it is stored: in UTC, to the millisecond that the API shows.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

package profilestore

import (
	"errors"
	"strings"
	"time"
)

// The texts are those that the Management API shows.
var (
	// ErrSameIdentity: an account can't be linked to itself.
	ErrSameIdentity = errors.New("Main identity and the new one are the same.")
	// ErrIdentityExists: the account is linked already.
	ErrIdentityExists = errors.New("Specified identity already exists.")
	// ErrMainIdentity: the first identity is the account; it can't be unlinked.
	ErrMainIdentity = errors.New("Main identity cannot be removed.")
)

// CheckLink says why an identity can't be linked to a user: it is the user's main one (ErrSameIdentity) or linked already
// (ErrIdentityExists).
func CheckLink(primary *User, key Key) error {
	switch n := primary.identityIndex(key); {
	case n == 0:
		return ErrSameIdentity
	case n > 0:
		return ErrIdentityExists
	}
	return nil
}

// Link returns the primary user with the identities of the secondary one, who is to be deleted (Auth0: User Account
// Linking). The secondary's root attributes become profile data of its first identity, and its metadata is lost. The
// primary's own attributes and metadata stay as they are.
func Link(primary, secondary *User, now time.Time) (*User, error) {
	if primary.ID == secondary.ID {
		return nil, ErrSameIdentity
	}
	for _, identity := range secondary.Identities {
		if err := CheckLink(primary, identity.Key()); err != nil {
			return nil, err
		}
	}
	out, moved := primary.Clone(), secondary.Clone()
	for n, identity := range moved.Identities {
		if n == 0 {
			identity.ProfileData, identity.Provenance = moved.Root, moved.Provenance
		}
		out.Identities = append(out.Identities, identity)
	}
	out.UpdatedAt = stamp(now)
	return out, nil
}

// Unlink parts a secondary identity from a user: rest is the user without it, freed a new user who has nothing but the
// identity and its profile data (Auth0: Unlink User Accounts). userID is the subject, with or without the provider before
// it. Errors: ErrNotFound, ErrMainIdentity, and ErrUserIDTaken where the freed user would have the same user_id.
func Unlink(u *User, provider, userID string, now time.Time, avatarBase string) (rest, freed *User, err error) {
	n, err := u.secondary(provider, userID)
	if err != nil {
		return nil, nil, err
	}
	rest = u.Clone()
	identity := rest.Identities[n]
	rest.Identities = append(rest.Identities[:n:n], rest.Identities[n+1:]...)
	rest.UpdatedAt = stamp(now)

	set := attributeSet{values: identity.ProfileData, provenance: identity.Provenance}
	set.prepare()
	set.generate(hintsAt(identity, avatarBase), now, never)
	identity.ProfileData, identity.Provenance = nil, nil
	freed = &User{
		ID: provider + "|" + identity.SubjectString(), Root: set.values, Provenance: set.provenance,
		Identities: []Identity{identity}, CreatedAt: stamp(now), UpdatedAt: stamp(now),
	}
	if freed.ID == rest.ID {
		return nil, nil, ErrUserIDTaken
	}
	return rest, freed, nil
}

// secondary finds a secondary identity by what the API calls it.
func (u *User) secondary(provider, userID string) (int, error) {
	for _, subject := range []string{userID, strings.TrimPrefix(userID, provider+"|")} {
		main := false
		for n, identity := range u.Identities {
			if identity.Provider != provider || identity.SubjectString() != subject {
				continue
			}
			if n > 0 {
				return n, nil
			}
			main = true
		}
		if main {
			return 0, ErrMainIdentity
		}
	}
	return 0, ErrNotFound
}

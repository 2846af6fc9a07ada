package profilestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
)

// Clone returns a deep copy.
func (u *User) Clone() *User {
	if u == nil {
		return nil
	}
	c := *u
	c.Root = jsonvalue.CloneMap(u.Root)
	c.UserMetadata = jsonvalue.CloneMap(u.UserMetadata)
	c.AppMetadata = jsonvalue.CloneMap(u.AppMetadata)
	c.Blocked = clonePointer(u.Blocked)
	c.LastLogin = clonePointer(u.LastLogin)
	c.LastPasswordReset = clonePointer(u.LastPasswordReset)
	c.Provenance = maps.Clone(u.Provenance)
	c.Consents = slices.Clone(u.Consents)
	if u.Identities != nil {
		c.Identities = make([]Identity, len(u.Identities))
		for i, identity := range u.Identities {
			c.Identities[i] = identity.clone()
		}
	}
	return &c
}

func (i Identity) clone() Identity {
	i.ProfileData = jsonvalue.CloneMap(i.ProfileData)
	i.Provenance = maps.Clone(i.Provenance)
	i.Raw = i.Raw.clone()
	return i
}

func (r *Raw) clone() *Raw {
	if r == nil {
		return nil
	}
	c := *r
	c.IDToken, c.Userinfo = bytes.Clone(r.IDToken), bytes.Clone(r.Userinfo)
	c.Extra, c.FormPost = bytes.Clone(r.Extra), bytes.Clone(r.FormPost)
	return &c
}

func clonePointer[T bool | time.Time](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// UnmarshalJSON reads a stored user and keeps its numbers exact (json.Number).
func (u *User) UnmarshalJSON(data []byte) error {
	type plain User
	var p plain
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&p); err != nil {
		return fmt.Errorf("stored user: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("stored user: there is more after the JSON object")
	}
	*u = User(p)
	return nil
}

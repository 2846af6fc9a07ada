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
)

// Clone returns a deep copy.
func (u *User) Clone() *User {
	if u == nil {
		return nil
	}
	c := *u
	c.Root = cloneMap(u.Root)
	c.UserMetadata = cloneMap(u.UserMetadata)
	c.AppMetadata = cloneMap(u.AppMetadata)
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
	i.ProfileData = cloneMap(i.ProfileData)
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

func cloneMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	c := make(map[string]any, len(m))
	for key, v := range m {
		c[key] = cloneValue(v)
	}
	return c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneMap(v)
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = cloneValue(e)
		}
		return c
	}
	return v
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

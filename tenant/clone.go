package tenant

import (
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
)

// Clone returns a deep, indexed copy that shares nothing with c and may be changed. Call [Config.Index] after changing it.
func (c *Config) Clone() *Config {
	out := &Config{
		Revision:        c.Revision,
		Settings:        c.Settings.clone(),
		Clients:         cloneEach(c.Clients, (*Client).Clone),
		Connections:     cloneEach(c.Connections, (*Connection).Clone),
		ResourceServers: cloneEach(c.ResourceServers, (*ResourceServer).Clone),
		ClientGrants:    cloneEach(c.ClientGrants, (*ClientGrant).Clone),
		Roles:           cloneEach(c.Roles, (*Role).Clone),
	}
	out.Index()
	return out
}

// Clone returns a deep copy.
func (c *Client) Clone() *Client {
	out := *c
	for _, list := range []*[]string{&out.Callbacks, &out.AllowedOrigins, &out.WebOrigins, &out.AllowedLogoutURLs, &out.GrantTypes} {
		*list = slices.Clone(*list)
	}
	if a := c.Authentication; a != nil {
		copied := *a
		if a.PrivateKeyJWT != nil {
			keys := *a.PrivateKeyJWT
			keys.Credentials = slices.Clone(keys.Credentials)
			copied.PrivateKeyJWT = &keys
		}
		out.Authentication = &copied
	}
	out.ClientMetadata = maps.Clone(c.ClientMetadata)
	out.Rest = jsonvalue.CloneMap(c.Rest)
	return &out
}

// Clone returns a deep copy.
func (c *Connection) Clone() *Connection {
	out := *c
	out.Options = jsonvalue.CloneMap(c.Options)
	out.EnabledClients = slices.Clone(c.EnabledClients)
	out.Realms = slices.Clone(c.Realms)
	out.ShowAsButton = clonePointer(c.ShowAsButton)
	out.Metadata = maps.Clone(c.Metadata)
	out.Rest = jsonvalue.CloneMap(c.Rest)
	return &out
}

// Clone returns a deep copy.
func (r *ResourceServer) Clone() *ResourceServer {
	out := *r
	out.Scopes = slices.Clone(r.Scopes)
	out.SkipConsent = clonePointer(r.SkipConsent)
	out.Rest = jsonvalue.CloneMap(r.Rest)
	return &out
}

// Clone returns a deep copy.
func (g *ClientGrant) Clone() *ClientGrant {
	out := *g
	out.Scope = slices.Clone(g.Scope)
	out.Rest = jsonvalue.CloneMap(g.Rest)
	return &out
}

// Clone returns a deep copy.
func (r *Role) Clone() *Role {
	out := *r
	out.Permissions = slices.Clone(r.Permissions)
	out.Rest = jsonvalue.CloneMap(r.Rest)
	return &out
}

func (s Settings) clone() Settings {
	s.AllowedLogoutURLs = slices.Clone(s.AllowedLogoutURLs)
	s.EnabledLocales = slices.Clone(s.EnabledLocales)
	s.ErrorPage = clonePointer(s.ErrorPage)
	s.Flags = jsonvalue.CloneMap(s.Flags)
	s.OIDCLogout = jsonvalue.CloneMap(s.OIDCLogout)
	s.Rest = jsonvalue.CloneMap(s.Rest)
	return s
}

// cloneEach always returns a map, so that a copy of a new tenant's Config can be written to.
func cloneEach[T any](from map[string]*T, clone func(*T) *T) map[string]*T {
	out := make(map[string]*T, len(from))
	for id, v := range from {
		out[id] = clone(v)
	}
	return out
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

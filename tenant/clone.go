package tenant

import (
	"maps"
	"slices"
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
	out.Rest = cloneMap(c.Rest)
	return &out
}

// Clone returns a deep copy.
func (c *Connection) Clone() *Connection {
	out := *c
	out.Options = cloneMap(c.Options)
	out.EnabledClients = slices.Clone(c.EnabledClients)
	out.Realms = slices.Clone(c.Realms)
	out.ShowAsButton = clonePointer(c.ShowAsButton)
	out.Metadata = maps.Clone(c.Metadata)
	out.Rest = cloneMap(c.Rest)
	return &out
}

// Clone returns a deep copy.
func (r *ResourceServer) Clone() *ResourceServer {
	out := *r
	out.Scopes = slices.Clone(r.Scopes)
	out.SkipConsent = clonePointer(r.SkipConsent)
	out.Rest = cloneMap(r.Rest)
	return &out
}

// Clone returns a deep copy.
func (g *ClientGrant) Clone() *ClientGrant {
	out := *g
	out.Scope = slices.Clone(g.Scope)
	out.Rest = cloneMap(g.Rest)
	return &out
}

// Clone returns a deep copy.
func (r *Role) Clone() *Role {
	out := *r
	out.Permissions = slices.Clone(r.Permissions)
	out.Rest = cloneMap(r.Rest)
	return &out
}

func (s Settings) clone() Settings {
	s.AllowedLogoutURLs = slices.Clone(s.AllowedLogoutURLs)
	s.EnabledLocales = slices.Clone(s.EnabledLocales)
	s.ErrorPage = clonePointer(s.ErrorPage)
	s.Flags = cloneMap(s.Flags)
	s.OIDCLogout = cloneMap(s.OIDCLogout)
	s.Rest = cloneMap(s.Rest)
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

func cloneMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = cloneValue(v)
	}
	return out
}

// cloneValue copies what a JSON or YAML document can hold; everything but containers is immutable.
func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneMap(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	case []string:
		return slices.Clone(v)
	}
	return v
}

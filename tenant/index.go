package tenant

import (
	"cmp"
	"slices"
)

// index makes the questions that every request asks cheap. It is rebuilt by [Config.Index] and shared by readers.
type index struct {
	clientsByName      map[string]*Client
	connectionsByName  map[string]*Connection
	connectionsByRealm map[string]*Connection
	connectionsFor     map[string][]*Connection   // by client_id: enabled, sorted by name
	serversByName      map[string]*ResourceServer // by identifier
	grants             map[[2]string]*ClientGrant // by client_id, audience
	rolesByName        map[string]*Role
}

// Index rebuilds what the lookups of Config go by. Stores call it on every Config they return. Names of clients need not
// be unique: of two clients with one name the lookup gives the one with the smaller client_id, whatever the map's order.
func (c *Config) Index() {
	c.index = index{
		clientsByName:      make(map[string]*Client, len(c.Clients)),
		connectionsByName:  make(map[string]*Connection, len(c.Connections)),
		connectionsByRealm: make(map[string]*Connection, len(c.Connections)),
		connectionsFor:     make(map[string][]*Connection, len(c.Clients)),
		serversByName:      make(map[string]*ResourceServer, len(c.ResourceServers)),
		grants:             make(map[[2]string]*ClientGrant, len(c.ClientGrants)),
		rolesByName:        make(map[string]*Role, len(c.Roles)),
	}
	for _, client := range c.Clients {
		if other := c.index.clientsByName[client.Name]; other == nil || client.ID < other.ID {
			c.index.clientsByName[client.Name] = client
		}
	}
	c.indexConnections()
	for _, rs := range c.ResourceServers {
		c.index.serversByName[rs.Identifier] = rs
	}
	for _, g := range c.ClientGrants {
		c.index.grants[[2]string{g.ClientID, g.Audience}] = g
	}
	for _, role := range c.Roles {
		c.index.rolesByName[role.Name] = role
	}
}

func (c *Config) indexConnections() {
	sorted := make([]*Connection, 0, len(c.Connections))
	for _, conn := range c.Connections {
		sorted = append(sorted, conn)
		c.index.connectionsByName[conn.Name] = conn
	}
	slices.SortFunc(sorted, func(a, b *Connection) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for _, conn := range sorted {
		for _, realm := range conn.Realms {
			if c.index.connectionsByRealm[realm] == nil {
				c.index.connectionsByRealm[realm] = conn
			}
		}
		if conn.Disabled {
			continue
		}
		for _, clientID := range conn.EnabledClients {
			list := c.index.connectionsFor[clientID]
			if len(list) == 0 || list[len(list)-1] != conn { // the same client may be named twice
				c.index.connectionsFor[clientID] = append(list, conn)
			}
		}
	}
}

// ClientByName returns the client or nil.
func (c *Config) ClientByName(name string) *Client { return c.index.clientsByName[name] }

// ConnectionByName returns the connection or nil.
func (c *Config) ConnectionByName(name string) *Connection { return c.index.connectionsByName[name] }

// ConnectionByRealm returns the connection with this name or, where none has it, with this realm (Auth0: realm of the
// password-realm grant), or nil.
func (c *Config) ConnectionByRealm(realm string) *Connection {
	if conn := c.index.connectionsByName[realm]; conn != nil {
		return conn
	}
	return c.index.connectionsByRealm[realm]
}

// ConnectionsFor returns the connections through which people may log in to the client, sorted by name. The slice is
// shared: don't change it.
func (c *Config) ConnectionsFor(clientID string) []*Connection {
	return c.index.connectionsFor[clientID]
}

// ResourceServer returns the API with this identifier or nil.
func (c *Config) ResourceServer(identifier string) *ResourceServer {
	return c.index.serversByName[identifier]
}

// ClientGrantFor returns the client's grant for the API with this identifier or nil.
func (c *Config) ClientGrantFor(clientID, audience string) *ClientGrant {
	return c.index.grants[[2]string{clientID, audience}]
}

// RoleByName returns the role or nil.
func (c *Config) RoleByName(name string) *Role { return c.index.rolesByName[name] }

package tenant

// index makes the questions that every request asks cheap. It is rebuilt by [Config.Index] and shared by readers.
type index struct {
	connectionsByName map[string]*Connection
	serversByName     map[string]*ResourceServer // by identifier
	grants            map[[2]string]*ClientGrant // by client_id, audience
}

// Index rebuilds what [Config.ConnectionByName], [Config.ResourceServer] and [Config.ClientGrantFor] go by. Stores call it
// on every Config they return.
func (c *Config) Index() {
	c.index = index{
		connectionsByName: make(map[string]*Connection, len(c.Connections)),
		serversByName:     make(map[string]*ResourceServer, len(c.ResourceServers)),
		grants:            make(map[[2]string]*ClientGrant, len(c.ClientGrants)),
	}
	for _, conn := range c.Connections {
		c.index.connectionsByName[conn.Name] = conn
	}
	for _, rs := range c.ResourceServers {
		c.index.serversByName[rs.Identifier] = rs
	}
	for _, g := range c.ClientGrants {
		c.index.grants[[2]string{g.ClientID, g.Audience}] = g
	}
}

// ConnectionByName returns the connection or nil.
func (c *Config) ConnectionByName(name string) *Connection { return c.index.connectionsByName[name] }

// ResourceServer returns the API with this identifier or nil.
func (c *Config) ResourceServer(identifier string) *ResourceServer {
	return c.index.serversByName[identifier]
}

// ClientGrantFor returns the client's grant for the API with this identifier or nil.
func (c *Config) ClientGrantFor(clientID, audience string) *ClientGrant {
	return c.index.grants[[2]string{clientID, audience}]
}

package tenant

import (
	"maps"
	"slices"
)

// sections reads what the top level of a file has.
func (r *fileReader) sections(root *node) {
	for _, f := range root.fields {
		read := r.section(f.key)
		if read == nil {
			r.file.Ignored = append(r.file.Ignored, f.key)
			continue
		}
		if f.value.kind == kindNull { // "clients:" with nothing below it
			continue
		}
		if f.key != "users" {
			r.inlineSection(f.value)
		}
		read(f.value)
	}
	slices.Sort(r.file.Ignored)
	slices.SortStableFunc(r.file.Connections, func(a, b Entry[Connection]) int {
		return databasesFirst(a.Value.Strategy) - databasesFirst(b.Value.Strategy)
	})
	r.unique()
}

func databasesFirst(strategy string) int {
	if strategy == StrategyDatabase {
		return 0
	}
	return 1
}

// section returns what reads a section, nil for those that this version doesn't act on.
func (r *fileReader) section(key string) func(*node) {
	switch key {
	case "tenant":
		return func(n *node) { r.file.tenant = n; r.settings(n, overlaySettings, "") }
	case "branding":
		return func(n *node) { r.file.branding = n; r.settings(n, overlayBranding, "branding.") }
	case "clients":
		return func(n *node) { r.file.Clients = readEntries(r, n, overlayClient, checkClientKeys) }
	case "clientGrants":
		return func(n *node) { r.file.ClientGrants = readEntries(r, n, overlayGrant, CheckClientGrant) }
	case "databases":
		return func(n *node) { r.databases(n) }
	case "connections":
		return func(n *node) {
			r.file.Connections = append(r.file.Connections, readEntries(r, n, overlayConnection, checkConnectionKeys)...)
		}
	case "resourceServers":
		return func(n *node) { r.file.ResourceServers = readEntries(r, n, overlayServer, checkServerKeys) }
	case "roles":
		return func(n *node) { r.file.Roles = readEntries(r, n, overlayRole, CheckRole) }
	case "users":
		return func(n *node) { r.users(n) }
	}
	return nil
}

func (r *fileReader) settings(n *node, overlay func(decoder, *node, *Settings), prefix string) {
	var s Settings
	before := len(r.problems)
	overlay(decoder{r.here}, n, &s)
	if len(r.problems) > before {
		return
	}
	for _, p := range CheckSettings(&s) {
		path := p.Path
		if prefix != "" {
			path = p.Path[len(prefix):]
		}
		r.here(n.find(path), path, "%s", p.Message)
	}
}

// readEntries reads a list of nouns. check finds what is wrong with a noun by itself, as far as the file has it.
func readEntries[T any](r *fileReader, n *node, overlay func(decoder, *node, *T), check func(*T) []Problem) []Entry[T] {
	if n.kind != kindList {
		r.here(n.place, "", "expected a list, got %s", n.kind)
		return nil
	}
	entries := make([]Entry[T], 0, len(n.items))
	for _, item := range n.items {
		if item.kind != kindMap {
			r.here(item.place, "", "expected an object, got %s", item.kind)
			continue
		}
		entry := Entry[T]{node: item}
		before := len(r.problems)
		overlay(decoder{r.here}, item, &entry.Value)
		if len(r.problems) == before { // a value of the wrong type is one problem, not two
			for _, p := range check(&entry.Value) {
				r.here(item.find(p.Path), p.Path, "%s", p.Message)
			}
		}
		entries = append(entries, entry)
	}
	return entries
}

// databases are connections whose strategy goes without saying.
func (r *fileReader) databases(n *node) {
	entries := readEntries(r, n, func(d decoder, n *node, c *Connection) {
		overlayConnection(d, n, c)
		if c.Strategy == "" {
			c.Strategy = StrategyDatabase
		}
	}, checkConnectionKeys)
	for _, e := range entries {
		if e.Value.Strategy != StrategyDatabase {
			r.here(e.node.find("strategy"), "strategy", "a database has the strategy %s; others belong under connections", StrategyDatabase)
		}
	}
	r.file.Connections = append(r.file.Connections, entries...)
}

func (r *fileReader) users(n *node) {
	if n.kind != kindList {
		r.here(n.place, "", "expected a list, got %s", n.kind)
		return
	}
	for _, item := range n.items {
		var known struct {
			Connection string `yaml:"connection"`
			Password   string `yaml:"password"`
		}
		user := SeedUser{node: item}
		before := len(r.problems)
		decoder{r.here}.noun(item, &known, &user.Profile)
		if known.Connection == "" && len(r.problems) == before {
			r.here(item.place, "connection", "is missing")
		}
		user.Connection, user.Password = known.Connection, known.Password
		if user.Profile == nil {
			user.Profile = map[string]any{}
		}
		r.file.Users = append(r.file.Users, user)
	}
}

// unique reports nouns that a file has twice: which of them counts would be a guess.
func (r *fileReader) unique() {
	twice(r, r.file.Clients, "client_id", func(c *Client) string { return c.ID })
	twice(r, r.file.Clients, "name", func(c *Client) string { return c.Name })
	twice(r, r.file.Connections, "name", func(c *Connection) string { return c.Name })
	twice(r, r.file.ResourceServers, "identifier", func(s *ResourceServer) string { return s.Identifier })
	twice(r, r.file.Roles, "name", func(role *Role) string { return role.Name })
	grants := map[[2]string]bool{}
	for _, g := range r.file.ClientGrants {
		key := [2]string{g.Value.ClientID, g.Value.Audience}
		if grants[key] {
			r.here(g.node.place, "", "this client has a grant for this API already")
		}
		grants[key] = true
	}
}

func twice[T any](r *fileReader, entries []Entry[T], path string, key func(*T) string) {
	first := map[string]int{}
	for i := range entries {
		k := key(&entries[i].Value)
		at := entries[i].node.find(path)
		if line, seen := first[k]; seen {
			r.here(at, path, "%q is given twice (first in line %d)", k, line)
		} else if k != "" {
			first[k] = at.line
		}
	}
}

func checkConnectionKeys(c *Connection) []Problem {
	named := *c
	if named.Strategy == "" { // an existing connection needn't repeat it
		named.Strategy = StrategyDatabase
	}
	return CheckConnection(&named, nil)
}

// checkServerKeys leaves the secret of an API to the check of the whole, which may have one already.
func checkServerKeys(s *ResourceServer) []Problem {
	named := *s
	if named.SigningSecret == "" && named.SigningAlg == "HS256" {
		named.SigningAlg = ""
	}
	return CheckResourceServer(&named)
}

func overlaySettings(d decoder, n *node, s *Settings) { d.noun(n, s, &s.Rest) }

func overlayBranding(d decoder, n *node, s *Settings) {
	rest, _ := s.Rest["branding"].(map[string]any)
	d.noun(n, &s.Branding, &rest)
	if len(rest) > 0 {
		all := maps.Clone(s.Rest)
		if all == nil {
			all = map[string]any{}
		}
		all["branding"] = rest
		s.Rest = all
	}
}

func overlayClient(d decoder, n *node, c *Client) { d.noun(n, c, &c.Rest) }

func overlayGrant(d decoder, n *node, g *ClientGrant) { d.noun(n, g, &g.Rest) }

func overlayServer(d decoder, n *node, s *ResourceServer) { d.noun(n, s, &s.Rest) }

func overlayRole(d decoder, n *node, role *Role) { d.noun(n, role, &role.Rest) }

// overlayConnection reads authentication.active, Auth0's switch, besides the connection's own keys.
func overlayConnection(d decoder, n *node, c *Connection) {
	d.noun(n, c, &c.Rest)
	authentication, ok := c.Rest["authentication"].(map[string]any)
	if !ok {
		return
	}
	active, ok := authentication["active"].(bool)
	if !ok || len(authentication) > 1 {
		d.report(n.find("authentication"), "authentication", "expected an object with active: true or false")
		return
	}
	c.Disabled = !active
	delete(c.Rest, "authentication")
	if len(c.Rest) == 0 {
		c.Rest = nil
	}
}

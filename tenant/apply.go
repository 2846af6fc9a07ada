package tenant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/ids"
)

// ApplyOptions are what a file doesn't say.
type ApplyOptions struct {
	// Issuer is the server's public URL and ends in "/".
	Issuer string
	// Strategies are the known strategies of connections; nil accepts every one.
	Strategies map[string]bool
}

// Actions of a [Change].
const (
	ActionCreate    = "create"
	ActionUpdate    = "update"
	ActionUnchanged = "unchanged"
)

// Change is what applying a file does to one noun. It never holds values, so it can be shown to anybody.
type Change struct {
	Kind   string // "tenant", "client", "resource server", "connection", "client grant", "role"
	Name   string
	Action string
	// Fields names what an update changes, such as "options.scope", sorted.
	Fields []string
}

// String is one line of a diff: "+ client Shop", "~ client Shop: callbacks, client_secret" or "= client Shop".
func (c Change) String() string {
	sign := map[string]string{ActionCreate: "+", ActionUpdate: "~", ActionUnchanged: "="}[c.Action]
	line := strings.TrimRight(sign+" "+c.Kind+" "+c.Name, " ")
	if len(c.Fields) > 0 {
		line += ": " + strings.Join(c.Fields, ", ")
	}
	return line
}

// Plan returns the configuration that current becomes by a file, and what changes, noun by noun in the order of the work.
// current isn't touched and its revision stays, since the store counts revisions.
//
// A noun of the file is the configured one with the same client_id, else the same name (clients), name (connections,
// roles), identifier (APIs) or client and API (grants). Of it, only the keys that the file names are set; ids and secrets
// that the file doesn't name stay. What is new gets Auth0's defaults. Nothing is ever deleted because the file lacks it.
// Planning the same file on the result gives no changes. Mistakes come as a *[FileError], all at once.
func Plan(current *Config, f *File, opts ApplyOptions) (*Config, []Change, error) {
	if !strings.HasSuffix(opts.Issuer, "/") {
		return nil, nil, fmt.Errorf("the issuer %q doesn't end in \"/\"", opts.Issuer)
	}
	p := &planner{file: f, opts: opts, next: current.Clone()}
	p.managementAPI()
	p.settings()
	for _, e := range f.Clients {
		p.client(e)
	}
	for _, e := range f.ResourceServers {
		p.resourceServer(e)
	}
	p.next.Index() // grants and roles look APIs up
	for _, e := range f.Connections {
		p.connection(e)
	}
	for _, e := range f.ClientGrants {
		p.grant(e)
	}
	for _, e := range f.Roles {
		p.role(e)
	}
	p.next.Index()
	p.defaults()
	p.users()
	if err := fileError(p.problems); err != nil {
		return nil, nil, err
	}
	if p.failed != nil {
		return nil, nil, p.failed
	}
	return p.next, p.changes, nil
}

// planner works on a copy and collects.
type planner struct {
	file     *File
	opts     ApplyOptions
	next     *Config
	changes  []Change
	problems []FileProblem
	// failed is the first noun of the configuration that couldn't be compared.
	failed error
	// fileClients has the ids that this file's clients got, by name: the file's own names win over others'.
	fileClients map[string]string
}

func (p *planner) report(at place, path, format string, args ...any) {
	p.problems = append(p.problems, FileProblem{
		File: p.file.Name, Line: at.line, Column: at.column, Problem: Problem{Path: path, Message: fmt.Sprintf(format, args...)},
	})
}

func (p *planner) check(n *node, found []Problem) {
	for _, problem := range found {
		p.report(n.find(problem.Path), problem.Path, "%s", problem.Message)
	}
}

// changed notes what became of a noun. before is nil for a new one.
func (p *planner) changed(kind, name string, before, after any) {
	change := Change{Kind: kind, Name: name, Action: ActionCreate}
	if before != nil {
		old, errOld := document(before)
		now, errNow := document(after)
		if err := errors.Join(errOld, errNow); err != nil && p.failed == nil {
			p.failed = fmt.Errorf("comparing %s %s: %w", kind, name, err)
		}
		change.Fields = changedFields("", old, now)
		change.Action = ActionUnchanged
		if len(change.Fields) > 0 {
			change.Action = ActionUpdate
		}
	}
	p.changes = append(p.changes, change)
}

func (p *planner) managementAPI() {
	before := map[string]*ResourceServer{}
	for id, api := range p.next.ResourceServers {
		before[id] = api.Clone()
	}
	if EnsureManagementAPI(p.next, p.opts.Issuer) {
		api := p.next.ResourceServer(ManagementAudience(p.opts.Issuer))
		p.changed("resource server", api.Identifier, orNil(before[api.ID]), api)
	}
}

func (p *planner) settings() {
	if p.file.tenant == nil && p.file.branding == nil {
		return
	}
	before := p.next.Settings.clone()
	if p.file.tenant != nil {
		overlaySettings(decoder{p.report}, p.file.tenant, &p.next.Settings)
	}
	if p.file.branding != nil {
		overlayBranding(decoder{p.report}, p.file.branding, &p.next.Settings)
	}
	p.changed("tenant", "", before, p.next.Settings)
}

func (p *planner) client(e Entry[Client]) {
	before, ambiguous := p.configuredClient(e.Value)
	if ambiguous {
		p.report(e.node.find("name"), "name", "several clients are called %q; add the client_id", e.Value.Name)
		return
	}
	var after *Client
	if before != nil {
		after = before.Clone()
	} else {
		after = NewClient(&e.Value)
	}
	overlayClient(decoder{p.report}, e.node, after)
	CompleteClient(after)
	p.check(e.node, CheckClient(after))
	p.next.Clients[after.ID] = after
	if p.fileClients == nil {
		p.fileClients = map[string]string{}
	}
	p.fileClients[after.Name] = after.ID
	p.changed("client", after.Name, orNil(before), after)
}

func (p *planner) configuredClient(want Client) (found *Client, ambiguous bool) {
	if want.ID != "" {
		return p.next.Clients[want.ID], false
	}
	for _, c := range p.next.Clients {
		if c.Name == want.Name {
			ambiguous = found != nil
			found = c
		}
	}
	return found, ambiguous
}

// clientID resolves what a file calls a client: its id or its name.
func (p *planner) clientID(at place, path, called string) string {
	if p.next.Clients[called] != nil {
		return called
	}
	if id, ok := p.fileClients[called]; ok {
		return id
	}
	found, ambiguous := p.configuredClient(Client{Name: called})
	switch {
	case found == nil:
		p.report(at, path, "there is no client %q", called)
		return ""
	case ambiguous:
		p.report(at, path, "several clients are called %q; use the client_id", called)
		return ""
	}
	return found.ID
}

// draft returns what an entry is laid over: a copy of what it is about already, or fresh for something new, whose id must
// not be taken.
func draft[T any, P interface {
	*T
	Clone() P
}](p *planner, e Entry[T], before, taken, fresh P, kind string) P {
	if before != nil {
		return before.Clone()
	}
	if taken != nil {
		p.report(e.node.find("id"), "id", "belongs to another %s already", kind)
	}
	return fresh
}

func (p *planner) resourceServer(e Entry[ResourceServer]) {
	before := p.next.ResourceServer(e.Value.Identifier)
	after := draft(p, e, before, p.next.ResourceServers[e.Value.ID], &ResourceServer{}, "API")
	overlayServer(decoder{p.report}, e.node, after)
	if before != nil {
		after.ID = before.ID
	}
	if after.IsSystem { // the server's own API: its scopes can grow, its name stays
		after.Name = before.Name
		after.Scopes = mergeScopes(before.Scopes, after.Scopes)
	}
	CompleteResourceServer(after)
	p.check(e.node, CheckResourceServer(after))
	p.next.ResourceServers[after.ID] = after
	p.changed("resource server", after.Identifier, orNil(before), after)
}

func mergeScopes(base, more []Scope) []Scope {
	merged := slices.Clone(base)
	for _, scope := range more {
		if !slices.ContainsFunc(base, func(s Scope) bool { return s.Value == scope.Value }) {
			merged = append(merged, scope)
		}
	}
	return merged
}

func (p *planner) connection(e Entry[Connection]) {
	before := p.next.ConnectionByName(e.Value.Name)
	after := draft(p, e, before, p.next.Connections[e.Value.ID], &Connection{Strategy: e.Value.Strategy}, "connection")
	overlayConnection(decoder{p.report}, e.node, after)
	if before != nil {
		after.ID = before.ID
		if after.Strategy != before.Strategy || (e.Value.Strategy != "" && e.Value.Strategy != before.Strategy) {
			p.report(e.node.find("strategy"), "strategy", "is %s and can't be changed", before.Strategy)
			after.Strategy = before.Strategy
		}
	}
	if f := e.node.field("enabled_clients"); f != nil {
		after.EnabledClients = p.enabledClients(f.value, after.EnabledClients)
	}
	CompleteConnection(after)
	p.check(e.node, CheckConnection(after, p.opts.Strategies))
	p.next.Connections[after.ID] = after
	p.changed("connection", after.Name, orNil(before), after)
}

func (p *planner) enabledClients(n *node, called []string) []string {
	enabled := make([]string, 0, len(called))
	for i, name := range called {
		path := indexPath("enabled_clients", i)
		id := p.clientID(n.find(indexPath("", i)), path, name)
		if id != "" && !slices.Contains(enabled, id) {
			enabled = append(enabled, id)
		}
	}
	return enabled
}

func (p *planner) grant(e Entry[ClientGrant]) {
	clientID := p.clientID(e.node.find("client_id"), "client_id", e.Value.ClientID)
	api := p.next.ResourceServer(e.Value.Audience)
	if api == nil {
		p.report(e.node.find("audience"), "audience", "there is no API with the identifier %q", e.Value.Audience)
	}
	if clientID == "" || api == nil {
		return
	}
	var before *ClientGrant
	for _, g := range p.next.ClientGrants {
		if g.ClientID == clientID && g.Audience == e.Value.Audience {
			before = g
		}
	}
	after := draft(p, e, before, p.next.ClientGrants[e.Value.ID], &ClientGrant{}, "grant")
	overlayGrant(decoder{p.report}, e.node, after)
	after.ClientID = clientID
	switch {
	case before != nil:
		after.ID = before.ID
	case after.ID == "":
		after.ID = ids.Prefixed("cgr")
	}
	if after.Scope == nil {
		after.Scope = []string{}
	}
	p.check(e.node, CheckClientGrant(after))
	p.scopesOf(api, e.node, after.Scope)
	p.next.ClientGrants[after.ID] = after
	p.changed("client grant", p.next.Clients[clientID].Name+" → "+after.Audience, orNil(before), after)
}

// scopesOf reports scopes that an API doesn't have. The Management API is let off: exports name scopes of products that
// this one doesn't have, which allow nothing.
func (p *planner) scopesOf(api *ResourceServer, n *node, scopes []string) {
	if api.IsSystem {
		return
	}
	for i, scope := range scopes {
		if !slices.ContainsFunc(api.Scopes, func(s Scope) bool { return s.Value == scope }) {
			path := indexPath("scope", i)
			p.report(n.find(path), path, "the API %s has no scope %q", api.Identifier, scope)
		}
	}
}

func (p *planner) role(e Entry[Role]) {
	before := p.next.RoleByName(e.Value.Name)
	after := draft(p, e, before, p.next.Roles[e.Value.ID], &Role{}, "role")
	overlayRole(decoder{p.report}, e.node, after)
	switch {
	case before != nil:
		after.ID = before.ID
	case after.ID == "":
		after.ID = ids.Prefixed("rol")
	}
	p.check(e.node, CheckRole(after))
	for i, permission := range after.Permissions {
		api := p.next.ResourceServer(permission.Identifier)
		if api == nil || !slices.ContainsFunc(api.Scopes, func(s Scope) bool { return s.Value == permission.Name }) {
			path := indexPath("permissions", i)
			p.report(e.node.find(path), path, "there is no scope %q of an API %q", permission.Name, permission.Identifier)
		}
	}
	p.next.Roles[after.ID] = after
	p.changed("role", after.Name, orNil(before), after)
}

// defaults checks what the settings refer to, once everything of the file is there.
func (p *planner) defaults() {
	if f := p.file.tenant.field("default_directory"); f != nil {
		if name := p.next.Settings.DefaultDirectory; name != "" && p.next.ConnectionByName(name) == nil {
			p.report(f.value.place, f.key, "there is no connection %q", name)
		}
	}
	if f := p.file.tenant.field("default_audience"); f != nil {
		if identifier := p.next.Settings.DefaultAudience; identifier != "" && p.next.ResourceServer(identifier) == nil {
			p.report(f.value.place, f.key, "there is no API with the identifier %q", identifier)
		}
	}
}

func (p *planner) users() {
	for _, u := range p.file.Users {
		if p.next.ConnectionByName(u.Connection) == nil {
			p.report(u.node.find("connection"), "connection", "there is no connection %q", u.Connection)
		}
	}
}

// orNil keeps a nil pointer from becoming an interface that isn't nil.
func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

// document returns a noun as the JSON that is stored of it, so that comparing sees what a store would.
func document(noun any) (map[string]any, error) {
	text, err := json.Marshal(noun)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc map[string]any
	err = dec.Decode(&doc)
	return doc, err
}

// changedFields lists the paths at which two documents differ, sorted. What the struct keeps in rest goes by its own name.
func changedFields(path string, before, after map[string]any) []string {
	keys := make(map[string]any, len(before)+len(after))
	maps.Copy(keys, before)
	maps.Copy(keys, after)
	var changed []string
	for _, key := range sortedKeys(keys) {
		at := key
		if path != "" {
			at = path + "." + key
		}
		if path == "" && key == "rest" {
			at = ""
		}
		old, had := before[key]
		now, has := after[key]
		oldMap, wasMap := old.(map[string]any)
		nowMap, isMap := now.(map[string]any)
		switch {
		case (wasMap || !had) && (isMap || !has) && (wasMap || isMap) && (had && has || at == ""):
			changed = append(changed, changedFields(at, oldMap, nowMap)...)
		case had != has || !reflect.DeepEqual(old, now):
			changed = append(changed, at)
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

package mgmtapi

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/tenant"
)

// connectionFields are what a connection can be asked for.
func connectionFields() []string {
	return []string{
		"name", "strategy", "options", "enabled_clients", "id", "provisioning_ticket_url", "realms", "is_domain_connection",
		"display_name", "show_as_button", "metadata", "authentication", "connected_accounts",
	}
}

func connectionFieldQuery() []param {
	params := fieldQuery()
	params[0].Values = connectionFields()
	return params
}

func connectionListQuery() []param {
	return append(connectionFieldQuery(), pageParam(), perPageParam(1), totalsParam(),
		param{Name: "strategy", Many: true, Description: "Provide strategies to only retrieve connections with such strategies"},
		param{Name: "name", Description: "Provide the name of the connection to retrieve"})
}

// listConnections answers GET /connections (Auth0: Get all connections).
func (s *Surface) listConnections(c *call) error {
	strategies := c.query.values["strategy"]
	found := slices.DeleteFunc(sortedConnections(c.config), func(conn *tenant.Connection) bool {
		return c.query.has("name") && conn.Name != c.query.text("name") ||
			len(strategies) > 0 && !slices.Contains(strategies, conn.Strategy)
	})
	total := len(found)
	limit := c.query.number("per_page", defaultPerPage)
	start := c.query.number("page", 0) * limit
	found = found[min(start, total):min(start+limit, total)]
	list := make([]map[string]any, len(found))
	for i, conn := range found {
		list[i] = c.filter(renderConnection(conn))
	}
	if !c.query.truth("include_totals", false) {
		return c.answer(http.StatusOK, list)
	}
	return c.answer(http.StatusOK, map[string]any{"start": start, "limit": limit, "total": total, "connections": list})
}

func sortedConnections(config *tenant.Config) []*tenant.Connection {
	return slices.SortedFunc(maps.Values(config.Connections), func(a, b *tenant.Connection) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// getConnection answers GET /connections/{id} (Auth0: Get a connection).
func (s *Surface) getConnection(c *call) error {
	conn := c.config.Connections[c.ids["id"]]
	if conn == nil {
		return noConnection()
	}
	return c.answer(http.StatusOK, c.filter(renderConnection(conn)))
}

// renderConnection shows a connection with the secrets in its options, as Auth0 does to whoever may read connections.
func renderConnection(conn *tenant.Connection) map[string]any {
	shown := maps.Clone(conn.Rest)
	if shown == nil {
		shown = map[string]any{}
	}
	if shown["connected_accounts"] == nil {
		shown["connected_accounts"] = map[string]any{"active": false}
	}
	maps.Copy(shown, map[string]any{
		"id": conn.ID, "name": conn.Name, "strategy": conn.Strategy, "options": notNil(conn.Options),
		"is_domain_connection": conn.IsDomainConnection, "enabled_clients": listOf(conn.EnabledClients),
		"realms": listOf(conn.Realms), "authentication": map[string]any{"active": !conn.Disabled},
	})
	if conn.DisplayName != "" {
		shown["display_name"] = conn.DisplayName
	}
	if conn.ShowAsButton != nil {
		shown["show_as_button"] = *conn.ShowAsButton
	}
	if conn.Metadata != nil {
		shown["metadata"] = conn.Metadata
	}
	return shown
}

func notNil(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func listOf(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

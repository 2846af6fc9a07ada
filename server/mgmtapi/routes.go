package mgmtapi

import "net/http"

// route is one endpoint.
type route struct {
	Method  string
	Pattern string // below /api/v2
	// Scopes: any of them opens the route. What each allows there is the handler's business.
	Scopes  []string
	Query   []param
	Handler func(*Surface, *call) error
	// Description is what the tenant log calls it.
	Description string
	// CompatRow is the endpoint's feature in docs/compat.tsv.
	CompatRow string
}

// routes is the table of all endpoints (Auth0: Management API v2).
func routes() []route {
	return []route{
		{
			http.MethodGet, "/users",
			[]string{"read:users", "read:user_idp_tokens"},
			userListQuery(), (*Surface).listUsers,
			"List or Search Users", "GET /api/v2/users",
		},
		{
			http.MethodPost, "/users",
			[]string{"create:users"},
			nil, (*Surface).createUser,
			"Create a User", "POST /api/v2/users",
		},
		{
			http.MethodGet, "/users/{id}",
			[]string{"read:users", "read:current_user", "read:user_idp_tokens"},
			fieldQuery(),
			(*Surface).getUser, "Get a User", "GET /api/v2/users/{id}",
		},
		{
			http.MethodPatch, "/users/{id}",
			[]string{"update:users", "update:users_app_metadata", "update:current_user_metadata"},
			nil, (*Surface).updateUser, "Update a User", "PATCH /api/v2/users/{id}",
		},
		{
			http.MethodDelete, "/users/{id}",
			[]string{"delete:users", "delete:current_user"},
			nil, (*Surface).deleteUser,
			"Delete a User", "DELETE /api/v2/users/{id}",
		},
		{
			http.MethodPost, "/users/{id}/identities",
			[]string{"update:users", "update:current_user_identities"},
			nil,
			(*Surface).linkIdentity, "Link a User Account", "POST /api/v2/users/{id}/identities",
		},
		{
			http.MethodDelete, "/users/{id}/identities/{provider}/{user_id}",
			[]string{"update:users", "update:current_user_identities"},
			nil, (*Surface).unlinkIdentity,
			"Unlink a User Identity", "DELETE /api/v2/users/{id}/identities/{provider}/{user_id}",
		},
		{
			http.MethodGet, "/users-by-email",
			[]string{"read:users"},
			byEmailQuery(), (*Surface).listUsersByEmail,
			"Search Users by Email", "GET /api/v2/users-by-email",
		},
		{
			http.MethodGet, "/connections",
			[]string{"read:connections"},
			connectionListQuery(), (*Surface).listConnections,
			"Get all connections", "GET /api/v2/connections",
		},
		{
			http.MethodGet, "/connections/{id}",
			[]string{"read:connections"},
			connectionFieldQuery(), (*Surface).getConnection,
			"Get a connection", "GET /api/v2/connections/{id}",
		},
		{
			http.MethodPatch, "/connections/{id}",
			[]string{"update:connections"},
			nil, (*Surface).updateConnection,
			"Update a connection", "PATCH /api/v2/connections/{id}",
		},
	}
}

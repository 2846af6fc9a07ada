package mgmtapi

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/profilestore"
)

const (
	defaultPerPage = 50
	// maxRecords is how far a search can be paged (Auth0: View Search Results by Page).
	maxRecords = 1000
)

var sortPattern = regexp.MustCompile(`^[a-z_.]+:(1|-1)$`)

func userListQuery() []param {
	return append(fieldQuery(), pageParam(), perPageParam(0), totalsParam(),
		param{
			Name: "sort", Pattern: sortPattern, Rule: "Must be field:1 or field:-1",
			Description: "Field to sort by. Use field:order where order is 1 for ascending and -1 for descending. e.g. created_at:1",
		},
		param{Name: "connection", Description: "Connection filter."},
		param{Name: "q", Description: "Query in Lucene query string syntax."},
		param{Name: "search_engine", Values: []string{"v1", "v2", "v3"}, Description: "The version of the search engine"},
		param{Name: "primary_order", Type: boolParam, Description: "If true (default), results are returned in a deterministic order."})
}

func byEmailQuery() []param {
	return append(fieldQuery(), param{Name: "email", Required: true, Description: "Email address to search for (case-sensitive)."})
}

// listUsers answers GET /users (Auth0: List or Search Users).
func (s *Surface) listUsers(c *call) error {
	q, err := c.userQuery()
	if err != nil {
		return err
	}
	page, err := s.Users.Search(c.r.Context(), q)
	if err != nil {
		return err
	}
	users := c.renderUsers(page.Users)
	if !q.Total {
		return c.answer(http.StatusOK, users)
	}
	return c.answer(http.StatusOK, map[string]any{
		"start": q.Offset, "limit": c.query.number("per_page", defaultPerPage), "length": len(users), "users": users, "total": page.Total,
	})
}

// userQuery reads the search. It stops at the 1000th record, within a page too.
func (c *call) userQuery() (profilestore.Query, error) {
	var q profilestore.Query
	switch engine := c.query.text("search_engine"); {
	case engine == "v1" && c.query.has("q"):
		return q, badRequest("The 'q' parameter is available only if you specify 'search_engine=v2|v3'.", codeInvalidQuery)
	case engine == "v1":
		return q, badRequest("You are not allowed to use search_engine=v1.", codeInvalidQuery)
	}
	terms, err := parseSearch(c.query.text("q"))
	if err != nil {
		return q, badParameter("q", "", err.Error())
	}
	limit := c.query.number("per_page", defaultPerPage)
	offset := c.query.number("page", 0) * limit
	if offset >= maxRecords {
		return q, badRequest("You can only page through the first 1000 records. "+
			"See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation", "invalid_paging")
	}
	q = profilestore.Query{
		Terms: terms, Connection: c.query.text("connection"), Offset: offset, Limit: min(limit, maxRecords-offset),
		Total: c.query.truth("include_totals", false),
	}
	field, order, sorted := strings.Cut(c.query.text("sort"), ":")
	if sorted {
		if !slices.Contains(sortFields(), field) {
			return q, badParameter("sort", "", "Users can't be sorted by "+field)
		}
		q.Sort, q.Descending = field, order == "-1"
	}
	return q, nil
}

func sortFields() []string { return append(searchFields(), "created_at", "updated_at", "last_login") }

// listUsersByEmail answers GET /users-by-email (Auth0: Search Users by Email): whoever has the address as it is given, and
// whoever has it in lower case, which is how all but identity providers' addresses are kept.
func (s *Surface) listUsersByEmail(c *call) error {
	email := c.query.text("email")
	users, err := s.Users.ByEmail(c.r.Context(), email)
	if err != nil {
		return err
	}
	if lower := strings.ToLower(email); lower != email {
		more, err := s.Users.ByEmail(c.r.Context(), lower)
		if err != nil {
			return err
		}
		users = append(users, more...)
	}
	return c.answer(http.StatusOK, c.renderUsers(users))
}

// getUser answers GET /users/{id} (Auth0: Get a User).
func (s *Surface) getUser(c *call) error {
	user, err := s.Users.Get(c.r.Context(), c.ids["id"])
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, c.filter(profilestore.Render(user)))
}

func (c *call) renderUsers(users []*profilestore.User) []map[string]any {
	list := make([]map[string]any, len(users))
	for i, user := range users {
		list[i] = c.filter(profilestore.Render(user))
	}
	return list
}

// filter keeps the fields that the query asks for.
func (c *call) filter(object map[string]any) map[string]any {
	return profilestore.Fields(object, c.query.list("fields"), c.query.truth("include_fields", true))
}

// createUser answers POST /users (Auth0: Create a User).
func (s *Surface) createUser(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if err := profilestore.CheckNew(body); err != nil {
		return err
	}
	name, _ := body["connection"].(string)
	conn := c.config.ConnectionByName(name)
	switch {
	case conn == nil:
		return badRequest("Connection does not exist.", codeInvalidBody)
	case conn.Disabled || len(conn.EnabledClients) == 0:
		return badRequest("Connection is disabled.", codeInvalidBody)
	}
	user, err := s.Login.CreateUser(c.r.Context(), conn, body, "", profilestore.SourceAdmin)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, profilestore.Render(user))
}

// deleteUser answers DELETE /users/{id} (Auth0: Delete a User). A user who is gone is as good as deleted; whatever they
// still held ends all the same, so that a call that broke off can be repeated.
func (s *Surface) deleteUser(c *call) error {
	ctx, id := c.r.Context(), c.ids["id"]
	err := s.Users.Write(ctx, func(tx profilestore.Tx) error {
		_, err := tx.Get(ctx, id)
		if err != nil {
			return err
		}
		return tx.Delete(ctx, id)
	})
	if err != nil && !errors.Is(err, profilestore.ErrNotFound) {
		return err
	}
	if err == nil {
		c.deletedUser = id
	}
	if err := s.endAccess(ctx, id); err != nil {
		return err
	}
	return c.noContent()
}

// endAccess ends the user's browser sessions, refresh tokens and access tokens.
func (s *Surface) endAccess(ctx context.Context, userID string) error {
	if err := s.Sessions.DeleteOwned(ctx, userID); err != nil {
		return err
	}
	_, err := s.Grants.RevokeGrantsOf(ctx, userID, "")
	return err
}

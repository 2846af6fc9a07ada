package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/profilestore"
)

// searchFields says how each field is compared and sorted. The conditions have one placeholder, ?v, for the value. Columns
// that may be NULL sort as if NULL were the smallest value.
var searchFields = map[string]struct {
	where, sort string
	null        bool
}{
	"user_id":               {"u.id = ?v", "u.id", false},
	"email":                 {"u.email_lower = ?v", "u.email_lower", true},
	"email_verified":        {"u.email_verified = ?v", "u.email_verified", true},
	"username":              {"u.username = ?v", "u.username", true},
	"phone_number":          {"u.phone_number = ?v", "u.phone_number", true},
	"name":                  {"u.name_lower = ?v", "u.name_lower", true},
	"nickname":              {"u.nickname_lower = ?v", "u.nickname_lower", true},
	"given_name":            {"u.given_name_lower = ?v", "u.given_name_lower", true},
	"family_name":           {"u.family_name_lower = ?v", "u.family_name_lower", true},
	"blocked":               {"u.blocked = ?v", "u.blocked", true},
	"last_ip":               {"u.last_ip = ?v", "u.last_ip", true},
	"logins_count":          {"u.logins_count = ?v", "u.logins_count", false},
	"created_at":            {"", "u.created_at", false},
	"updated_at":            {"", "u.updated_at", false},
	"last_login":            {"", "u.last_login", false},
	"identities.connection": {identityWhere("connection || ''"), "u.first_connection", true},
	"identities.provider":   {identityWhere("provider"), "u.first_provider", true},
	"identities.user_id":    {identityWhere("subject"), "u.first_subject", true},
}

// identityWhere compares a column, or the expression that its index is on.
func identityWhere(name string) string {
	return "u.id IN (SELECT i.user_id FROM user_identities AS i WHERE i.tenant = ?t AND i." + name + " = ?v)"
}

// metadataWhere finds a scalar, or an array with such an element (see searchable).
const metadataWhere = "(u.metadata @> ?v::jsonb OR u.metadata @> ?a::jsonb)"

// ignoresCase lists the fields that are compared in lower case (profilestore.Term).
var ignoresCase = map[string]bool{"email": true, "name": true, "given_name": true, "family_name": true, "nickname": true}

// condition is a WHERE clause under construction. Only texts of this file get into sql, values only into args.
type condition struct {
	sql  []string
	args []any
}

// add appends a condition whose marks ?t, ?v and ?a become numbered parameters.
func (c *condition) add(text string, values map[string]any) {
	for mark, value := range values {
		if strings.Contains(text, mark) {
			c.args = append(c.args, value)
			text = strings.ReplaceAll(text, mark, "$"+strconv.Itoa(len(c.args)))
		}
	}
	c.sql = append(c.sql, text)
}

// Search counts and reads in two statements, so a total may differ from its page by what was written between them.
func (us users) Search(ctx context.Context, q profilestore.Query) (page profilestore.Page, err error) {
	where, err := us.where(q)
	if err != nil {
		return page, err
	}
	order, err := orderBy(q)
	if err != nil {
		return page, err
	}
	from := " FROM users AS u WHERE " + strings.Join(where.sql, " AND ")
	// The text is made for one search: it is prepared, but not kept in place of statements that are needed again.
	args := append([]any{pgx.QueryExecModeDescribeExec}, where.args...)
	err = us.db.read(ctx, func(s *session) error {
		page = profilestore.Page{}
		if q.Total {
			if err := s.one(ctx, "SELECT count(*)"+from, args, &page.Total); err != nil {
				return err
			}
		}
		if q.Limit <= 0 {
			return nil
		}
		limit := fmt.Sprintf(" LIMIT %d OFFSET %d", q.Limit, max(0, q.Offset))
		return s.each(ctx, "SELECT u.doc"+from+order+limit, args, appendUser(&page.Users))
	})
	if err != nil {
		return profilestore.Page{}, err
	}
	return page, nil
}

func (us users) where(q profilestore.Query) (*condition, error) {
	c := &condition{}
	c.add("u.tenant = ?t", map[string]any{"?t": us.key})
	if q.Connection != "" {
		c.add(identityWhere("connection || ''"), map[string]any{"?t": us.key, "?v": column(q.Connection)})
	}
	for _, term := range q.Terms {
		if err := us.addTerm(c, term); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (us users) addTerm(c *condition, term profilestore.Term) error {
	alone, inArray, ok, err := metadataProbes(term.Field, term.Value)
	if err != nil {
		return err
	}
	if ok {
		c.add(metadataWhere, map[string]any{"?v": alone, "?a": inArray})
		return nil
	}
	field := searchFields[term.Field]
	if field.where == "" {
		return fmt.Errorf("users can't be searched by %q", term.Field)
	}
	where, value := field.where, any(column(term.Value))
	if ignoresCase[term.Field] {
		value = column(strings.ToLower(term.Value))
	}
	if term.Field == "logins_count" {
		if n, err := strconv.ParseInt(term.Value, 10, 64); err == nil {
			value = n
		} else {
			where = "false" // nobody has logged in a number of times that is no number
		}
	}
	c.add(where, map[string]any{"?t": us.key, "?v": value})
	return nil
}

func orderBy(q profilestore.Query) (string, error) {
	name := q.Sort
	if name == "" {
		name = "created_at"
	}
	field, ok := searchFields[name]
	if !ok {
		return "", fmt.Errorf("users can't be sorted by %q", q.Sort)
	}
	direction, nulls := "", ""
	if field.null {
		nulls = " NULLS FIRST"
	}
	if q.Descending {
		direction = " DESC"
		nulls = strings.Replace(nulls, "FIRST", "LAST", 1)
	}
	return " ORDER BY " + field.sort + direction + nulls + ", u.id" + direction, nil
}

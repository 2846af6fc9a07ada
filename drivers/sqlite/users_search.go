package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/profilestore"
)

// searchFields says how each field is compared and sorted. The conditions have one placeholder, ?v, for the value.
var searchFields = map[string]struct{ where, sort string }{
	"user_id":               {"u.id = ?v", "u.id"},
	"email":                 {"u.email_lower = ?v", "u.email_lower"},
	"username":              {"u.username = ?v", "u.username"},
	"phone_number":          {"u.phone_number = ?v", "u.phone_number"},
	"name":                  {"u.name_lower = ?v", "u.name_lower"},
	"nickname":              {"u.nickname_lower = ?v", "u.nickname_lower"},
	"given_name":            {"u.given_name_lower = ?v", "u.given_name_lower"},
	"family_name":           {"u.family_name_lower = ?v", "u.family_name_lower"},
	"email_verified":        {"u.doc -> '$.root.email_verified' = ?v", "u.doc ->> '$.root.email_verified'"},
	"blocked":               {"u.doc -> '$.blocked' = ?v", "u.doc ->> '$.blocked'"},
	"last_ip":               {"u.doc ->> '$.last_ip' = ?v", "u.doc ->> '$.last_ip'"},
	"logins_count":          {"u.logins_count = ?v", "u.logins_count"},
	"created_at":            {"", "u.created_at"},
	"updated_at":            {"", "u.updated_at"},
	"last_login":            {"", "u.last_login"},
	"identities.connection": {identityWhere("connection"), "u.doc ->> '$.identities[0].connection'"},
	"identities.provider":   {identityWhere("provider"), "u.doc ->> '$.identities[0].provider'"},
	"identities.user_id":    {identityWhere("subject"), "u.doc ->> '$.identities[0].user_id'"},
}

func identityWhere(column string) string {
	return "u.id IN (SELECT i.user_id FROM user_identities AS i WHERE i.tenant = ?t AND i." + column + " = ?v)"
}

// metadataWhere finds a scalar, or an array with such an element, at the path ?p. Text compares with text; numbers and
// booleans by how they are written, so that no digit is lost.
const metadataWhere = `(u.doc -> ?p = ?v AND json_type(u.doc, ?p) <> 'text' OR json_type(u.doc, ?p) = 'text' AND u.doc ->> ?p = ?v
	OR json_type(u.doc, ?p) = 'array' AND EXISTS (SELECT 1 FROM json_each(u.doc, ?p) AS e
		WHERE CASE e.type WHEN 'text' THEN e.value = ?v ELSE e.type NOT IN ('array', 'object') AND u.doc -> e.fullkey = ?v END))`

// ignoresCase lists the fields that are compared in lower case (profilestore.Term).
var ignoresCase = map[string]bool{"email": true, "name": true, "given_name": true, "family_name": true, "nickname": true}

// condition is a WHERE clause under construction. Only texts of this file get into sql, values only into args.
type condition struct {
	sql  []string
	args []any
}

// add appends a condition whose marks ?t, ?v and ?p become numbered parameters.
func (c *condition) add(text string, values map[string]any) {
	for mark, value := range values {
		if strings.Contains(text, mark) {
			c.args = append(c.args, value)
			text = strings.ReplaceAll(text, mark, "?"+strconv.Itoa(len(c.args)))
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
	err = us.db.read(ctx, func(on statements) error {
		if q.Total {
			rows, err := on.query(ctx, "SELECT count(*)"+from, where.args)
			if err := drain(rows, err, func(rows *sql.Rows) error { return rows.Scan(&page.Total) }); err != nil {
				return err
			}
		}
		if q.Limit <= 0 {
			return nil
		}
		limit := fmt.Sprintf(" LIMIT %d OFFSET %d", q.Limit, max(0, q.Offset))
		rows, err := on.query(ctx, "SELECT u.doc"+from+order+limit, where.args)
		return drain(rows, err, appendUser(&page.Users))
	})
	if err != nil {
		return profilestore.Page{}, err
	}
	return page, nil
}

func (us users) where(q profilestore.Query) (*condition, error) {
	c := &condition{}
	c.add("u.tenant = ?t", map[string]any{"?t": us.name})
	if q.Connection != "" {
		c.add(identityWhere("connection"), map[string]any{"?t": us.name, "?v": q.Connection})
	}
	for _, term := range q.Terms {
		if err := us.addTerm(c, term); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (us users) addTerm(c *condition, term profilestore.Term) error {
	if path, ok := metadataPath(term.Field); ok {
		c.add(metadataWhere, map[string]any{"?p": path, "?v": term.Value})
		return nil
	}
	field := searchFields[term.Field]
	if field.where == "" {
		return fmt.Errorf("users can't be searched by %q", term.Field)
	}
	where, value := field.where, any(term.Value)
	if ignoresCase[term.Field] {
		value = strings.ToLower(term.Value)
	}
	if term.Field == "logins_count" {
		if n, err := strconv.ParseInt(term.Value, 10, 64); err == nil {
			value = n
		} else {
			where = "false" // nobody has logged in a number of times that is no number
		}
	}
	c.add(where, map[string]any{"?t": us.name, "?v": value})
	return nil
}

// metadataPath turns "app_metadata.a.b" into SQLite's path with every component quoted as JSON text, which is how SQLite
// compares keys.
func metadataPath(field string) (string, bool) {
	parts := strings.Split(field, ".")
	if len(parts) < 2 || parts[0] != "app_metadata" && parts[0] != "user_metadata" {
		return "", false
	}
	var path strings.Builder
	path.WriteString("$")
	for _, part := range parts {
		quoted, err := json.Marshal(part)
		if err != nil {
			return "", false
		}
		path.WriteString(".")
		path.Write(quoted)
	}
	return path.String(), true
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
	direction := ""
	if q.Descending {
		direction = " DESC"
	}
	return " ORDER BY " + field.sort + direction + ", u.id" + direction, nil
}

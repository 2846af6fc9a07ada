package tenant

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Values of the option set_user_root_attributes (Auth0: Configure Identity Provider Connection for User Profile Updates).
const (
	SyncOnEachLogin  = "on_each_login"
	SyncOnFirstLogin = "on_first_login"
	SyncNever        = "never_on_login"
)

// String returns the text of an option, "" where it is missing or something else. A number is given as it was written.
func (c *Connection) String(key string) string {
	switch v := c.Options[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Bool returns a switch, def where it is missing or neither a boolean nor the text "true" or "false".
func (c *Connection) Bool(key string, def bool) bool {
	switch v := c.Options[key].(type) {
	case bool:
		return v
	case string:
		if v == "true" || v == "false" {
			return v == "true"
		}
	}
	return def
}

// Strings returns a list of texts. Auth0 takes some lists, scopes above all, as one text as well, separated by blanks or
// commas. Members that are no text are left out.
func (c *Connection) Strings(key string) []string {
	switch v := c.Options[key].(type) {
	case string:
		return strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
	case []string:
		return v
	case []any:
		list := make([]string, 0, len(v))
		for _, member := range v {
			if text, ok := member.(string); ok {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}

// Int returns a whole number, def where it is missing, fractional or too large.
func (c *Connection) Int(key string, def int) int {
	text := c.String(key)
	n, err := strconv.Atoi(text)
	if err != nil {
		return def
	}
	return n
}

// Map returns a nested object or nil. It is shared with all readers of the Config: don't write to it.
func (c *Connection) Map(key string) map[string]any {
	m, _ := c.Options[key].(map[string]any)
	return m
}

// SyncMode tells when a login through the connection may write root attributes: one of SyncOnEachLogin (the default),
// SyncOnFirstLogin and SyncNever.
func (c *Connection) SyncMode() string {
	switch mode := c.String("set_user_root_attributes"); mode {
	case SyncOnFirstLogin, SyncNever:
		return mode
	}
	return SyncOnEachLogin
}

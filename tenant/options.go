package tenant

import (
	"encoding/json"
	"strings"
)

// String returns a text option, "" where it is absent or of another type.
func (c *Connection) String(key string) string {
	s, _ := c.Options[key].(string)
	return s
}

// Bool returns a switch, def where it is absent or of another type.
func (c *Connection) Bool(key string, def bool) bool {
	if b, ok := c.Options[key].(bool); ok {
		return b
	}
	return def
}

// Strings returns an option that Auth0 takes as a list or as one text separated by spaces or commas. Items that are not
// text are left out.
func (c *Connection) Strings(key string) []string {
	switch v := c.Options[key].(type) {
	case string:
		return strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' })
	case []string:
		return v
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// Int returns a whole number, def where it is absent, of another type or not whole.
func (c *Connection) Int(key string, def int) int {
	if n, ok := c.Options[key].(json.Number); ok {
		if i, err := n.Int64(); err == nil {
			return int(i)
		}
	}
	return def
}

// Map returns an object, nil where it is absent or of another type. It must not be changed.
func (c *Connection) Map(key string) map[string]any {
	m, _ := c.Options[key].(map[string]any)
	return m
}

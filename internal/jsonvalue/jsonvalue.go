// Package jsonvalue copies the values that JSON and YAML documents are read into. What one user, connection or profile
// holds is handed on to the next as a copy, so that nobody's change shows up elsewhere.
package jsonvalue

import "slices"

// Clone returns a deep copy of a value made of map[string]any, []any, []string and scalars. Everything but these
// containers is immutable and returned as it is.
func Clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return CloneMap(v)
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = Clone(e)
		}
		return c
	case []string:
		return slices.Clone(v)
	}
	return v
}

// CloneMap is Clone for an object. The copy of a nil map is nil.
func CloneMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	c := make(map[string]any, len(m))
	for name, v := range m {
		c[name] = Clone(v)
	}
	return c
}

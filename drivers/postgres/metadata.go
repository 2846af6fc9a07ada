package postgres

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/latchkey-id/latchkey/profilestore"
)

// deepest is how many objects of metadata lie within each other at most where something is still found by a search.
const deepest = 64

// searchable is the projection of a user's metadata that searches look into. Each scalar is a string: a text as itself, a
// number, a boolean or null as it is written, so that no digit is lost. Strings are columns (see column), names too. Arrays
// keep their scalars. So "is the value at this path, or an element of the array there" is containment of jsonb, which one
// index answers for all paths.
func searchable(u *profilestore.User) (string, error) {
	all := map[string]any{}
	for name, metadata := range map[string]map[string]any{"user_metadata": u.UserMetadata, "app_metadata": u.AppMetadata} {
		if metadata == nil {
			continue
		}
		projected, err := project(metadata, 0)
		if err != nil {
			return "", err
		}
		all[name] = projected
	}
	doc, err := json.Marshal(all)
	return string(doc), err
}

func project(v any, depth int) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, value := range v {
			if depth == deepest {
				break
			}
			projected, err := project(value, depth+1)
			if err != nil {
				return nil, err
			}
			object[column(name)] = projected
		}
		return object, nil
	case []any:
		array := make([]any, 0, len(v))
		for _, element := range v {
			switch element.(type) {
			case map[string]any, []any:
				continue // no search looks there
			}
			projected, err := project(element, depth)
			if err != nil {
				return nil, err
			}
			array = append(array, projected)
		}
		return array, nil
	case string:
		return column(v), nil
	case json.Number:
		return column(v.String()), nil
	case bool, nil:
		raw, err := json.Marshal(v)
		return string(raw), err
	}
	return projectOther(v, depth)
}

// projectOther is project for values that encoding/json didn't make: they are searched as they are stored.
func projectOther(v any, depth int) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil, err
	}
	return project(plain, depth)
}

// metadataProbes are the two projections that contain the value at the path, alone and in an array; ok is false where the
// field is not metadata.
func metadataProbes(field, value string) (alone, inArray string, ok bool, err error) {
	parts := strings.Split(field, ".")
	if len(parts) < 2 || parts[0] != "app_metadata" && parts[0] != "user_metadata" {
		return "", "", false, nil
	}
	if alone, err = probe(parts, column(value)); err != nil {
		return "", "", false, err
	}
	inArray, err = probe(parts, []string{column(value)})
	return alone, inArray, err == nil, err
}

func probe(path []string, value any) (string, error) {
	for n := len(path) - 1; n >= 0; n-- {
		value = map[string]any{column(path[n]): value}
	}
	raw, err := json.Marshal(value)
	return string(raw), err
}

package mgmtapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/normalize"
)

// closed refuses properties that a body can't have.
func closed(body map[string]any, known []string) error {
	var extra []string
	for _, key := range slices.Sorted(maps.Keys(body)) {
		if !slices.Contains(known, key) {
			extra = append(extra, key)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	return badBody("Additional properties not allowed: " + strings.Join(extra, ","))
}

// property reads one property of a known type. given is false where the body lacks it; null is of no type.
func property[T any](body map[string]any, key, want string) (value T, given bool, err error) {
	v, given := body[key]
	if !given {
		return value, false, nil
	}
	value, ok := v.(T)
	if !ok {
		return value, true, badProperty(key, "", fmt.Sprintf("Expected type %s but found type %s", want, normalize.TypeName(v)))
	}
	return value, true, nil
}

// textList reads a list of texts.
func textList(body map[string]any, key string) (list []string, given bool, err error) {
	items, given, err := property[[]any](body, key, "array")
	if !given || err != nil {
		return nil, given, err
	}
	list = make([]string, 0, len(items))
	for i, item := range items {
		text, ok := item.(string)
		at := fmt.Sprintf("%s[%d]", key, i)
		if !ok {
			return nil, true, badProperty(at, "", "Expected type string but found type "+normalize.TypeName(item))
		}
		if first := slices.Index(list, text); first >= 0 {
			return nil, true, badProperty(key, "", fmt.Sprintf("Array items are not unique (indexes %d and %d)", first, i))
		}
		list = append(list, text)
	}
	return list, true, nil
}

// texts reads an object of texts.
func texts(body map[string]any, key string) (values map[string]string, given bool, err error) {
	object, given, err := property[map[string]any](body, key, "object")
	if !given || err != nil {
		return nil, given, err
	}
	values = make(map[string]string, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text, ok := object[name].(string)
		if !ok {
			return nil, true, badProperty(key+"."+name, "", "Expected type string but found type "+normalize.TypeName(object[name]))
		}
		values[name] = text
	}
	return values, true, nil
}

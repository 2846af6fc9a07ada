package tenant

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptions(t *testing.T) {
	c := &Connection{Options: map[string]any{
		"text": "a, b c", "list": []any{"x", json.Number("1"), "y"}, "on": true, "n": json.Number("12"),
		"half": json.Number("1.5"), "object": map[string]any{"k": "v"},
	}}
	empty := &Connection{}
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"text", c.String("text"), "a, b c"},
		{"text of another type", c.String("on"), ""},
		{"switch", c.Bool("on", false), true},
		{"absent switch", c.Bool("off", true), true},
		{"list", c.Strings("list"), []string{"x", "y"}},
		{"list as one text", c.Strings("text"), []string{"a", "b", "c"}},
		{"absent list", c.Strings("off"), []string(nil)},
		{"number", c.Int("n", 1), 12},
		{"fraction", c.Int("half", 7), 7},
		{"object", c.Map("object"), map[string]any{"k": "v"}},
		{"absent object", c.Map("text"), map[string]any(nil)},
		{"no options at all", empty.String("text"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

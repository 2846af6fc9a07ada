package jsonvalue_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
)

func document() map[string]any {
	return map[string]any{
		"number": json.Number("1.10"), "text": "t", "truth": true, "nothing": nil, "empty": map[string]any{},
		"list":  []any{map[string]any{"a": "b"}, []any{"c"}},
		"names": []string{"x", "y"},
	}
}

func TestACopyIsEqualAndSharesNothing(t *testing.T) {
	original := document()
	c := jsonvalue.CloneMap(original)
	if diff := cmp.Diff(document(), c); diff != "" {
		t.Fatal(diff)
	}
	c["list"].([]any)[0].(map[string]any)["a"] = "changed"
	c["list"].([]any)[1].([]any)[0] = "changed"
	c["names"].([]string)[0] = "changed"
	c["empty"].(map[string]any)["new"] = "changed"
	delete(c, "text")
	if diff := cmp.Diff(document(), original); diff != "" {
		t.Errorf("a change of the copy shows in the original: %s", diff)
	}
}

func TestNothingStaysNothing(t *testing.T) {
	if c := jsonvalue.CloneMap(nil); c != nil {
		t.Errorf("got %v", c)
	}
	if c := jsonvalue.Clone(nil); c != nil {
		t.Errorf("got %v", c)
	}
	if c := jsonvalue.Clone([]any{}); cmp.Diff(any([]any{}), c) != "" {
		t.Errorf("got %#v", c)
	}
}

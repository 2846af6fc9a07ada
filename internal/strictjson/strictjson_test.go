package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/strictjson"
)

func TestDecode(t *testing.T) {
	got, err := strictjson.Decode(strings.NewReader(
		" {\"id\": 12345678901234567890, \"f\": 1.10, \"Sub\": \"a\", \"sub\": \"b\", \"l\": [true, null, {}, []]}\n"), 200, 4)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": json.Number("12345678901234567890"), "f": json.Number("1.10"), "Sub": "a", "sub": "b",
		"l": []any{true, nil, map[string]any{}, []any{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "line 1, column 1: unexpected end"},
		{"an unfinished object", "{\n \"a\": 1", "line 2, column 8: unexpected end"},
		{"a name twice", "{\"sub\":1,\n\"sub\":2}", `line 2, column 6: the name "sub" occurs twice`},
		{"a name twice, once escaped", `{"sub":1,"\u0073ub":2}`, `the name "sub" occurs twice`},
		{"a name twice, deeper", `{"a":[{"sub":1,"sub":2}]}`, `the name "sub" occurs twice`},
		{"a long name twice", `{"` + strings.Repeat("n", 99) + `":1,"` + strings.Repeat("n", 99) + `":2}`, "nnn…"},
		{"a name that is not text", `{1:2}`, "line 1, column 2"},
		{"a second document", `{} {}`, "after top-level value"},
		{"a closing brace too many", `{}}`, "after top-level value"},
		{"half a document behind", `{} {"a`, "after top-level value"},
		{"a trailing comma", `[1,]`, "line 1, column 4"},
		{"a missing comma", `[1 2]`, "line 1, column 4"},
		{"the wrong bracket", `[1}`, "line 1, column 3"},
		{"a bad literal", `{"a":tru}`, "line 1, column 9"},
		{"a number with a leading zero", `[01]`, "line 1, column 3"},
		{"not a number", `NaN`, "line 1, column 1"},
		{"a raw control character", "\"a\x01\"", "line 1, column 3"},
		{"bytes that are not UTF-8", "{\"a\xff\":1}", "line 1, column 4: not UTF-8"},
		{"bytes that are not UTF-8 outside of text", "\xff", "line 1, column 1: not UTF-8"},
		{"too deep", `[[[[[1]]]]]`, "more than 4 nested"},
		{"very deep and without an end", strings.Repeat(`{"a":`, 100_000), "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := strictjson.Decode(strings.NewReader(c.text), 1<<20, 4)
			var problem *strictjson.Error
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want an error with %q", got, err, c.want)
			}
		})
	}
}

func TestDecodeObjectWantsAnObject(t *testing.T) {
	for _, text := range []string{`[]`, `null`, `"a"`, `1`} {
		if v, err := strictjson.DecodeObject(strings.NewReader(text), 100, 4); err == nil {
			t.Errorf("%s: got %v", text, v)
		}
	}
	if _, err := strictjson.DecodeObject(strings.NewReader(`{`), 100, 4); err == nil {
		t.Error("an unfinished object is taken")
	}
	if v, err := strictjson.DecodeObject(strings.NewReader(`{"a":1}`), 100, 4); err != nil || v["a"] != json.Number("1") {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestDecodeHoldsTheCap(t *testing.T) {
	if _, err := strictjson.Decode(strings.NewReader(`"12345"`), 7, 4); err != nil {
		t.Errorf("7 bytes of 7: %v", err)
	}
	if _, err := strictjson.Decode(strings.NewReader(`"123456"`), 7, 4); !errors.Is(err, strictjson.ErrTooLarge) {
		t.Errorf("8 bytes of 7: %v", err)
	}
}

func TestDecodeReturnsTheReadersError(t *testing.T) {
	broken := errors.New("connection reset")
	if _, err := strictjson.Decode(iotest.ErrReader(broken), 7, 4); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode holds Decode to encoding/json: what it takes, that takes, with the same meaning.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x",null,true]}`, `{"a":1,"a":2}`, `[[[]]]`, `"\ud800"`, `{} x`, `[1,]`, `[1e400]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := strictjson.Decode(strings.NewReader(text), 1<<16, 32)
		if err != nil {
			return
		}
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("taken, but encoding/json says %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if !json.Valid([]byte(text)) {
			t.Fatal("taken, but not valid JSON")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := `{"iss":"https://login.example.test/","sub":"google-oauth2|103547991597142817347","aud":["https://api.example.test",` +
		`"https://login.example.test/userinfo"],"iat":1767225600,"exp":1767312000,"azp":"mYcLiEnTiDmYcLiEnTiDmYcLiEnTiD12",` +
		`"scope":"openid profile email offline_access","https://example.test/roles":["admin","editor"]}`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := strictjson.Decode(strings.NewReader(text), 1<<16, 16); err != nil {
			b.Fatal(err)
		}
	}
}

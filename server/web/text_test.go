package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestJSONTakesCharactersOnly(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"a":"x"}`:                           true,
		`{"a":"\\ud83d\\ude00"}`:              true, // an escaped backslash each, then plain text
		`{"a":"\ud83d\ude00"}`:                true,
		`{"a":"\uD83D\uDE00 \u00e9"}`:         true,
		`{"a":"\ud83d"}`:                      false,
		`{"a":"\ude00\ud83d"}`:                false,
		`{"a":"\ud83d\ud83d\ude00"}`:          false,
		`{"a":"\ud83d\n"}`:                    false,
		`{"a":"\ud83dx"}`:                     false,
		`{"\ud83d":1}`:                        false,
		`{"a":"x\u0000"}`:                     false,
		`{"a\u0000":1}`:                       false,
		`{"a":[{"b":["\u0000"]}]}`:            false,
		`{"a":"\\u0000"}`:                     true,
		`{"a":"\\\ud83d\ude00"}`:              true,
		`{"a":"` + "\u00e9 \U0001F600" + `"}`: true,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		_, err := JSON(r)
		if (err == nil) != ok {
			t.Errorf("%s: %v, want it accepted: %v", body, err, ok)
		}
	}
}

func FuzzLoneSurrogates(f *testing.F) {
	f.Add([]byte(`{"a":"\ud83d\ude00"}`))
	f.Add([]byte(`\u`))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		// Whatever the text, reading it ends within the text.
		hasLoneSurrogate(raw)
	})
}

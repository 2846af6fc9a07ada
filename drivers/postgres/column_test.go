package postgres

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever strings come, columns can hold them and keep them apart.
func FuzzColumn(f *testing.F) {
	long := strings.Repeat("é", longest)
	for _, seed := range [][2]string{
		{"a", "b"},
		{"\x00", "\x01" + "0"},
		{"\x01", "\x01" + "1"},
		{"\xff", "\x01ff"},
		{"\xff", "\ufffd"},
		{long, long + "x"},
		{long, column(long)},
		{long + "\x00", long + "\x010"},
		{strings.Repeat("\x00", longest), strings.Repeat("\x010", longest)},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := column(a), column(b)
		for _, s := range []string{x, y} {
			if len(s) > longest || !utf8.ValidString(s) || strings.Contains(s, "\x00") {
				t.Errorf("%q can't be stored or indexed", s)
			}
		}
		if (x == y) != (a == b) {
			t.Errorf("%q and %q become %q and %q", a, b, x, y)
		}
	})
}

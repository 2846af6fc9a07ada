package sqlite_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/profilestore"
)

// FuzzMetadataSearch stores a value at a path and looks for it there: no key may break the query or hide the value.
func FuzzMetadataSearch(f *testing.F) {
	for _, seed := range [][2]string{
		{"a", "b"}, {"a.b.c", "1"}, {`q"q`, `"`}, {`b\`, `\`}, {`\"`, "'"}, {"$[0]", "*"}, {"..", ""}, {"é\x00", "\x00"}, {"u0041", "<"},
	} {
		f.Add(seed[0], seed[1])
	}
	store := open(f, sqlite.InMemory, time.Now).Tenant("a").Users()
	f.Fuzz(func(t *testing.T, path, value string) {
		if !utf8.ValidString(path) || !utf8.ValidString(value) || strings.Count(path, ".") > 20 {
			t.Skip("JSON holds UTF-8 only")
		}
		keys := strings.Split(path, ".")
		var nested any = value
		for i := len(keys) - 1; i >= 0; i-- {
			nested = map[string]any{keys[i]: nested}
		}
		u := &profilestore.User{ID: "auth0|1", AppMetadata: nested.(map[string]any)}
		if err := store.Write(t.Context(), func(tx profilestore.Tx) error { return tx.Put(t.Context(), u) }); err != nil {
			t.Fatal(err)
		}
		page, err := store.Search(t.Context(), profilestore.Query{
			Terms: []profilestore.Term{{Field: "app_metadata." + path, Value: value}}, Limit: 1,
		})
		if err != nil || len(page.Users) != 1 {
			t.Errorf("%q = %q: found %d, %v", path, value, len(page.Users), err)
		}
	})
}

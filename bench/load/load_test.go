package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
)

// load compares what it stored with what it should have stored, so that it ends without an error says it all.
func TestPeopleAreStoredAsTheDriverStoresThem(t *testing.T) {
	name, path := configuration(t)
	for _, o := range []options{{config: name, users: 1000}, {config: name, users: 10, from: 1000}} {
		if err := load(t.Context(), o); err != nil {
			t.Fatalf("%d people from %d: %v", o.users, o.from, err)
		}
	}
	c, err := sqliteCopier(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for table, want := range map[string]int{"users": 1010, "user_identities": 1010 + 101, "user_logins": 303} {
		var n int
		if err := c.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != want {
			t.Errorf("%s has %d rows (%v), want %d", table, n, err, want)
		}
	}
}

func TestNumbersThatMakeNoWholeBlocksAreRefused(t *testing.T) {
	for _, o := range []options{{users: 0}, {users: 15}, {users: 10, from: 5}, {users: 10, from: -10}, {users: mostPeople, from: 10}} {
		if err := load(t.Context(), o); err == nil {
			t.Errorf("%d people from %d: no error", o.users, o.from)
		}
	}
}

// configuration makes an empty database.
func configuration(t *testing.T) (name, path string) {
	t.Helper()
	dir := t.TempDir()
	name, path = filepath.Join(dir, "latchkey.yml"), filepath.Join(dir, "latchkey.db")
	text := "issuer: http://127.0.0.1:9300/\ndatabase: sqlite:" + path + "\nencryption_key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Ring: ring, Now: time.Now, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return name, path
}

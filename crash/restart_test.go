package crash_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

func TestARestartKeepsWhatWasGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, name := w.app(t, "spa"), w.register("grace")
	browser := blackbox.NewBrowser(t, w.Server, callback)
	asks := url.Values{"connection": {"up"}, "login_hint": {name}}
	flow := app.Authorize(asks)
	tokens := app.Exchange(flow, browser.Open(flow.URL).Param("code"), nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	_, claims := blackbox.Claims(t, tokens.Text("id_token"))
	userID, session := claims["sub"].(string), claims["sid"]
	profile, keys := w.Userinfo(t, tokens.Text("access_token")).JSON, w.keyIDs(t)
	first := tokens
	for _, end := range []struct {
		name string
		do   func()
	}{{"kill", w.Kill}, {"stop", w.Stop}, {"kill", w.Kill}} {
		end.do()
		w.Restart()
		if diff := cmp.Diff(profile, w.Userinfo(t, first.Text("access_token")).JSON); diff != "" {
			t.Errorf("%s: the first access token's userinfo changed (-before +after):\n%s", end.name, diff)
		}
		if missing := slices.DeleteFunc(slices.Clone(keys), func(kid string) bool { return slices.Contains(w.keyIDs(t), kid) }); len(missing) > 0 {
			t.Errorf("%s: the signing keys %v are gone", end.name, missing)
		}
		w.verifies(t, first.Text("id_token"))
		w.verifies(t, tokens.Text("id_token"))
		silent := app.Authorize(url.Values{"prompt": {"none"}})
		page := browser.Open(silent.URL)
		again := app.Exchange(silent, page.Param("code"), nil)
		if again.Status != http.StatusOK {
			t.Fatalf("%s: the SSO session gave no tokens: %s\n%s", end.name, again.Error(), page.URL)
		}
		if _, now := blackbox.Claims(t, again.Text("id_token")); now["sub"] != userID || now["sid"] != session {
			t.Errorf("%s: the SSO session is now %v of %v", end.name, now["sid"], now["sub"])
		}
		used := tokens.Text("refresh_token")
		if tokens = app.Refresh(used, nil); tokens.Status != http.StatusOK {
			t.Fatalf("%s: refresh: %s", end.name, tokens.Error())
		}
		w.answersAs(t, tokens.Text("access_token"), userID)
		w.verifies(t, tokens.Text("id_token"))
	}
	w.storedOnceThroughProvider(t, name)
}

// keySet is what apps verify with.
func (w *world) keySet(t *testing.T) jose.JSONWebKeySet {
	t.Helper()
	answer := w.Do(t, http.MethodGet, "/.well-known/jwks.json", "", "", nil)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(answer.Body), &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("the key set is %d %s: %v", answer.Status, answer.Body, err)
	}
	return set
}

func (w *world) keyIDs(t *testing.T) []string {
	t.Helper()
	var ids []string
	for _, key := range w.keySet(t).Keys {
		ids = append(ids, key.KeyID)
	}
	return ids
}

// verifies checks a token's signature as an app does.
func (w *world) verifies(t *testing.T, token string) {
	t.Helper()
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	set := w.keySet(t)
	if _, err := signed.Verify(&set); err != nil {
		t.Errorf("an ID token doesn't verify: %v", err)
	}
}

// A process that is killed while it starts for the first time leaves a folder that can be started from. Each moment is a
// file that was just made, or a log of changes that has just grown to a size.
func TestAKillDuringTheFirstStartIsNoLoss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, moment := range []struct {
		file string
		size int64
	}{
		{"encryption.key", 0},
		{"encryption.key", 1},
		{"latchkey.db", 0},
		{"latchkey.db-wal", 0},
		{"latchkey.db-wal", 1},
		{"latchkey.db-wal", 10e3},
		{"latchkey.db-wal", 20e3},
		{"latchkey.db-wal", 40e3},
		{"latchkey.db-wal", 100e3},
	} {
		w.Kill()
		w.empty(t)
		w.KillWhen(func() bool {
			info, err := os.Stat(filepath.Join(w.Dir, moment.file))
			return err == nil && info.Size() >= moment.size
		})
		w.Restart()
		name := w.register("grace")
		tokens := w.logInThrough(t, w.app(t, "spa"), name)
		w.answersAs(t, tokens.Text("access_token"), w.storedOnceThroughProvider(t, name))
		w.storedOnce(t, "ada@example.com")
	}
}

// empty makes the folder of the product's state as it is before the first start.
func (w *world) empty(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(w.Dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

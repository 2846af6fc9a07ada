package nodes_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// defaultKills is enough to meet every kind of request in the middle; LATCHKEY_NODES_KILLS asks for more.
const defaultKills = 60

func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("LATCHKEY_NODES_KILLS")
	if text == "" {
		return defaultKills
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		t.Fatalf("LATCHKEY_NODES_KILLS=%q is no number of kills", text)
	}
	return n
}

// ledger counts what was acknowledged, and what became of a request whose answer a kill took.
type ledger struct{ logIns, signUps, refreshes, changes, refused, lost, repeated, ended atomic.Int64 }

func TestKillsLoseNothingAndDoubleNothing(t *testing.T) {
	p := newPair(t, setup{})
	p.admin(t)
	// On a connection that was used before it would repeat what a killed node may have done.
	p.balancer.transport.CloseIdleConnections()
	p.balancer.transport.DisableKeepAlives = true
	book, total := &ledger{}, kills(t)
	stop := make(chan struct{})
	var working sync.WaitGroup
	workers := make([]*worker, 8)
	for i := range workers {
		name := p.register(fmt.Sprintf("person-%d", i))
		workers[i] = &worker{t: t, p: p, app: p.app(t, "spa"), name: name, book: book, acknowledged: map[string]int{}}
		working.Go(func() { workers[i].run(stop) })
	}
	for range total {
		<-time.After(rand.N(100 * time.Millisecond)) // anywhere in what is going on
		node := p.nodes[rand.IntN(len(p.nodes))]
		node.Kill()
		node.Restart()
	}
	close(stop)
	working.Wait()
	want := 1 + len(workers) // with the one of the tenant file
	for _, w := range workers {
		w.settle()
		want += len(w.signedUp)
	}
	if users := p.rows(t, "SELECT id FROM users"); len(users) != want {
		t.Errorf("%d users, want %d", len(users), want)
	}
	p.sound(t)
	p.noErrors(t)
	t.Logf("%d kills; acknowledged: %d log-ins, %d sign-ups, %d refreshes, %d changes; answers lost: %d (%d repeated with success, %d ended in a new log-in); refused for the moment: %d",
		total, book.logIns.Load(), book.signUps.Load(), book.refreshes.Load(), book.changes.Load(), book.lost.Load(),
		book.repeated.Load(), book.ended.Load(), book.refused.Load())
	if book.logIns.Load() == 0 || book.signUps.Load() == 0 || book.refreshes.Load() == 0 || book.changes.Load() == 0 || book.lost.Load() == 0 {
		t.Error("not everything was tried")
	}
}

// worker is one person with an app, who does everything over and over and remembers what was acknowledged.
type worker struct {
	t    *testing.T
	p    *pair
	app  *blackbox.App
	name string
	book *ledger

	userPath     string
	acknowledged map[string]int // metadata
	changes      int
	signedUp     []string
	codes        []spent
}

// spent is a code that was exchanged for tokens.
type spent struct {
	flow blackbox.Flow
	code string
}

func (w *worker) run(stop <-chan struct{}) {
	for round := 0; ; round++ {
		select {
		case <-stop:
			return
		default:
		}
		held := w.logIn()
		w.change()
		held = w.refresh(held)
		if round%3 == 0 {
			w.signUp(fmt.Sprintf("%s-%d@example.com", w.name, round))
		}
		w.change()
		w.refresh(held)
	}
}

// unknown tells whether nobody knows what became of a request. Whatever is neither an answer nor that is an error.
func (w *worker) unknown(status int) bool {
	switch status {
	case lostStatus:
		w.book.lost.Add(1)
		return true
	case http.StatusServiceUnavailable:
		w.book.refused.Add(1)
		<-time.After(rand.N(20 * time.Millisecond)) // what Retry-After asks for, in the measure of this test
		return true
	}
	return false
}

// logIn begins anew until it has tokens. Each code gives tokens once.
func (w *worker) logIn() blackbox.Answer {
	for {
		flow := w.app.Authorize(through(w.name))
		page := w.p.browser(w.t).Open(flow.URL)
		if !page.App {
			if !w.unknown(page.Status) {
				w.t.Errorf("a log-in ends at %s with %d:\n%.500s", page.URL, page.Status, page.Body)
			}
			continue
		}
		if page.Param("code") == "" {
			w.t.Errorf("the app is told %s", page.URL)
			continue
		}
		if tokens, ok := w.exchange(flow, page.Param("code")); ok {
			w.book.logIns.Add(1)
			w.codes = append(w.codes, spent{flow, page.Param("code")})
			w.userPath = "users/" + url.PathEscape("oidc|up|"+w.name)
			return tokens
		}
		w.book.ended.Add(1)
	}
}

// exchange repeats a request whose answer was lost: the code then was not taken yet, or is worth nothing any more.
func (w *worker) exchange(flow blackbox.Flow, code string) (blackbox.Answer, bool) {
	doubt := false
	for {
		tokens := w.app.Exchange(flow, code, nil)
		switch {
		case tokens.Status == http.StatusOK:
			if doubt {
				w.book.repeated.Add(1)
			}
			return tokens, true
		case w.unknown(tokens.Status):
			doubt = true
		case doubt && tokens.Text("error") == "invalid_grant":
			return tokens, false
		default:
			w.t.Errorf("an exchange gives %s", tokens.Error())
			return tokens, false
		}
	}
}

// refresh uses the token that the last answer brought, which must be good unless an answer was lost.
func (w *worker) refresh(held blackbox.Answer) blackbox.Answer {
	doubt := false
	for {
		next := w.app.Refresh(held.Text("refresh_token"), nil)
		switch {
		case next.Status == http.StatusOK:
			if doubt {
				w.book.repeated.Add(1)
			}
			w.book.refreshes.Add(1)
			return next
		case w.unknown(next.Status):
			doubt = true
		case doubt && next.Text("error") == "invalid_grant":
			w.book.ended.Add(1)
			return w.logIn()
		default:
			w.t.Errorf("a refresh token that was acknowledged gives %s", next.Error())
			return w.logIn()
		}
	}
}

// change writes a key that nobody wrote before, until that is acknowledged.
func (w *worker) change() {
	w.changes++
	key := "key-" + strconv.Itoa(w.changes)
	for {
		answer := w.p.manage(w.t, w.p.Server, http.MethodPatch, w.userPath, fmt.Sprintf(`{"app_metadata":{%q:%d}}`, key, w.changes))
		if answer.Status == http.StatusOK {
			w.book.changes.Add(1)
			w.acknowledged[key] = w.changes
			return
		}
		if !w.unknown(answer.Status) {
			w.t.Errorf("a change gives %d %s", answer.Status, answer.Body)
			return
		}
	}
}

// signUp repeats a request whose answer was lost; that the address is taken then is an acknowledgement, too.
func (w *worker) signUp(email string) {
	doubt := false
	for {
		answer := w.p.PostJSON(w.t, "/dbconnections/signup", map[string]string{
			"client_id": "spa", "connection": "db", "email": email, "password": password,
		})
		switch {
		case answer.Status == http.StatusOK, doubt && answer.Text("code") == "user_exists":
			w.book.signUps.Add(1)
			w.signedUp = append(w.signedUp, email)
			return
		case w.unknown(answer.Status):
			doubt = true
		default:
			w.t.Errorf("a sign-up gives %d %s", answer.Status, answer.Body)
			return
		}
	}
}

// settle compares what was acknowledged with what is there, when nothing is killed any more.
func (w *worker) settle() {
	w.t.Helper()
	w.p.idOf(w.t, w.name+"@example.com")
	kept, _ := w.p.manage(w.t, w.p.Server, http.MethodGet, w.userPath, "").JSON["app_metadata"].(map[string]any)
	for key, value := range w.acknowledged {
		if got := fmt.Sprint(kept[key]); got != strconv.Itoa(value) {
			w.t.Errorf("%s: the change %s=%d was acknowledged and is %s", w.name, key, value, got)
		}
	}
	for _, email := range w.signedUp {
		w.p.idOf(w.t, email)
		grant := w.p.PostForm(w.t, "/oauth/token", url.Values{
			"grant_type": {"password"}, "client_id": {"web"}, "client_secret": {webSecret}, "username": {email}, "password": {password},
			"scope": {"openid"},
		})
		if grant.Status != http.StatusOK {
			w.t.Errorf("%s signed up and can't log in: %s", email, grant.Error())
		}
	}
	held := w.refresh(w.logIn())
	if count := w.p.rows(w.t, "SELECT logins_count::text FROM users WHERE id = $1", "oidc|up|"+w.name); len(count) == 1 {
		if n, err := strconv.Atoi(count[0]); err != nil || n < len(w.codes) {
			w.t.Errorf("%s: %s log-ins are counted, %d were acknowledged", w.name, count[0], len(w.codes))
		}
	}
	for _, one := range w.codes {
		if again := w.app.Exchange(one.flow, one.code, nil); again.Text("error") != "invalid_grant" {
			w.t.Errorf("a code is paid twice: %s", again.Error())
		}
	}
	// The replay of its code ends the last family, too.
	if again := w.app.Refresh(held.Text("refresh_token"), nil); !strings.Contains(again.Error(), "invalid_grant") {
		w.t.Errorf("a family whose code was replayed goes on: %s", again.Error())
	}
}

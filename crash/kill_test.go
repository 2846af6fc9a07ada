package crash_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// manner is what the process was doing for somebody when it was killed.
type manner string

const (
	between manner = "between" // nothing: the request was not sent yet
	written manner = "written" // the request was just sent, and nothing came back yet
	hungUp  manner = "hung up" // the request was just sent, and whoever sent it had gone
	stored  manner = "stored"  // something: the first change of the database was just made
	unread  manner = "unread"  // everything: the answer was on its way and never arrived
)

var during = []manner{written, hungUp, stored, unread}

// outcome is how somebody came out of a kill.
type outcome string

const (
	finished    outcome = "went on from where they were"
	toldByPage  outcome = "told to start again by a page, and a new log-in worked"
	toldByApp   outcome = "told through the app, and a new log-in worked"
	toldAccount outcome = "told to log in with the account, which worked"
)

// minKills is how many kills the tests are worth nothing without.
const minKills = 50

func TestAKillCostsNobodyMoreThanANewLogIn(t *testing.T) {
	runs := []struct {
		name string
		kill func(*testing.T, *world)
	}{
		{"provider", killProviderLogIn}, {"password", killPasswordLogIn}, {"sign-up", killSignUp}, {"refresh", killRefresh},
	}
	tallies := make([]tally, len(runs))
	t.Run("kills", func(t *testing.T) {
		for n, run := range runs {
			t.Run(run.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				defer func() { tallies[n] = w.tally }()
				run.kill(t, w)
			})
		}
	})
	kills, text := 0, strings.Builder{}
	for n, run := range runs {
		kills += tallies[n].kills
		fmt.Fprintf(&text, "\n%6d kills: %s", tallies[n].kills, run.name)
		for _, outcome := range slices.Sorted(maps.Keys(tallies[n].outcomes)) {
			fmt.Fprintf(&text, "\n%10d %s", tallies[n].outcomes[outcome], outcome)
		}
	}
	t.Logf("%d kills%s", kills, text.String())
	if kills < minKills {
		t.Errorf("only %d kills, want %d at least", kills, minKills)
	}
}

// interrupt kills the product while it has or had the request, and starts it again.
func (w *world) interrupt(t *testing.T, request *http.Request, how manner) {
	t.Helper()
	if how == between {
		w.crash()
		return
	}
	before := w.log(t)
	conn := w.Write(t, request)
	switch how {
	case hungUp:
		closeConn(t, conn)
	case stored:
		w.awaitChange(t, before, answered(conn))
	case unread:
		// The first byte of an answer leaves after everything was stored.
		if err := <-answered(conn); err != nil {
			t.Fatalf("%s %s was not answered: %v", request.Method, request.URL.Path, err)
		}
	}
	w.crash()
}

// answered tells when the first byte of an answer came.
func answered(conn net.Conn) <-chan error {
	came := make(chan error, 1)
	go func() {
		err := conn.SetReadDeadline(time.Now().Add(time.Minute))
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		came <- err
	}()
	return came
}

// log is the state of the file to which the database appends every change.
func (w *world) log(t *testing.T) os.FileInfo {
	t.Helper()
	info, err := os.Stat(filepath.Join(w.Dir, "latchkey.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// awaitChange waits, without leaving the processor, for a change after before, or for the answer where nothing changes.
func (w *world) awaitChange(t *testing.T, before os.FileInfo, answered <-chan error) {
	t.Helper()
	for {
		select {
		case err := <-answered:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
		if now := w.log(t); now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
			return
		}
	}
}

func closeConn(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// tokenRequest is a request to /oauth/token as an app without a secret sends it.
func (w *world) tokenRequest(t *testing.T, clientID string, form url.Values) *http.Request {
	t.Helper()
	form.Set("client_id", clientID)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.BaseURL+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}

func userIDs(t *testing.T, list string) []string {
	t.Helper()
	var users []struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal([]byte(list), &users); err != nil {
		t.Fatalf("no list of users: %v\n%s", err, list)
	}
	ids := []string{}
	for _, user := range users {
		ids = append(ids, user.UserID)
	}
	return ids
}

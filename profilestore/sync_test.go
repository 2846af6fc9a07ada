package profilestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/vectors"
	"github.com/latchkey-id/latchkey/normalize"
)

// sequence is a story of logins and edits on an empty store.
type sequence struct {
	Name        string
	Connections []vectors.Connection
	Steps       []step
}

type step struct {
	Do             string
	Connection     string
	Upstream       vectors.Upstream
	UserID         string `json:"user_id"`
	Primary        string
	Provider       string
	IdentityUserID string `json:"identity_user_id"`
	Body           map[string]any
	Set            map[string]any
	Scope          string
	SaveUserID     string `json:"save_user_id"`
	Expect         struct {
		Status         json.Number
		User, Userinfo map[string]any
		Error          any
		Body           any
		Absent         []string
		UserinfoAbsent []string `json:"userinfo_absent"`
	}
}

// world is the store and the surfaces, as small as the rules allow.
type world struct {
	connections map[string]normalize.Connection
	users       map[string]*User
	names       map[string]string
	last        *User
	now         time.Time
	serial      int
}

func TestSyncSequences(t *testing.T) {
	for _, s := range vectors.Load[sequence](t, filepath.Join("testdata", "sync.json")) {
		t.Run(s.Name, s.run)
	}
}

func (s sequence) run(t *testing.T) {
	w := &world{
		connections: map[string]normalize.Connection{}, users: map[string]*User{}, names: map[string]string{},
		now: time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	for _, c := range s.Connections {
		w.connections[c.Name] = normalize.Connection{
			ID: "con_0123456789abcdef", Name: c.Name, Strategy: c.Strategy,
			Options: c.Options,
		}
	}
	for n, st := range s.Steps {
		w.now = w.now.Add(time.Minute)
		at := fmt.Sprintf("step %d (%s)", n+1, st.Do)
		u, body, err := w.do(t, st)
		if st.SaveUserID != "" && u != nil {
			w.names["$"+st.SaveUserID] = u.ID
			_, id, _ := strings.Cut(u.ID, "|")
			w.names["$"+st.SaveUserID+".id"] = id
		}
		w.check(t, at, st, u, body, err)
	}
}

func (w *world) resolve(v string) string {
	if name, ok := w.names[v]; ok {
		return name
	}
	return v
}

// named replaces the names of saved users in an expectation.
func (w *world) named(v any) any {
	switch v := v.(type) {
	case string:
		return w.resolve(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = w.named(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, e := range v {
			m[key] = w.named(e)
		}
		return m
	}
	return v
}

var errBlocked = errors.New("user is blocked")

// do runs one step and returns the user that it is about, and the body of the answer.
func (w *world) do(t *testing.T, st step) (*User, any, error) {
	t.Helper()
	switch st.Do {
	case "login":
		u, err := w.login(t, st.Connection, normalize.Input{
			IDToken:  st.Upstream.IDTokenClaims,
			Userinfo: st.Upstream.Userinfo, Extra: st.Upstream.Extra,
		})
		return u, nil, err
	case "signup":
		w.serial++
		st.Body["_id"] = fmt.Sprintf("%024x", w.serial)
		p, err := normalize.Map(normalize.Input{
			Connection: w.connections[st.Connection],
			Extra:      map[string]any{"signup": st.Body},
		})
		if err != nil {
			t.Fatal(err)
		}
		created := New(p, MergeContext{Connection: w.rules(st.Connection), Now: w.now, Source: SourceUser})
		w.users[created.ID] = created
		u, err := w.login(t, st.Connection, normalize.Input{Extra: map[string]any{"user": map[string]any{
			"user_id": p.Subject, "email": p.Root["email"],
		}}})
		return u, nil, err
	case "get_user":
		u, ok := w.users[w.resolve(st.UserID)]
		if !ok {
			return nil, nil, ErrNotFound
		}
		return u, Render(u), nil
	case "patch_user":
		return w.patch(t, st)
	case "patch_connection_options":
		c := w.connections[st.Connection]
		c.Options = maps.Clone(c.Options)
		maps.Copy(c.Options, st.Set)
		w.connections[st.Connection] = c
		return nil, nil, nil
	case "link":
		return w.link(st)
	case "unlink":
		rest, freed, err := Unlink(w.users[st.Primary], st.Provider, st.IdentityUserID, w.now, "")
		if err != nil {
			return nil, nil, err
		}
		w.users[rest.ID], w.users[freed.ID] = rest, freed
		return rest, RenderIdentities(rest), nil
	case "userinfo":
		return w.last, nil, nil
	}
	t.Fatalf("unknown step %q", st.Do)
	return nil, nil, nil
}

func (w *world) rules(connection string) Connection { return ConnectionOf(w.connections[connection]) }

func (w *world) byIdentity(key Key) *User {
	for _, u := range w.users {
		if u.identityIndex(key) >= 0 {
			return u
		}
	}
	return nil
}

func (w *world) login(t *testing.T, connection string, in normalize.Input) (*User, error) {
	t.Helper()
	in.Connection = w.connections[connection]
	if given, ok := in.Extra["passwordless"].(map[string]any); ok {
		given["_id"] = fmt.Sprintf("%024x", 1000)
	}
	p, err := normalize.Map(in)
	if err != nil {
		t.Fatal(err)
	}
	u, err := Merge(w.byIdentity(keyOf(p)), p, MergeContext{Connection: w.rules(connection), Now: w.now, IP: "192.0.2.1"})
	if err != nil {
		return nil, err
	}
	w.users[u.ID], w.last = u, u
	if u.Blocked != nil && *u.Blocked {
		return nil, errBlocked
	}
	return u, nil
}

func (w *world) patch(t *testing.T, st step) (*User, any, error) {
	t.Helper()
	id := w.resolve(st.UserID)
	u := w.users[id]
	before := u.Clone()
	patched, err := Patch(u, st.Body, PatchContext{Primary: w.rules(u.Identities[0].Connection), Now: w.now})
	mustEqual(t, "the user given to Patch", before, u)
	if err != nil {
		return u, nil, err
	}
	w.users[id] = patched
	return patched, Render(patched), nil
}

func (w *world) link(st step) (*User, any, error) {
	primary := w.users[st.Primary]
	provider, _ := st.Body["provider"].(string)
	subject, _ := st.Body["user_id"].(string)
	subject = w.resolve(subject)
	secondary, ok := w.users[provider+"|"+subject]
	if !ok {
		for _, identity := range primary.Identities {
			if identity.Provider == provider && identity.SubjectString() == subject {
				return nil, nil, CheckLink(primary, identity.Key())
			}
		}
		return nil, nil, ErrNotFound
	}
	linked, err := Link(primary, secondary, w.now)
	if err != nil {
		return nil, nil, err
	}
	delete(w.users, secondary.ID)
	w.users[linked.ID] = linked
	return linked, RenderIdentities(linked), nil
}

// status is what a surface makes of an error.
func status(err error) string {
	var refusal *Refusal
	switch {
	case err == nil:
		return "2"
	case errors.Is(err, ErrNotFound):
		return "404"
	case errors.Is(err, ErrIdentityExists):
		return "409"
	case errors.As(err, &refusal), errors.Is(err, ErrMainIdentity):
		return "400"
	}
	return err.Error()
}

func (w *world) check(t *testing.T, at string, st step, u *User, body any, err error) {
	t.Helper()
	switch want := st.Expect.Status.String(); {
	case st.Expect.Error != nil:
		if err == nil {
			t.Fatalf("%s: no error", at)
		}
		return
	case want == "":
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
	case !strings.HasPrefix(want, status(err)):
		t.Fatalf("%s: status %s (%v), want %s", at, status(err), err, want)
	}
	if err != nil {
		wantBody, _ := st.Expect.Body.(map[string]any)
		if text := wantBody["message"]; text != nil && text != err.Error() {
			t.Errorf("%s: message\n%s\nwant\n%s", at, err, text)
		}
	} else if st.Expect.Body != nil {
		vectors.Check(t, at+": body", body, w.named(st.Expect.Body))
	}
	if u == nil {
		return
	}
	shown := Render(u)
	if st.Expect.User != nil {
		vectors.Check(t, at+": user", shown, st.Expect.User)
	}
	scope := st.Scope
	if scope == "" {
		scope = "openid profile email"
	}
	claims := normalize.StandardClaims(u.ID, u.Root, u.UpdatedAt, strings.Fields(scope))
	if st.Expect.Userinfo != nil {
		vectors.Check(t, at+": userinfo", claims, st.Expect.Userinfo)
	}
	vectors.CheckAbsent(t, at+": user", shown, st.Expect.Absent)
	vectors.CheckAbsent(t, at+": userinfo", claims, st.Expect.UserinfoAbsent)
}

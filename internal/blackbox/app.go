package blackbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// App is an application that logs people in: what an SDK would do, and everything it would not.
type App struct {
	ID, Secret  string
	RedirectURI string
	Scope       string // "" is "openid profile email offline_access"

	t      testing.TB
	server *Server
}

// NewApp returns an app of the server's tenant; secret is "" for a public client.
func NewApp(t testing.TB, s *Server, id, secret, redirectURI string) *App {
	return &App{ID: id, Secret: secret, RedirectURI: redirectURI, t: t, server: s}
}

// Flow is one log-in as the app remembers it.
type Flow struct {
	URL                    string
	State, Nonce, Verifier string
	RedirectURI            string
}

// Authorize makes an address of /authorize. Changes replace parameters; one with no values takes a parameter away, and one
// with several values repeats it.
func (a *App) Authorize(changes url.Values) Flow {
	flow := Flow{State: Random(), Nonce: Random(), Verifier: Random(), RedirectURI: a.RedirectURI}
	if len(changes["redirect_uri"]) == 1 {
		flow.RedirectURI = changes.Get("redirect_uri")
	}
	if len(changes["state"]) == 1 {
		flow.State = changes.Get("state")
	}
	scope := a.Scope
	if scope == "" {
		scope = "openid profile email offline_access"
	}
	query := url.Values{
		"client_id": {a.ID}, "response_type": {"code"}, "redirect_uri": {a.RedirectURI}, "scope": {scope},
		"state": {flow.State}, "nonce": {flow.Nonce}, "code_challenge": {Challenge(flow.Verifier)}, "code_challenge_method": {"S256"},
	}
	maps.Copy(query, changes)
	flow.URL = a.server.BaseURL + "/authorize?" + query.Encode()
	return flow
}

// Random returns 43 random characters that are fit for a verifier.
func Random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Challenge is a verifier's S256 challenge (RFC 7636 §4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Answer is what an endpoint said.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	// JSON is the body where it is a JSON object; numbers are json.Number.
	JSON map[string]any
}

// Text returns a member of the JSON body that is text.
func (a Answer) Text(name string) string {
	text, _ := a.JSON[name].(string)
	return text
}

// Error is "status error: description", to compare with.
func (a Answer) Error() string {
	return fmt.Sprintf("%d %s: %s", a.Status, a.Text("error"), a.Text("error_description"))
}

// Exchange presents a code at /oauth/token. Changes work as in Authorize.
func (a *App) Exchange(flow Flow, code string, changes url.Values) Answer {
	a.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {flow.RedirectURI}, "code_verifier": {flow.Verifier},
	}
	return a.Token(form, changes)
}

// Refresh presents a refresh token.
func (a *App) Refresh(token string, changes url.Values) Answer {
	a.t.Helper()
	return a.Token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, changes)
}

// Token sends a request to /oauth/token with the app's own credentials.
func (a *App) Token(form, changes url.Values) Answer {
	a.t.Helper()
	return a.server.PostForm(a.t, "/oauth/token", a.authenticated(form, changes))
}

// Revoke sends a refresh token to /oauth/revoke.
func (a *App) Revoke(token string, changes url.Values) Answer {
	a.t.Helper()
	return a.server.PostForm(a.t, "/oauth/revoke", a.authenticated(url.Values{"token": {token}}, changes))
}

func (a *App) authenticated(form, changes url.Values) url.Values {
	sent := url.Values{"client_id": {a.ID}}
	if a.Secret != "" {
		sent.Set("client_secret", a.Secret)
	}
	maps.Copy(sent, form)
	maps.Copy(sent, changes)
	return sent
}

// Userinfo asks who the bearer of an access token is.
func (s *Server) Userinfo(t testing.TB, accessToken string) Answer {
	t.Helper()
	return s.Do(t, http.MethodGet, "/userinfo", "", "", http.Header{"Authorization": {"Bearer " + accessToken}})
}

// PostForm posts a form to a path of the server.
func (s *Server) PostForm(t testing.TB, path string, form url.Values) Answer {
	t.Helper()
	return s.Do(t, http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode(), nil)
}

// PostJSON posts a value as JSON to a path of the server.
func (s *Server) PostJSON(t testing.TB, path string, value any) Answer {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return s.Do(t, http.MethodPost, path, "application/json", string(body), nil)
}

// Do sends any request to a path of the server, without cookies, and follows no redirect.
func (s *Server) Do(t testing.TB, method, path, contentType, body string, header http.Header) Answer {
	t.Helper()
	// Cleanups ask too, when the test's context has ended; the client's own timeout bounds the request.
	request, err := http.NewRequestWithContext(context.Background(), method, s.BaseURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := Answer{Status: response.StatusCode, Header: response.Header, Body: string(text)}
	answer.JSON = object(text)
	return answer
}

// object decodes a JSON object, nil where the text is something else.
func object(text []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil {
		return nil
	}
	return value
}

// Claims returns the header and the claims of a JWT without verifying it.
func Claims(t testing.TB, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a JWT has 3 parts, not %d", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if *into = object(text); *into == nil {
			t.Fatalf("part %d of the JWT is no object", i)
		}
	}
	return header, claims
}

// Package goclient logs in to the real binary as Go programs do: go-oidc by discovery, x/oauth2 for the tokens.
//
//	TestMain builds and starts `latchkey dev` ──► each test is an app with the standard library's HTTP client as its browser
package goclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	callback = "http://app.example/callback"
	email    = "ada@example.com"
	password = "Correct-Horse-42"
	audience = "https://things.example/"
)

// issuer is the running server's, set once by TestMain before any test runs.
var issuer string

func TestMain(m *testing.M) {
	code, err := runWithServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWithServer(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "latchkey-goclient-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "latchkey")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/latchkey").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	key, err := publicKey()
	if err != nil {
		return 1, err
	}
	var problems bytes.Buffer
	server := exec.Command(binary, "dev", "--listen", "127.0.0.1:0", "--tenant", "../tenants/apps.yaml")
	server.Env = append(os.Environ(), "APP_ORIGIN=http://app.example", "CLIENT_PEM="+key)
	server.Stderr = &problems
	out, err := server.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := server.Start(); err != nil {
		return 1, err
	}
	if issuer = announced(out); issuer == "" {
		return 1, fmt.Errorf("latchkey dev did not start: %w\n%s", server.Wait(), &problems)
	}
	defer func() {
		if stopped := errors.Join(server.Process.Signal(syscall.SIGTERM), server.Wait()); stopped != nil {
			err = fmt.Errorf("latchkey dev: %w\n%s", stopped, &problems)
		}
	}()
	if err := ready(); err != nil {
		return 1, fmt.Errorf("%w\n%s", err, &problems)
	}
	return m.Run(), nil
}

// announced reads what dev mode prints up to the issuer; "" where it ended before.
func announced(out io.Reader) string {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "Issuer" {
			return fields[1]
		}
	}
	return ""
}

// ready waits until the server answers: it announces itself just before it does.
func ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get(issuer + "readyz"); err == nil {
			if resp.Body.Close(); resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("latchkey dev is not ready within half a minute")
		case <-tick.C:
		}
	}
}

// publicKey is for the tenant's client that proves itself by one, which these tests leave alone.
func publicKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}

// discover configures an app by the issuer alone.
func discover(t *testing.T, id, secret string) (*oidc.Provider, oauth2.Config) {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	return provider, oauth2.Config{
		ClientID: id, ClientSecret: secret, RedirectURL: callback, Endpoint: provider.Endpoint(),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// logIn opens the address in a fresh browser, fills in the form that comes, and returns what the app is told.
func logIn(t *testing.T, address string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			answer = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"username": {email}, "password": {password}}
	for _, input := range hidden.FindAllStringSubmatch(string(page), -1) {
		form.Set(input[1], html.UnescapeString(input[2]))
	}
	resp, err = browser.PostForm(issuer+"u/login", form)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if answer == nil {
		t.Fatalf("the log-in ended with %s at %s", resp.Status, resp.Request.URL)
	}
	return answer.Query()
}

func TestCodeFlow(t *testing.T) {
	for name, client := range map[string]struct {
		id, secret string
		style      oauth2.AuthStyle
	}{
		"by Basic":      {"web-basic", "b+s/c %:&=?é~-longer-than-it-needs-to-be", oauth2.AuthStyleInHeader},
		"by form":       {"web-post", "p+s/t %:&=?é~-longer-than-it-needs-to-be", oauth2.AuthStyleInParams},
		"by what works": {"web-post", "p+s/t %:&=?é~-longer-than-it-needs-to-be", oauth2.AuthStyleAutoDetect},
	} {
		t.Run(name, func(t *testing.T) {
			provider, app := discover(t, client.id, client.secret)
			app.Endpoint.AuthStyle = client.style
			verifier, state, nonce := oauth2.GenerateVerifier(), rand.Text(), rand.Text()
			answer := logIn(t, app.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce)))
			if answer.Get("state") != state || answer.Get("iss") != issuer {
				t.Fatalf("answer: %v", answer)
			}
			token, err := app.Exchange(t.Context(), answer.Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			subject := checkIDToken(t, provider, client.id, token, nonce)
			checkUserinfo(t, provider, token, subject)
			refresh(t, provider, app, token, subject)
			if _, err := app.Exchange(t.Context(), answer.Get("code"), oauth2.VerifierOption(verifier)); code(err) != "invalid_grant" {
				t.Errorf("a code that was used: %v", err)
			}
		})
	}
}

func checkIDToken(t *testing.T, provider *oidc.Provider, clientID string, token *oauth2.Token, nonce string) (subject string) {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Email string `json:"email"`
	}
	if err := verified.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if claims.Email != email || verified.Nonce != nonce || !strings.HasPrefix(verified.Subject, "auth0|") {
		t.Errorf("ID token: %q, nonce %q, subject %q", claims.Email, verified.Nonce, verified.Subject)
	}
	if other, err := provider.Verifier(&oidc.Config{ClientID: "another"}).Verify(t.Context(), raw); err == nil {
		t.Errorf("an ID token for another client was taken: %v", other)
	}
	return verified.Subject
}

func checkUserinfo(t *testing.T, provider *oidc.Provider, token *oauth2.Token, subject string) {
	t.Helper()
	info, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	if info.Subject != subject || info.Email != email {
		t.Errorf("/userinfo: %q, %q", info.Subject, info.Email)
	}
}

// refresh lets x/oauth2 renew a token that has expired, as it does unasked.
func refresh(t *testing.T, provider *oidc.Provider, app oauth2.Config, token *oauth2.Token, subject string) {
	t.Helper()
	expired := *token
	expired.Expiry = time.Unix(1, 0)
	renewed, err := app.TokenSource(t.Context(), &expired).Token()
	if err != nil {
		t.Fatal(err)
	}
	if renewed.AccessToken == token.AccessToken {
		t.Error("the access token is the old one")
	}
	checkUserinfo(t, provider, renewed, subject)
}

func TestClientCredentials(t *testing.T) {
	provider, app := discover(t, "web-basic", "b+s/c %:&=?é~-longer-than-it-needs-to-be")
	machine := clientcredentials.Config{
		ClientID: app.ClientID, ClientSecret: app.ClientSecret, TokenURL: app.Endpoint.TokenURL,
		EndpointParams: url.Values{"audience": {audience}},
	}
	token, err := machine.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token.Extra("scope") != "read:things" {
		t.Errorf("scope %v", token.Extra("scope"))
	}
	// Access tokens for APIs are signed by the same keys (RFC 9068).
	verified, err := provider.Verifier(&oidc.Config{ClientID: audience}).Verify(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if verified.Subject != "web-basic@clients" {
		t.Errorf("subject %q", verified.Subject)
	}
	machine.ClientSecret = "wrong"
	if _, err := machine.Token(t.Context()); code(err) != "access_denied" { // Auth0's word for it, by 401
		t.Errorf("a wrong secret: %v", err)
	}
	machine.ClientSecret, machine.EndpointParams = app.ClientSecret, url.Values{"audience": {"https://nothing.example/"}}
	if _, err := machine.Token(t.Context()); code(err) != "access_denied" {
		t.Errorf("an unknown API: %v", err)
	}
}

// code is the OAuth error code that the server answered.
func code(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return refused.ErrorCode
	}
	return ""
}

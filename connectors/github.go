package connectors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/latchkey-id/latchkey/outbound"
	"github.com/latchkey-id/latchkey/tenant"
)

const (
	githubUser   = "https://api.github.com/user"
	githubEmails = "https://api.github.com/user/emails"
	// githubPage is GitHub's largest page; nobody has more than githubPages of them.
	githubPage, githubPages = 100, 10
)

// github logs in with GitHub (GitHub Docs: Authorizing OAuth apps; REST API: Users, Emails). GitHub knows no ID tokens: who
// the person is, is what GET /user says to the access token.
type github struct {
	app    app
	scopes []string
}

func openGitHub(conn *tenant.Connection, deps Deps) (any, error) {
	a, err := newApp(conn, deps.Outside,
		"https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token")
	if err != nil {
		return nil, err
	}
	scopes := uniqueScopes(conn.Strings("scope"), conn.Strings("freeform_scopes"))
	// Without a list the address is asked for unless the flag says no; with one, what it names is all.
	if conn.Bool("email", len(conn.Strings("scope")) == 0) {
		scopes = uniqueScopes(scopes, []string{"user:email"})
	}
	for _, flag := range githubFlags() {
		if conn.Bool(flag.option, false) {
			scopes = uniqueScopes(scopes, []string{flag.scope})
		}
	}
	return &github{app: a, scopes: scopes}, nil
}

type scopeFlag struct{ option, scope string }

// githubFlags are the connection's switches and what they ask for (GitHub Docs: Scopes for OAuth apps). The switch
// "profile" needs no scope: the public profile is always given.
func githubFlags() []scopeFlag {
	return []scopeFlag{
		{"read_user", "read:user"},
		{"follow", "user:follow"},
		{"public_repo", "public_repo"},
		{"repo", "repo"},
		{"repo_deployment", "repo_deployment"},
		{"repo_status", "repo:status"},
		{"delete_repo", "delete_repo"},
		{"notifications", "notifications"},
		{"gist", "gist"},
		{"read_repo_hook", "read:repo_hook"},
		{"write_repo_hook", "write:repo_hook"},
		{"admin_repo_hook", "admin:repo_hook"},
		{"read_org", "read:org"},
		{"write_org", "write:org"},
		{"admin_org", "admin:org"},
		{"read_public_key", "read:public_key"},
		{"write_public_key", "write:public_key"},
		{"admin_public_key", "admin:public_key"},
	}
}

func (g *github) AuthURL(_ context.Context, req AuthRequest) (string, Pending, error) {
	params := url.Values{"login": {req.LoginHint}}
	if req.Prompt == "select_account" { // the only prompt GitHub knows
		params.Set("prompt", req.Prompt)
	}
	address, pending := g.app.authCodeURL(req, g.scopes, params)
	return address, pending, nil
}

func (g *github) Finish(ctx context.Context, cb Callback) (Assertion, error) {
	if err := callbackError(cb.Params); err != nil {
		return Assertion{}, err
	}
	token, err := g.app.exchange(ctx, cb)
	if err != nil {
		return Assertion{}, err
	}
	user, err := g.get(ctx, githubUser, token.AccessToken)
	if err != nil {
		return Assertion{}, refuse(err)
	}
	emails, err := g.emails(ctx, token.AccessToken)
	if err != nil {
		return Assertion{}, refuse(err)
	}
	a := Assertion{Connection: g.app.conn, Userinfo: user}
	if emails != nil {
		a.Extra = map[string]any{"GET " + githubEmails: emails}
	}
	return a, nil
}

// emails returns all addresses, nil where the person didn't allow us to see them: GitHub then says 403 or 404.
func (g *github) emails(ctx context.Context, accessToken string) ([]any, error) {
	all := []any{}
	for page := 1; page <= githubPages; page++ {
		answer, err := g.get(ctx, fmt.Sprintf("%s?per_page=%d&page=%d", githubEmails, githubPage, page), accessToken)
		var status *outbound.StatusError
		if errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusForbidden) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		list, ok := answer.([]any)
		if !ok {
			return nil, errors.New("GET " + githubEmails + ": the answer is not a list")
		}
		all = append(all, list...)
		if len(list) < githubPage {
			return all, nil
		}
	}
	return all, nil
}

func (g *github) get(ctx context.Context, address, accessToken string) (any, error) {
	header := bearer(accessToken)
	header.Set("Accept", "application/vnd.github+json")
	header.Set("X-Github-Api-Version", "2022-11-28")
	header.Set("User-Agent", "Latchkey") // GitHub refuses requests without one
	return g.app.out.Client.GetJSON(ctx, address, header)
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tokens"
)

const (
	// pages is how many different people a file of addresses names at most.
	pages    = 100_000
	lifetime = 24 * time.Hour
	api      = "https://es.bench"
)

var scope = []string{"openid", "profile", "email"}

// writeTargets writes one file for each kind of request; a line is a path and, after a tab, the access token for it. People
// are chosen by chance.
func (d *destination) writeTargets(ctx context.Context, o options) error {
	some := func() int { return o.from + rand.N(o.users) }
	byID := func() (string, error) {
		u, err := person(some())
		if err != nil {
			return "", err
		}
		return "/api/v2/users/" + url.PathEscape(u.ID), nil
	}
	byEmail := func() (string, error) {
		u, err := person(some())
		if err != nil {
			return "", err
		}
		email, _ := u.Root["email"].(string)
		return "/api/v2/users-by-email?email=" + url.QueryEscape(email), nil
	}
	now := time.Now()
	opaque, err := tokens.NewOpaque(d.ring, time.Now)
	if err != nil {
		return err
	}
	keyring := tokens.NewKeyring(d.keys, time.Now)
	if err := keyring.Load(ctx); err != nil {
		return err
	}
	sealed := func() (string, error) {
		g, err := d.grant(ctx, some(), "", now)
		if err != nil {
			return "", err
		}
		token, err := opaque.Issue(tokens.OpaqueToken{
			ID: ids.Alphanumeric(16), GrantID: g.ID, Subject: g.UserID, ClientID: g.ClientID, Scope: g.Scope,
			IssuedAt: now, ExpiresAt: now.Add(lifetime),
		})
		return "/userinfo\t" + token, err
	}
	signed := func() (string, error) {
		g, err := d.grant(ctx, some(), api, now)
		if err != nil {
			return "", err
		}
		token, err := keyring.Sign("ES256", tokens.DefaultType, map[string]any{
			"iss": d.config.Issuer, "sub": g.UserID, "aud": []string{api, d.config.Issuer + "userinfo"}, "azp": g.ClientID,
			"iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "scope": "openid profile email", "jti": g.ID + "." + ids.Alphanumeric(16),
		})
		return "/userinfo\t" + token, err
	}
	if err := os.MkdirAll(o.targets, 0o700); err != nil {
		return err
	}
	return errors.Join(
		writeLines(filepath.Join(o.targets, "user-by-id"), min(o.users, pages), byID),
		writeLines(filepath.Join(o.targets, "users-by-email"), min(o.users, pages), byEmail),
		writeLines(filepath.Join(o.targets, "userinfo-opaque"), o.tokens, sealed),
		writeLines(filepath.Join(o.targets, "userinfo-jwt"), o.tokens/10, signed),
	)
}

// grant stores what a log-in leaves behind.
func (d *destination) grant(ctx context.Context, n int, audience string, now time.Time) (sessions.Grant, error) {
	u, err := person(n)
	if err != nil {
		return sessions.Grant{}, err
	}
	g := sessions.Grant{
		ID: ids.Hex24(), UserID: u.ID, ClientID: "bench", Connection: u.Identities[0].Connection, Audience: audience,
		Scope: scope, AuthTime: now, CreatedAt: now, GrantType: "authorization_code", ExpiresAt: now.Add(lifetime),
	}
	return g, d.grants.CreateGrant(ctx, g, nil)
}

func writeLines(name string, count int, line func() (string, error)) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for range count {
		text, err := line()
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
		}
		fmt.Fprintln(w, text)
	}
	return errors.Join(w.Flush(), f.Close())
}

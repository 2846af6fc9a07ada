package connectors

import (
	"context"
	"net/url"
)

// openID is the code flow at one OpenID provider (OpenID Connect Core §3.1): exchange, ID token, userinfo.
type openID struct {
	app      app
	tokens   *idTokens
	scopes   []string
	userinfo string // "": the provider has none
	// needsIDToken refuses a token answer without an ID token.
	needsIDToken bool
}

func (o *openID) authURL(req AuthRequest, params url.Values) (string, Pending) {
	nonce := newNonce()
	params.Set("nonce", nonce)
	params.Set("login_hint", req.LoginHint)
	params.Set("prompt", req.Prompt)
	address, pending := o.app.authCodeURL(req, o.scopes, params)
	pending.Nonce = nonce
	return address, pending
}

func (o *openID) finish(ctx context.Context, cb Callback) (Assertion, error) {
	if err := o.checkCallback(cb.Params); err != nil {
		return Assertion{}, err
	}
	token, err := o.app.exchange(ctx, cb)
	if err != nil {
		return Assertion{}, err
	}
	a := Assertion{Connection: o.app.conn}
	if raw, _ := token.Extra("id_token").(string); raw != "" || o.needsIDToken {
		if a.IDToken, err = o.tokens.verify(ctx, raw, cb.Pending.Nonce, token.AccessToken); err != nil {
			return Assertion{}, refuse(err)
		}
	}
	if o.userinfo == "" {
		return a, nil
	}
	userinfo, err := o.app.out.Client.GetJSON(ctx, o.userinfo, bearer(token.AccessToken))
	if err != nil {
		return Assertion{}, refuse(err)
	}
	if err := sameSubject(a.IDToken, userinfo); err != nil {
		return Assertion{}, refuse(err)
	}
	a.Userinfo = userinfo
	return a, nil
}

// checkCallback returns the provider's refusal, or ours where the answer says that it is another provider's (RFC 9207).
func (o *openID) checkCallback(params url.Values) error {
	if err := callbackError(params); err != nil {
		return err
	}
	if iss, given := params["iss"]; given && (len(iss) != 1 || iss[0] != o.tokens.issuer) {
		return refuse(errIssuer)
	}
	return nil
}

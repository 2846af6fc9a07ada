package connectors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/tenant"
)

const wellKnown = "/.well-known/openid-configuration"

// metadata is what is needed to know of an OpenID provider (OpenID Connect Discovery §3).
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
}

func configuredMetadata(conn *tenant.Connection) metadata {
	return metadata{
		Issuer:                conn.String("issuer"),
		AuthorizationEndpoint: conn.String("authorization_endpoint"),
		TokenEndpoint:         conn.String("token_endpoint"),
		UserinfoEndpoint:      conn.String("userinfo_endpoint"),
		JWKSURI:               conn.String("jwks_uri"),
	}
}

// discoveryAddress returns where the discovery document is, "" where none is named and none is needed.
func discoveryAddress(conn *tenant.Connection, configured metadata, frontChannel bool) (string, error) {
	address := conn.String("discovery_url")
	if address == "" {
		if err := configured.check(frontChannel); err == nil {
			return "", nil
		}
		if configured.Issuer == "" {
			return "", errors.New("needs an issuer, a discovery_url, or all endpoints with the issuer")
		}
		// OpenID Connect Discovery §4.1: a trailing slash of the issuer is taken away first.
		address = strings.TrimSuffix(configured.Issuer, "/") + wellKnown
	}
	return address, checkAddress("discovery_url", address)
}

// discover fetches a discovery document. Its issuer must be the one that the document's address stands for where the
// address is a well-known one (OpenID Connect Discovery §4.3).
func discover(ctx context.Context, out Outside, address string) (metadata, error) {
	document, err := out.Client.GetJSON(ctx, address, nil)
	if err != nil {
		return metadata{}, fmt.Errorf("discovery: %w", err)
	}
	var m metadata
	if err := fill(&m, document); err != nil {
		return metadata{}, fmt.Errorf("discovery: the document is malformed: %w", err)
	}
	issuer, ok := strings.CutSuffix(address, wellKnown)
	if ok && strings.TrimSuffix(m.Issuer, "/") != strings.TrimSuffix(issuer, "/") {
		return metadata{}, fmt.Errorf("discovery: the document at %s is of issuer %.200q", address, m.Issuer)
	}
	return m, nil
}

// over returns the configured metadata with its gaps filled from the discovered one. Issuers that differ are an error.
func (m metadata) over(found metadata) (metadata, error) {
	if m.Issuer != "" && m.Issuer != found.Issuer {
		return metadata{}, fmt.Errorf("issuer %q is configured and %.200q discovered", m.Issuer, found.Issuer)
	}
	return metadata{
		Issuer:                found.Issuer,
		AuthorizationEndpoint: cmp.Or(m.AuthorizationEndpoint, found.AuthorizationEndpoint),
		TokenEndpoint:         cmp.Or(m.TokenEndpoint, found.TokenEndpoint),
		UserinfoEndpoint:      cmp.Or(m.UserinfoEndpoint, found.UserinfoEndpoint),
		JWKSURI:               cmp.Or(m.JWKSURI, found.JWKSURI),
		ChallengeMethods:      found.ChallengeMethods,
		AuthMethods:           found.AuthMethods,
	}, nil
}

// check wants everything that a login needs, over https.
func (m metadata) check(frontChannel bool) error {
	if m.Issuer == "" {
		return errors.New("issuer is missing")
	}
	err := errors.Join(
		checkAddress("authorization_endpoint", m.AuthorizationEndpoint),
		checkAddress("jwks_uri", m.JWKSURI),
	)
	if !frontChannel {
		err = errors.Join(err, checkAddress("token_endpoint", m.TokenEndpoint))
		if m.UserinfoEndpoint != "" {
			err = errors.Join(err, checkAddress("userinfo_endpoint", m.UserinfoEndpoint))
		}
	}
	return err
}

// onlyBasic tells whether the provider takes the client secret in the Authorization header and in no form field.
func (m metadata) onlyBasic() bool {
	return slices.Contains(m.AuthMethods, "client_secret_basic") && !slices.Contains(m.AuthMethods, "client_secret_post")
}

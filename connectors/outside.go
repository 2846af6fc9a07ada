package connectors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/strictjson"
)

// maxAnswer is how much of an identity provider's answer is read.
const maxAnswer = 1 << 20

// Outside is what connectors need of the world: a client that refuses private networks and slow peers, the address that
// really stands for a provider's (another one in dev mode only), and the clock. A nil Rewrite changes nothing.
type Outside struct {
	HTTP    *http.Client
	Rewrite func(string) string
	Now     func() time.Time
}

func (o Outside) at(address string) string {
	if o.Rewrite == nil {
		return address
	}
	return o.Rewrite(address)
}

// statusError is an answer other than 200 OK.
type statusError struct {
	address string
	status  int
}

func (e *statusError) Error() string { return fmt.Sprintf("GET %s: status %d", e.address, e.status) }

// getJSON fetches a JSON document, with the access token where one is given. Errors: *statusError, network errors, and
// answers that are too large or not strict JSON. They hold neither token nor body.
func (o Outside) getJSON(ctx context.Context, address, accessToken string, header http.Header) (any, error) {
	body, err := o.get(ctx, address, accessToken, header)
	if err != nil {
		return nil, err
	}
	value, err := strictjson.Decode(bytes.NewReader(body), maxAnswer, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	return value, nil
}

func (o Outside) get(ctx context.Context, address, accessToken string, header http.Header) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.at(address), nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if accessToken != "" {
		req.Header.Set("Authorization", "Bearer "+accessToken)
	}
	resp, err := o.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{address: address, status: resp.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("GET %s: the answer is larger than 1 MB", address)
	}
	return body, nil
}

// checkAddress accepts https addresses, and http ones of this machine: a provider under test. Whether loopback may be
// reached at all is the HTTP client's decision.
func checkAddress(what, address string) error {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return errors.New(what + " is missing")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%s is not an absolute URL", what)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s must be an https address", what)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/latchkey-id/latchkey/internal/strictjson"
)

const (
	maxErrorBody = 4 << 10
	maxDepth     = 32
)

// StatusError says that a server answered with another status than 2xx.
type StatusError struct {
	Method string
	URL    string // without query, fragment and user
	Status int
	Body   []byte // its first 4 KB. Not part of the text: it may repeat what was sent
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s answered %d", e.Method, e.URL, e.Status)
}

// GetJSON fetches a JSON document. Numbers stay json.Number; a document with a name twice in one object is refused, so
// that nobody can be two persons in one answer. Errors: *StatusError, *strictjson.Error, ErrAddress, ErrTooLarge,
// ErrRedirect, or those of the network. They have no query string.
func (c *Client) GetJSON(ctx context.Context, address string, header http.Header) (value any, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, withoutQuery(err)
	}
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, withoutQuery(err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	asked := bare(response.Request.URL)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
		status := &StatusError{Method: request.Method, URL: asked, Status: response.StatusCode, Body: text}
		return nil, errors.Join(status, err)
	}
	value, err = strictjson.Decode(response.Body, c.maxBody, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Method, asked, err)
	}
	return value, nil
}

// withoutQuery takes the query out of an error of net/http or net/url.
func withoutQuery(err error) error {
	var failed *url.Error
	if !errors.As(err, &failed) {
		return err
	}
	shown := "an address that can't be read"
	if u, parseErr := url.Parse(failed.URL); parseErr == nil {
		shown = bare(u)
	}
	return &url.Error{Op: failed.Op, URL: shown, Err: failed.Err}
}

// bare is an address without what may be secret in it.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

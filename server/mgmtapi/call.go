package mgmtapi

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tenant"
)

// call is one authenticated request.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	config *tenant.Config
	caller caller
	ids    map[string]string // of the path
	query  query
	// deletedUser is noted for the log.
	deletedUser string
}

func (c *call) answer(status int, v any) error { return web.WriteJSON(c.w, status, v) }

func (c *call) noContent() error {
	web.NoStore(c.w)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// readPath decodes the path's parameters exactly once. The router matches the raw path where the URL has one, which is
// when the decoded path alone would not tell "%2F" from "/", and the decoded path otherwise.
func (c *call) readPath() error {
	c.ids = map[string]string{}
	params := chi.RouteContext(c.r.Context()).URLParams
	for i, name := range params.Keys {
		value := params.Values[i]
		if c.r.URL.RawPath != "" {
			decoded, err := url.PathUnescape(value)
			if err != nil {
				return badPath(name, "is not percent-encoded")
			}
			value = decoded
		}
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return badPath(name, "is not text")
		}
		c.ids[name] = value
	}
	return nil
}

func badPath(name, problem string) error {
	return badRequest("Path validation error: "+about(name, "", "Value "+problem), codeInvalidURI)
}

// body reads the request's JSON object: up to 1 MB, every name once.
func (c *call) body() (map[string]any, error) {
	if media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); c.r.Header.Get("Content-Type") != "" &&
		(err != nil || media != "application/json") {
		return nil, &web.BadInput{Message: "Unsupported Media Type", Status: http.StatusUnsupportedMediaType}
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	params, err := web.JSON(c.r)
	return params, err
}

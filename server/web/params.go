package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey/internal/strictjson"
)

// MaxDepth bounds the nesting of JSON bodies.
const MaxDepth = 20

// Params are a request's parameters by name. Values of forms and queries are strings; JSON bodies may hold others.
type Params map[string]any

// String returns a parameter that was given as text, or as a JSON number or boolean in its exact text; "" otherwise.
func (p Params) String(name string) string {
	switch v := p[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

// Has tells whether the parameter was given and is not null.
func (p Params) Has(name string) bool { return p[name] != nil }

// Text returns a parameter that must be text where it is given.
func (p Params) Text(name string) (string, error) {
	switch v := p[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", Bad("%s must be a string", name)
	}
}

// Values returns the textual parameters.
func (p Params) Values() url.Values {
	v := url.Values{}
	for name := range p {
		if s := p.String(name); s != "" {
			v.Set(name, s)
		}
	}
	return v
}

// Query reads the query string. A parameter given twice is refused (RFC 6749 §3.1).
func Query(r *http.Request) (Params, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, Bad("The query string is malformed")
	}
	return once(values)
}

// Body reads a POST body: form or JSON object, by its Content-Type. A parameter given twice is refused in both.
func Body(r *http.Request) (Params, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, &BadInput{Message: "Content-Type is malformed", Status: http.StatusUnsupportedMediaType}
	}
	switch media {
	case "application/json":
		return JSON(r)
	case "application/x-www-form-urlencoded", "":
		return form(r)
	default:
		return nil, &BadInput{
			Message: "Content-Type must be application/json or application/x-www-form-urlencoded",
			Status:  http.StatusUnsupportedMediaType,
		}
	}
}

// JSON reads a body that must be one JSON object.
func JSON(r *http.Request) (Params, error) {
	raw, err := readAll(r)
	if err != nil {
		return nil, err
	}
	object, err := strictjson.DecodeObject(bytes.NewReader(raw), int64(len(raw)), MaxDepth)
	if err != nil {
		return nil, Bad("The body is not an acceptable JSON object: %v", err)
	}
	if hasLoneSurrogate(raw) {
		return nil, Bad("The body has half of a surrogate pair, which is no character")
	}
	if hasNUL(object) {
		return nil, Bad("The body contains a NUL character")
	}
	return object, nil
}

func form(r *http.Request) (Params, error) {
	raw, err := readAll(r)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, Bad("The form body is malformed")
	}
	return once(values)
}

func readAll(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &BadInput{Message: "The body is too large", Status: http.StatusRequestEntityTooLarge}
	case err != nil:
		return nil, Bad("The body could not be read")
	}
	return raw, nil
}

func once(values url.Values) (Params, error) {
	p := make(Params, len(values))
	for name, list := range values {
		if len(list) > 1 {
			return nil, Bad("Parameter %s was sent more than once", printable(name))
		}
		if strings.ContainsRune(list[0], 0) {
			return nil, Bad("Parameter %s contains a NUL character", printable(name))
		}
		p[name] = list[0]
	}
	return p, nil
}

// printable keeps what a stranger sent from breaking the answer.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

// WriteJSON answers with a JSON document that no cache keeps.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	NoStore(w)
	w.WriteHeader(status)
	_, err = w.Write(data)
	return ignoreGone(err)
}

// NoStore keeps the answer out of caches.
func NoStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}

// ignoreGone drops write errors: whoever asked is gone, and there is nobody left to tell.
func ignoreGone(error) error { return nil }

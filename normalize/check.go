package normalize

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	phonePattern    = `^\+[0-9]{1,15}$`
	usernamePattern = "^[A-Za-z0-9@^$!#.+'~_`-]+$"
	usernameSigns   = "@^$!#.+'~_`-"
	maxEmail        = 254
	maxEmailLocal   = 64
)

// Check says what is wrong with a value that somebody other than an identity provider gives the attribute, in the words
// of Auth0's schema validation, or nil. It refuses null: whether null removes the attribute is for the caller to know.
func (a Attribute) Check(v any) error {
	if found := TypeName(v); found != string(a.Type) {
		return fmt.Errorf("Expected type %s but found type %s", a.Type, found)
	}
	text, ok := v.(string)
	if !ok {
		return nil
	}
	if n := utf8.RuneCountInString(text); n < a.Min {
		return fmt.Errorf("String is too short (%d chars), minimum %d", n, a.Min)
	} else if a.Max > 0 && n > a.Max {
		return fmt.Errorf("String is too long (%d chars), maximum %d", n, a.Max)
	}
	return a.Format.check(text)
}

func (f Format) check(text string) error {
	switch {
	case f == FormatEmail && !isEmail(text), f == FormatURI && !isAbsoluteURI(text):
		return fmt.Errorf("Object didn't pass validation for format %s: %s", f, text)
	case f == FormatPhone && !isPhone(text):
		return fmt.Errorf("String does not match pattern %s", phonePattern)
	case f == FormatUsername && isEmail(text):
		return fmt.Errorf("Object didn't pass validation for format %s: %s", f, text)
	case f == FormatUsername && !isUsername(text):
		return fmt.Errorf("String does not match pattern %s", usernamePattern)
	}
	return nil
}

// TypeName is the JSON name of a decoded value's type, as validation errors spell it.
func TypeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number, float64, int, int64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > maxEmailLocal || at == len(s)-1 || len(s) > maxEmail || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func isPhone(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && len(digits) >= 1 && len(digits) <= 15 &&
		!strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}

func isUsername(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune(usernameSigns, r)
	})
}

func isAbsoluteURI(s string) bool {
	_, ok := parseAbsolute(s)
	return ok
}

// isWebAddress is what a provider's picture must be: pages put it into an <img>, and other schemes may run code.
func isWebAddress(s string) bool {
	u, ok := parseAbsolute(s)
	return ok && u.Host != "" && (strings.EqualFold(u.Scheme, "https") || strings.EqualFold(u.Scheme, "http"))
}

func parseAbsolute(s string) (*url.URL, bool) {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '<' || r == '>' || r == 0x7f }) {
		return nil, false
	}
	u, err := url.Parse(s)
	if err != nil || !u.IsAbs() || u.Host == "" && u.Opaque == "" && u.Path == "" {
		return nil, false
	}
	return u, true
}

package connectors

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/passwords"
)

// Shape is the family of error bodies that a sign-up error belongs to (Auth0: Signup).
type Shape int

const (
	// ShapeDB: {"name","code","description","statusCode":400}, and for weak passwords "message" and "policy" too.
	ShapeDB Shape = iota
	// ShapeTerse: {"error": Message}.
	ShapeTerse
	// ShapeOAuth: {"error": Code, "error_description": Message}.
	ShapeOAuth
)

// SignUpError says why a sign-up or a new password is not accepted. All of it may be shown to the person.
type SignUpError struct {
	Shape   Shape
	Name    string // ShapeDB: BadRequestError, PasswordStrengthError, …
	Code    string // ShapeDB and ShapeOAuth
	Message string
	// Description is Message, or a passwords.Description where the password is too weak. ShapeDB.
	Description any
	Policy      string // the password rules as text, where the password is too weak
	// Field is what the person has to change: email, username, phone_number, password, user_metadata, a root attribute; ""
	// where nothing helps.
	Field string
}

func (e *SignUpError) Error() string { return e.Message }

func dbError(name, code, field, message string) error {
	return &SignUpError{Shape: ShapeDB, Name: name, Code: code, Message: message, Description: message, Field: field}
}

func terseError(field, message string) error {
	return &SignUpError{Shape: ShapeTerse, Message: message, Field: field}
}

func requestError(field, message string) error {
	return &SignUpError{Shape: ShapeOAuth, Code: "invalid_request", Message: message, Field: field}
}

// payloadError is about a value that breaks a limit.
func payloadError(field, property, problem string) error {
	return dbError("BadRequestError", "invalid_body", field,
		fmt.Sprintf("Payload validation error: '%s' on property %s.", problem, property))
}

func tooLong(n, most int) string {
	return fmt.Sprintf("String is too long (%d chars), maximum %d", n, most)
}

func strengthError(e *passwords.StrengthError) error {
	return &SignUpError{
		Shape: ShapeDB, Name: "PasswordStrengthError", Code: e.Code, Message: e.Message, Description: e.Description,
		Policy: e.Policy, Field: "password",
	}
}

// An address is ASCII here: look-alike letters of other scripts would let two people have what reads as one address.
var (
	localPart = regexp.MustCompile("^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	domain    = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	userName  = regexp.MustCompile("^[a-z0-9@^$!#.+'~_`-]+$")
	phone     = regexp.MustCompile(`^\+[0-9]{1,15}$`)
)

// validEmail tells whether a lower-cased text is an e-mail address (RFC 5321 §4.5.3.1: 64 characters before the @, 254 in
// all).
func validEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at <= 64 && len(s) <= 254 && localPart.MatchString(s[:at]) && domain.MatchString(s[at+1:])
}

func checkEmail(s string) error {
	if !validEmail(s) {
		return requestError("email", "Object didn't pass validation for format email: "+plainText(s))
	}
	return nil
}

// usernameLimits are validation.username, or attributes.username.validation, of a database.
type usernameLimits struct{ min, max int }

func (l usernameLimits) check(s string) error {
	n := utf8.RuneCountInString(s)
	switch {
	case n < l.min:
		return payloadError("username", "username", fmt.Sprintf("String is too short (%d chars), minimum %d", n, l.min))
	case n > l.max:
		return payloadError("username", "username", tooLong(n, l.max))
	case !userName.MatchString(s):
		return payloadError("username", "username", "Username can only contain letters, digits and @^$!-#.+'~_`")
	case validEmail(s):
		return payloadError("username", "username", "Username must not be an email address")
	}
	return nil
}

// checkRoot holds root attributes against their limits.
func checkRoot(root map[string]string) error {
	limits := map[string]int{"given_name": 150, "family_name": 150, "name": 300, "nickname": 300, "picture": 2048}
	for _, name := range slices.Sorted(maps.Keys(root)) {
		most, ok := limits[name]
		if !ok {
			return payloadError(name, plainText(name), "Additional properties not allowed")
		}
		value := root[name]
		if n := utf8.RuneCountInString(value); n > most {
			return payloadError(name, name, tooLong(n, most))
		}
		if name == "picture" && value != "" && !webAddress(value) {
			return payloadError(name, name, "Object didn't pass validation for format strict-uri: "+plainText(value))
		}
	}
	return nil
}

// webAddress refuses javascript: and data: above all, as pictures end up in pages.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

const maxMetadata, maxMetadataName, maxMetadataValue = 10, 100, 500

// checkMetadata holds the user_metadata that people give at sign-up against its limits (Auth0: Signup, user_metadata).
func checkMetadata(metadata map[string]any) error {
	const field = "user_metadata"
	if len(metadata) > maxMetadata {
		return payloadError(field, field, fmt.Sprintf("Too many properties defined (%d), maximum %d", len(metadata), maxMetadata))
	}
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		if n := utf8.RuneCountInString(name); n > maxMetadataName {
			return payloadError(field, field, "Property name: "+tooLong(n, maxMetadataName))
		}
		property := field + "." + plainText(name)
		if name == "" || strings.ContainsAny(name, ".$\x00") {
			return payloadError(field, property, "Property names must not be empty or contain . or $")
		}
		value, ok := metadata[name].(string)
		if !ok {
			return payloadError(field, property, "Expected type string but found type "+jsonType(metadata[name]))
		}
		if n := utf8.RuneCountInString(value); n > maxMetadataValue {
			return payloadError(field, property, tooLong(n, maxMetadataValue))
		}
	}
	return nil
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	}
	return "number"
}

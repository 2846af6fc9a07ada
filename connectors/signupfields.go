package connectors

import (
	"fmt"

	"github.com/latchkey-id/latchkey/tenant"
)

// need says whether people give a field when they sign up.
type need int

const (
	off need = iota
	optional
	required
)

// signUpFields are the identifiers that a database's people have: by options.attributes (Auth0: Flexible Identifiers and
// Attributes), else by requires_username and validation.username.
type signUpFields struct {
	email, username, phone need
	limits                 usernameLimits
}

func newSignUpFields(conn *tenant.Connection) signUpFields {
	if attributes := conn.Map("attributes"); attributes != nil {
		all := options(attributes)
		f := signUpFields{
			email: attributeNeed(all.Map("email")), username: attributeNeed(all.Map("username")),
			phone: attributeNeed(all.Map("phone_number")),
		}
		validation := options(options(all.Map("username")).Map("validation"))
		f.limits = usernameLimits{min: validation.Int("min_length", 1), max: validation.Int("max_length", 15)}
		return f
	}
	f := signUpFields{email: required}
	if conn.Bool("requires_username", false) {
		f.username = required
	}
	validation := options(options(conn.Map("validation")).Map("username"))
	f.limits = usernameLimits{min: validation.Int("min", 1), max: validation.Int("max", 15)}
	return f
}

// attributeNeed reads one attribute: what it says of sign-up, else whether the profile must have it, else whether people
// may log in by it.
func attributeNeed(attribute map[string]any) need {
	a := options(attribute)
	switch options(a.Map("signup")).String("status") {
	case "required":
		return required
	case "optional":
		return optional
	case "inactive":
		return off
	}
	switch {
	case a.Bool("profile_required", false):
		return required
	case options(a.Map("identifier")).Bool("active", false):
		return optional
	}
	return off
}

// check wants the required identifiers, and at least one. A user name or number that the connection has no place for is
// refused rather than dropped, so that nobody believes they can log in by it; an e-mail address is kept as profile data.
func (f signUpFields) check(connection string, r Registration) error {
	switch {
	case f.username == required && r.Username == "":
		return terseError("username",
			fmt.Sprintf("missing username for %s connection with requires_username enabled", connection))
	case f.username == off && r.Username != "":
		return requestError("username", "Cannot set username for connection without requires_username.")
	case f.phone == required && r.PhoneNumber == "":
		return requestError("phone_number", "phone_number is required")
	case f.phone == off && r.PhoneNumber != "":
		return requestError("phone_number", "Cannot set phone_number for connection without the phone_number attribute.")
	case r.Email == "" && (f.email == required || r.Username == "" && r.PhoneNumber == ""):
		return requestError("email", "email is required")
	}
	if r.Email != "" {
		if err := checkEmail(r.Email); err != nil {
			return err
		}
	}
	if r.Username != "" {
		if err := f.limits.check(r.Username); err != nil {
			return err
		}
	}
	if r.PhoneNumber != "" && !phone.MatchString(r.PhoneNumber) {
		return requestError("phone_number", "Object didn't pass validation for format phone: "+plainText(r.PhoneNumber))
	}
	return nil
}

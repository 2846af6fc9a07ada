package mgmtapi

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
)

// Error codes of this API (errorCode), beside those that profilestore's refusals bring.
const (
	codeInvalidBody  = profilestore.CodeInvalidBody
	codeInvalidQuery = "invalid_query_string"
	codeInvalidURI   = "invalid_uri"
	codeIdP          = "auth0_idp_error"
	codeScope        = "insufficient_scope"
)

// apiError is an answer in this API's dialect (Auth0: Management API, errors).
type apiError struct {
	Status  int    `json:"statusCode"`
	Reason  string `json:"error"`
	Message string `json:"message"`
	Code    string `json:"errorCode,omitempty"`
	// Attributes repeats the message of a token that was refused.
	Attributes map[string]string `json:"attributes,omitempty"`
}

func (e *apiError) Error() string { return e.Message }

func newError(status int, message, code string) *apiError {
	reason := http.StatusText(status)
	if status == http.StatusRequestEntityTooLarge {
		reason = "Payload Too Large"
	}
	return &apiError{Status: status, Reason: reason, Message: message, Code: code}
}

func badRequest(message, code string) *apiError {
	return newError(http.StatusBadRequest, message, code)
}

func badBody(problem string) *apiError {
	return badRequest("Payload validation error: '"+problem+"'.", codeInvalidBody)
}

// badProperty is about one property of a body; description, which may be empty, is what the schema says of it.
func badProperty(property, description, problem string) *apiError {
	return badRequest("Payload validation error: "+about(property, description, problem), codeInvalidBody)
}

func badParameter(parameter, description, problem string) *apiError {
	return badRequest("Query validation error: "+about(parameter, description, problem), codeInvalidQuery)
}

func about(name, description, problem string) string {
	text := "'" + problem + "' on property " + name
	if description != "" {
		text += " (" + description + ")"
	}
	return text + "."
}

func forbidden(message, code string) *apiError {
	return newError(http.StatusForbidden, message, code)
}

// unauthorized refuses a token. The texts are those of Auth0.
func unauthorized(message string) *apiError {
	e := newError(http.StatusUnauthorized, message, "")
	e.Attributes = map[string]string{"error": message}
	return e
}

func missingAuthentication() *apiError {
	return newError(http.StatusUnauthorized, "Missing authentication", "")
}

func noUser() *apiError {
	return newError(http.StatusNotFound, "The user does not exist.", "inexistent_user")
}

func noConnection() *apiError {
	return newError(http.StatusNotFound, "The connection does not exist", "inexistent_connection")
}

func userExists() *apiError {
	return newError(http.StatusConflict, "The user already exists.", codeIdP)
}

// asError words any error; what it doesn't know is ours and says nothing.
func asError(err error) *apiError {
	var known *apiError
	var bad *web.BadInput
	var refusal *profilestore.Refusal
	var signUp *connectors.SignUpError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &bad) && bad.Status != 0 && bad.Status != http.StatusBadRequest:
		return newError(bad.Status, bad.Message, "")
	case errors.As(err, &bad):
		return badRequest(bad.Message, codeInvalidBody)
	case errors.As(err, &refusal):
		return badRequest(refusal.Message, refusal.Code)
	case errors.As(err, &signUp):
		return signUpRefused(signUp)
	case errors.Is(err, profilestore.ErrNotFound):
		return noUser()
	case errors.Is(err, profilestore.ErrSameIdentity), errors.Is(err, profilestore.ErrMainIdentity):
		return badRequest(err.Error(), "")
	case errors.Is(err, profilestore.ErrIdentityExists):
		return newError(http.StatusConflict, err.Error(), "")
	case isTaken(err):
		return userExists()
	case errors.Is(err, login.ErrWrongStrategy):
		return badRequest("Connection does not support user creation through the API. It must either be a database or passwordless connection.", codeInvalidBody)
	case errors.Is(err, outage.Err):
		return newError(http.StatusServiceUnavailable, "The service is not available right now. Please try again in a moment.", "service_unavailable")
	case errors.Is(err, connectors.ErrBusy):
		return newError(http.StatusServiceUnavailable, "Too many passwords are being hashed at once. Please try again in a moment.", "")
	}
	return newError(http.StatusInternalServerError, "Something went wrong on our side. Please try again.", "internal_error")
}

// signUpRefused: rules about passwords come with their name before the text and without a code.
func signUpRefused(e *connectors.SignUpError) *apiError {
	switch e.Name {
	case "", "BadRequestError":
		return badRequest(e.Message, codeInvalidBody)
	case "PasswordStrengthError":
		return badRequest("PasswordStrengthError: Password is too weak", "")
	}
	return badRequest(e.Name+": "+e.Message, "")
}

func isTaken(err error) bool {
	for _, taken := range []error{
		profilestore.ErrEmailTaken, profilestore.ErrUsernameTaken, profilestore.ErrPhoneTaken, profilestore.ErrUserIDTaken,
		profilestore.ErrIdentityTaken,
	} {
		if errors.Is(err, taken) {
			return true
		}
	}
	return false
}

// writeError answers, and logs the cause of an error that is ours.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	switch e.Status {
	case http.StatusInternalServerError:
		web.Log(r).Error("request failed", "path", r.URL.Path, "error", err)
	case http.StatusServiceUnavailable:
		web.Log(r).Warn("not available", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", outage.RetryAfter)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if err := web.WriteJSON(w, e.Status, e); err != nil {
		web.Log(r).Error("answer can't be encoded", "error", err)
	}
}

package oauth

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
)

// Error is an OAuth error (RFC 6749 §5.2) with the status that Auth0 gives it.
type Error struct {
	Status      int
	Code        string
	Description string
	Err         error // for the log only
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Description + ": " + e.Err.Error()
	}
	return e.Code + ": " + e.Description
}

func (e *Error) Unwrap() error { return e.Err }

func invalidRequest(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Description: description}
}

func missing(parameter string) *Error {
	return invalidRequest("Missing required parameter: " + parameter)
}

func invalidGrant(description string) *Error {
	return &Error{Status: http.StatusForbidden, Code: "invalid_grant", Description: description}
}

func denied(description string) *Error {
	return &Error{Status: http.StatusForbidden, Code: "access_denied", Description: description}
}

func grantNotAllowed(grantType string) *Error {
	return &Error{
		Status: http.StatusForbidden, Code: "unauthorized_client",
		Description: "Grant type '" + grantType + "' not allowed for the client.",
	}
}

// asError turns any error into one this surface may show. What it doesn't know is ours and says nothing.
func asError(err error) *Error {
	var known *Error
	var bad *web.BadInput
	var refused *login.Refused
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &bad):
		status := bad.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		return &Error{Status: status, Code: "invalid_request", Description: bad.Message}
	case errors.As(err, &refused):
		return &Error{Status: http.StatusForbidden, Code: refused.Code, Description: refused.Description, Err: err}
	case errors.Is(err, login.ErrBlocked):
		return &Error{Status: http.StatusForbidden, Code: "unauthorized", Description: "user is blocked", Err: err}
	case errors.Is(err, connectors.ErrBusy):
		return &Error{
			Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
			Description: "Too many log-ins at once. Please try again in a moment.", Err: err,
		}
	case errors.Is(err, outage.Err):
		return &Error{
			Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
			Description: "The service is not available right now. Please try again in a moment.", Err: err,
		}
	case errors.Is(err, profilestore.ErrNotFound), login.Refuses(err):
		return &Error{Status: http.StatusForbidden, Code: "access_denied", Description: "The person may not use this application.", Err: err}
	default:
		return &Error{
			Status: http.StatusInternalServerError, Code: "server_error",
			Description: "Something went wrong on our side. Please try again.", Err: err,
		}
	}
}

// logged writes the cause of an error that is ours.
func logged(r *http.Request, e *Error) *Error {
	if e.Status >= http.StatusInternalServerError && e.Err != nil {
		web.Log(r).Error("request failed", "path", r.URL.Path, "error", e.Err)
	}
	return e
}

// writeError answers in the dialect of /oauth/*.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := logged(r, asError(err))
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", outage.RetryAfter)
	}
	if e.Code == "invalid_client" || e.Status == http.StatusUnauthorized {
		if _, _, basic := r.BasicAuth(); basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="latchkey"`)
		}
	}
	if err := web.WriteJSON(w, e.Status, map[string]string{"error": e.Code, "error_description": e.Description}); err != nil {
		web.Log(r).Error("answer can't be encoded", "error", err)
	}
}

package authapi

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
)

// apiError is an answer in one of the Authentication API's shapes.
type apiError struct {
	status int
	body   any
}

func (e *apiError) Error() string { return "request refused" }

// databaseError is the shape of /dbconnections/*.
type databaseError struct {
	Name        string `json:"name"`
	Message     string `json:"message,omitempty"`
	Code        string `json:"code"`
	Description any    `json:"description"`
	Policy      string `json:"policy,omitempty"`
	StatusCode  int    `json:"statusCode"`
}

// payloadError is the shape of schema violations.
type payloadError struct {
	StatusCode  int    `json:"statusCode"`
	Error       string `json:"error"`
	Code        string `json:"code"`
	Description string `json:"description"`
	Message     string `json:"message"`
}

func badRequest(code, description string) *apiError {
	return &apiError{status: http.StatusBadRequest, body: databaseError{
		Name: "BadRequestError", Code: code, Description: description, StatusCode: http.StatusBadRequest,
	}}
}

func oauthError(status int, code, description string) *apiError {
	return &apiError{status: status, body: map[string]string{"error": code, "error_description": description}}
}

func signupRefused(e *connectors.SignUpError) *apiError {
	switch {
	case e.Shape == connectors.ShapeTerse:
		return &apiError{status: http.StatusBadRequest, body: map[string]string{"error": e.Message}}
	case e.Shape == connectors.ShapeOAuth:
		return oauthError(http.StatusBadRequest, e.Code, e.Message)
	case e.Code == "invalid_body":
		return &apiError{status: http.StatusBadRequest, body: payloadError{
			StatusCode: http.StatusBadRequest, Error: "Bad Request", Code: e.Code, Description: e.Message, Message: e.Message,
		}}
	}
	body := databaseError{Name: e.Name, Code: e.Code, Description: e.Description, Policy: e.Policy, StatusCode: http.StatusBadRequest}
	if e.Policy != "" {
		body.Message = e.Message
	}
	return &apiError{status: http.StatusBadRequest, body: body}
}

// asError words any error for whoever called; what isn't known is ours and says nothing.
func asError(r *http.Request, err error) *apiError {
	var known *apiError
	var bad *web.BadInput
	var refused *connectors.SignUpError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &bad):
		status := bad.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		return oauthError(status, "invalid_request", bad.Message)
	case errors.As(err, &refused):
		return signupRefused(refused)
	case errors.Is(err, profilestore.ErrEmailTaken), errors.Is(err, profilestore.ErrPhoneTaken):
		return badRequest("user_exists", "The user already exists.")
	case errors.Is(err, connectors.ErrBusy):
		return oauthError(http.StatusServiceUnavailable, "temporarily_unavailable", "Too many sign-ups at once. Please try again in a moment.")
	case errors.Is(err, outage.Err):
		web.Log(r).Error("storage is not available", "path", r.URL.Path, "error", err)
		return oauthError(http.StatusServiceUnavailable, "temporarily_unavailable", "The service is not available right now. Please try again in a moment.")
	}
	web.Log(r).Error("request failed", "path", r.URL.Path, "error", err)
	return oauthError(http.StatusInternalServerError, "server_error", "Something went wrong on our side. Please try again.")
}

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(r, err)
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", outage.RetryAfter)
	}
	if err := web.WriteJSON(w, e.status, e.body); err != nil {
		web.Log(r).Error("answer can't be encoded", "error", err)
	}
}

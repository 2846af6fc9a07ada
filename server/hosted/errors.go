package hosted

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
)

// errorPage is this surface's dialect: a page that says what happened and what to do next.
func (s *Surface) errorPage(w http.ResponseWriter, r *http.Request, err error) {
	problem := page.Problem{Status: http.StatusInternalServerError, Kind: views.ErrorInternal, Code: "server_error", RestartURL: s.restartURL()}
	var bad *web.BadInput
	switch {
	case errors.Is(err, errExpired):
		problem.Status, problem.Kind, problem.Code = http.StatusBadRequest, views.ErrorExpired, "invalid_request"
		problem.Description = "Unable to verify transaction state"
	case errors.Is(err, errForged):
		problem.Status, problem.Kind, problem.Code = http.StatusForbidden, views.ErrorExpired, "invalid_request"
	case errors.As(err, &bad):
		problem.Status, problem.Kind, problem.Code = http.StatusBadRequest, views.ErrorRequest, "invalid_request"
		problem.Description = bad.Message
		if bad.Status != 0 {
			problem.Status = bad.Status
		}
	case errors.Is(err, connectors.ErrBusy):
		w.Header().Set("Retry-After", "2")
		problem.Status, problem.Code = http.StatusServiceUnavailable, "temporarily_unavailable"
	case errors.Is(err, outage.Err):
		web.Log(r).Error("storage is not available", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", outage.RetryAfter)
		problem.Status, problem.Code = http.StatusServiceUnavailable, "temporarily_unavailable"
	default:
		web.Log(r).Error("page failed", "path", r.URL.Path, "error", err)
	}
	s.Pages.Error(w, r, problem)
}

// restartURL is where somebody whose log-in is lost can begin anew, if the operator named such a place.
func (s *Surface) restartURL() string { return s.Tenant.Current().Settings.DefaultRedirectionURI }

// failureOf words an error of a log-in for the app; ok is false where the error is ours.
func failureOf(err error) (f sessions.Failure, ok bool) {
	var provider *connectors.ProviderError
	var refused *login.Refused
	switch {
	case errors.As(err, &provider):
		return sessions.Failure{Code: provider.Code, Description: provider.Description}, true
	case errors.As(err, &refused):
		return sessions.Failure{Code: refused.Code, Description: refused.Description}, true
	case errors.Is(err, login.ErrBlocked):
		return sessions.Failure{Code: "unauthorized", Description: "user is blocked"}, true
	case errors.Is(err, login.ErrConnectionOff):
		return sessions.Failure{Code: "invalid_request", Description: "the connection was disabled"}, true
	}
	return sessions.Failure{Code: "server_error", Description: "Something went wrong on our side. Please try again."}, false
}

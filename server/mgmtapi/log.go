package mgmtapi

import (
	"net/http"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/server/web"
)

// logWrite records a call that wanted to change something, whether it could or not. What was sent is never logged: bodies
// hold passwords and secrets.
func (s *Surface) logWrite(row route, c *call, err error) {
	e := audit.Event{
		Type: audit.ManagementWrite, Description: row.Description, IP: web.ClientIP(c.r), UserAgent: c.r.UserAgent(),
		ClientID: c.caller.client.ID, ClientName: c.caller.client.Name, UserID: c.caller.userID,
		Details: map[string]any{"request": map[string]any{
			"method": c.r.Method, "path": c.r.URL.Path, "scopes": c.caller.scopes,
		}},
	}
	if id := correlation(c.r); id != "" {
		e.Details["references"] = map[string]any{"correlation_id": id}
	}
	if err != nil {
		refused := asError(err)
		e.Type, e.Description = audit.ManagementFailure, refused.Message
		e.Details["response"] = map[string]any{"statusCode": refused.Status}
	}
	s.Audit.Record(c.r.Context(), e)
	if err == nil && c.deletedUser != "" {
		e.Type, e.Description, e.UserID = audit.UserDeleted, "User successfully deleted", c.deletedUser
		s.Audit.Record(c.r.Context(), e)
	}
}

const maxCorrelation = 64

// correlation is the caller's own mark for the log (Auth0: X-Correlation-ID).
func correlation(r *http.Request) string {
	id := []rune(r.Header.Get("X-Correlation-ID"))
	return string(id[:min(len(id), maxCorrelation)])
}

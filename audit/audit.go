package audit

import (
	"context"
	"time"
)

// Type is a log event code (Auth0: Log Event Type Codes).
type Type string

const (
	SuccessLogin            Type = "s"
	SuccessSilentAuth       Type = "ssa"
	FailedLogin             Type = "f"
	FailedLoginPassword     Type = "fp"
	FailedLoginUnknownUser  Type = "fu"
	FailedSilentAuth        Type = "fsa"
	SuccessSignup           Type = "ss"
	FailedSignup            Type = "fs"
	SuccessLogout           Type = "slo"
	FailedLogout            Type = "flo"
	SuccessCodeExchange     Type = "seacft"
	FailedCodeExchange      Type = "feacft"
	SuccessClientExchange   Type = "seccft"
	FailedClientExchange    Type = "feccft"
	SuccessPasswordExchange Type = "sepft"
	FailedPasswordExchange  Type = "fepft"
	SuccessRefreshExchange  Type = "sertft"
	FailedRefreshExchange   Type = "fertft"
	RefreshReuse            Type = "ferrt"
	SuccessRevocation       Type = "srrt"
	ManagementWrite         Type = "sapi"
	ManagementFailure       Type = "fapi"
	UserDeleted             Type = "sdu"
	Warning                 Type = "w"
)

// Event is one entry of the tenant log. It never holds a secret.
type Event struct {
	ID           string         `json:"log_id"` // sortable by time
	Type         Type           `json:"type"`
	Date         time.Time      `json:"date"`
	Description  string         `json:"description,omitempty"`
	ClientID     string         `json:"client_id,omitempty"`
	ClientName   string         `json:"client_name,omitempty"`
	Connection   string         `json:"connection,omitempty"`
	ConnectionID string         `json:"connection_id,omitempty"`
	Strategy     string         `json:"strategy,omitempty"`
	UserID       string         `json:"user_id,omitempty"`
	UserName     string         `json:"user_name,omitempty"`
	IP           string         `json:"ip,omitempty"`
	UserAgent    string         `json:"user_agent,omitempty"`
	Audience     string         `json:"audience,omitempty"`
	Scope        string         `json:"scope,omitempty"`
	Details      map[string]any `json:"details,omitempty"`
}

// Store keeps events of the one tenant it was made for.
type Store interface {
	// Append stores the events together.
	Append(ctx context.Context, events []Event) error
	// List returns up to limit events with an id after this one, oldest first.
	List(ctx context.Context, after string, limit int) ([]Event, error)
	// DeleteBefore removes up to limit events older than this and returns how many.
	DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error)
}

package profilestore

// Codes of refusals, as the Management API's errorCode spells them.
const (
	CodeInvalidBody  = "invalid_body"
	CodeNotSupported = "operation_not_supported"
)

// Refusal says that a change isn't allowed, in words for whoever asked for it.
type Refusal struct {
	// Code is the Management API's errorCode. Empty where it has none.
	Code string
	// Message is the text that Auth0 uses, where that is known.
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// invalid refuses a property of a body (Management API: payload validation). The description follows in brackets where
// the schema has one.
func invalid(property, description, problem string) *Refusal {
	message := "Payload validation error: '" + problem + "' on property " + property
	if description != "" {
		message += " (" + description + ")"
	}
	return &Refusal{Code: CodeInvalidBody, Message: message + "."}
}

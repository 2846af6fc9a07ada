package tenant

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// SignupField is one of a database connection's additional_signup_fields, with the keys of Lock's additionalSignUpFields
// (Auth0: Lock Configuration, additionalSignUpFields) and two of ours, required and pattern.
type SignupField struct {
	Name    string
	Label   string // placeholder
	Type    string // text, select, checkbox or hidden
	Options []SignupOption
	Prefill string
	Value   string // of a hidden field
	// Root says that the value becomes a root attribute; otherwise it goes into user_metadata.
	Root     bool
	Required bool
	Pattern  string // the whole value must match
}

// SignupOption is a choice of a select.
type SignupOption struct{ Value, Label string }

// Limits of sign-up fields (Auth0: Custom Signup).
const (
	maxSignupFields = 10
	maxSignupValue  = 500
	maxRootName     = 150 // given_name, family_name
	maxRootText     = 300 // name, nickname
)

var (
	signupFieldName  = regexp.MustCompile(`^[a-zA-Z0-9_]+$`)
	signupFieldTypes = []string{"text", "select", "checkbox", "hidden"}
	signupRootNames  = []string{"given_name", "family_name", "name", "nickname", "picture"}
)

// SignupFields returns the connection's additional sign-up fields. What [CheckSignupFields] would refuse is left out.
func (c *Connection) SignupFields() []SignupField {
	fields, _ := c.parseSignupFields()
	return fields
}

// CheckSignupFields returns what is wrong with the connection's additional sign-up fields.
func (c *Connection) CheckSignupFields() []error {
	_, problems := c.parseSignupFields()
	return problems
}

func (c *Connection) parseSignupFields() (fields []SignupField, problems []error) {
	list, _ := c.Options["additional_signup_fields"].([]any)
	metadata := 0
	for i, entry := range list {
		given, _ := entry.(map[string]any)
		field, err := parseSignupField(given)
		if err == nil && !field.Root {
			if metadata++; metadata > maxSignupFields {
				err = fmt.Errorf("more than %d fields go to user_metadata", maxSignupFields)
			}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("additional_signup_fields[%d]: %w", i, err))
			continue
		}
		fields = append(fields, field)
	}
	return fields, problems
}

func parseSignupField(given map[string]any) (SignupField, error) {
	text := func(key string) string { return scalarText(given[key]) }
	f := SignupField{
		Name: text("name"), Label: text("placeholder"), Type: text("type"), Prefill: text("prefill"), Value: text("value"),
		Root: text("storage") == "root", Pattern: text("pattern"),
	}
	f.Required, _ = given["required"].(bool)
	if f.Type == "" {
		f.Type = "text"
	}
	if f.Label == "" {
		f.Label = f.Name
	}
	f.Options = signupOptions(given["options"])
	return f, f.check()
}

func (f SignupField) check() error {
	switch {
	case !signupFieldName.MatchString(f.Name):
		return fmt.Errorf("name %q: only letters, digits and _ are allowed", f.Name)
	case slices.Contains([]string{"email", "username", "password", "state", "_csrf"}, f.Name):
		return fmt.Errorf("name %q is reserved", f.Name)
	case !slices.Contains(signupFieldTypes, f.Type):
		return fmt.Errorf("type %q: must be text, select, checkbox or hidden", f.Type)
	case f.Root && !slices.Contains(signupRootNames, f.Name):
		return fmt.Errorf("storage root: %q is not one of given_name, family_name, name, nickname, picture", f.Name)
	case f.Type == "select" && len(f.Options) == 0:
		return fmt.Errorf("%s: a select needs options", f.Name)
	}
	if _, err := regexp.Compile(f.Pattern); err != nil {
		return fmt.Errorf("pattern of %s: %w", f.Name, err)
	}
	return nil
}

// signupOptions reads [{value,label}] or ["value"].
func signupOptions(given any) []SignupOption {
	list, _ := given.([]any)
	var options []SignupOption
	for _, entry := range list {
		if o, ok := entry.(map[string]any); ok {
			option := SignupOption{Value: scalarText(o["value"]), Label: scalarText(o["label"])}
			if option.Label == "" {
				option.Label = option.Value
			}
			options = append(options, option)
			continue
		}
		text := scalarText(entry)
		options = append(options, SignupOption{Value: text, Label: text})
	}
	return options
}

func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// Accepts tells whether a value fits the field's pattern, choices and length.
func (f SignupField) Accepts(value string) bool {
	if len([]rune(value)) > f.MaxLength() {
		return false
	}
	switch f.Type {
	case "select":
		return slices.ContainsFunc(f.Options, func(o SignupOption) bool { return o.Value == value })
	case "checkbox":
		return value == "true" || value == "false"
	}
	if f.Pattern == "" {
		return true
	}
	pattern, err := regexp.Compile(`\A(?:` + f.Pattern + `)\z`)
	return err == nil && pattern.MatchString(value)
}

// MaxLength is the longest value in characters.
func (f SignupField) MaxLength() int {
	switch {
	case !f.Root:
		return maxSignupValue
	case f.Name == "name" || f.Name == "nickname":
		return maxRootText
	case f.Name == "picture":
		return maxSignupValue
	}
	return maxRootName
}

// Put adds a value to what a sign-up stores. Empty values are not stored.
func (f SignupField) Put(root *map[string]string, metadata *map[string]any, value string) {
	if value == "" {
		return
	}
	if f.Root {
		if *root == nil {
			*root = map[string]string{}
		}
		(*root)[f.Name] = value
		return
	}
	if *metadata == nil {
		*metadata = map[string]any{}
	}
	(*metadata)[f.Name] = value
}

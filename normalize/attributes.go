package normalize

import "slices"

// Type is the JSON type of an attribute.
type Type string

const (
	TypeString  Type = "string"
	TypeBoolean Type = "boolean"
	TypeObject  Type = "object"
)

// Format is a rule for the text of a string attribute, beyond its length.
type Format string

const (
	FormatNone     Format = ""
	FormatEmail    Format = "email"      // local part ≤ 64, whole address ≤ 254
	FormatURI      Format = "strict-uri" // absolute
	FormatPhone    Format = "phone"      // E.164 with the plus
	FormatUsername Format = "username"   // letters, digits and some signs; not an e-mail address
)

// Writer is a set of those who may give an attribute its value.
type Writer uint8

const (
	ByIdP        Writer = 1 << iota // the identity provider, at a login
	BySignUp                        // the person, at a sign-up
	ByManagement                    // an administrator, through the Management API
	ByImport                        // a bulk import
)

// Attribute is one root attribute of a profile and everything that is true of it everywhere (Auth0: User Profile
// Structure; limits: Management API, POST and PATCH /users).
type Attribute struct {
	Name string
	Type Type
	// Min and Max limit the length in characters. Max 0: no limit.
	Min, Max int
	Format   Format
	Writers  Writer
	// Searchable attributes may stand in a user search.
	Searchable bool
	// Patchable attributes may be changed by PATCH /users/{id}; those that are Nullable are removed by null.
	Patchable, Nullable bool
	// Importable attributes may stand in an import; Upsertable ones change an existing user there.
	Importable, Upsertable bool
	// Scope and Claim say where /userinfo and ID tokens show the attribute. Empty: nowhere.
	Scope, Claim string
	// Synced attributes follow the connection's set_user_root_attributes.
	Synced bool
	// Generated attributes exist in every profile: see [Generate].
	Generated bool
	// Description is the text that validation errors of the Management API name the property by.
	Description string
}

// WrittenBy reports whether w may give the attribute a value.
func (a Attribute) WrittenBy(w Writer) bool { return a.Writers&w != 0 }

// everyone writes most of the normalized attributes.
const everyone = ByIdP | BySignUp | ByManagement | ByImport

// attributes is the table. It is never changed.
var attributes = [...]Attribute{
	{
		Name: "email", Type: TypeString, Format: FormatEmail, Writers: everyone, Searchable: true, Patchable: true,
		Nullable: true, Importable: true, Scope: "email", Claim: "email", Description: "The user's email.",
	},
	{
		Name: "email_verified", Type: TypeBoolean, Writers: ByIdP | ByManagement | ByImport, Searchable: true,
		Patchable: true, Importable: true, Upsertable: true, Scope: "email", Claim: "email_verified",
		Description: "Whether this email address is verified (true) or unverified (false).",
	},
	{
		Name: "username", Type: TypeString, Min: 1, Max: 128, Format: FormatUsername,
		Writers: BySignUp | ByManagement | ByImport, Searchable: true, Patchable: true, Nullable: true,
		Importable: true, Description: "The user's username. Only valid if the connection requires a username.",
	},
	{
		Name: "phone_number", Type: TypeString, Format: FormatPhone, Writers: everyone, Searchable: true,
		Patchable: true, Nullable: true, Importable: true, Scope: "phone", Claim: "phone_number",
		Description: "The user's phone number (following the E.164 recommendation).",
	},
	{
		Name: "phone_verified", Type: TypeBoolean, Writers: ByIdP | ByManagement | ByImport, Searchable: true,
		Patchable: true, Importable: true, Scope: "phone", Claim: "phone_number_verified",
		Description: "Whether this phone number has been verified (true) or not (false).",
	},
	{
		Name: "name", Type: TypeString, Min: 1, Max: 300, Writers: everyone, Searchable: true, Patchable: true,
		Nullable: true, Importable: true, Upsertable: true, Scope: "profile", Claim: "name", Synced: true,
		Generated: true, Description: "The user's full name.",
	},
	{
		Name: "nickname", Type: TypeString, Min: 1, Max: 300, Writers: everyone, Searchable: true, Patchable: true,
		Nullable: true, Importable: true, Upsertable: true, Scope: "profile", Claim: "nickname", Synced: true,
		Generated: true, Description: "The user's nickname.",
	},
	{
		Name: "given_name", Type: TypeString, Min: 1, Max: 150, Writers: everyone, Searchable: true, Patchable: true,
		Nullable: true, Importable: true, Upsertable: true, Scope: "profile", Claim: "given_name", Synced: true,
		Description: "The user's given name(s).",
	},
	{
		Name: "family_name", Type: TypeString, Min: 1, Max: 150, Writers: everyone, Searchable: true, Patchable: true,
		Nullable: true, Importable: true, Upsertable: true, Scope: "profile", Claim: "family_name", Synced: true,
		Description: "The user's family name(s).",
	},
	{
		Name: "picture", Type: TypeString, Format: FormatURI, Writers: everyone, Patchable: true, Nullable: true,
		Importable: true, Upsertable: true, Scope: "profile", Claim: "picture", Synced: true, Generated: true,
		Description: "A URI pointing to the user's picture.",
	},
	// The rest of OpenID Connect's standard claims: only identity providers write them.
	{Name: "middle_name", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "middle_name"},
	{Name: "preferred_username", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "preferred_username"},
	{Name: "profile", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "profile"},
	{Name: "website", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "website"},
	{Name: "gender", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "gender"},
	{Name: "birthdate", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "birthdate"},
	{Name: "zoneinfo", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "zoneinfo"},
	{Name: "locale", Type: TypeString, Writers: ByIdP, Scope: "profile", Claim: "locale"},
	{Name: "address", Type: TypeObject, Writers: ByIdP, Scope: "address", Claim: "address"},
}

// Attributes returns the table of root attributes. The caller may change what it gets.
func Attributes() []Attribute { return slices.Clone(attributes[:]) }

// Lookup returns the row of a root attribute.
func Lookup(name string) (Attribute, bool) {
	for i := range attributes {
		if attributes[i].Name == name {
			return attributes[i], true
		}
	}
	return Attribute{}, false
}

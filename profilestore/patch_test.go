package profilestore

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func databaseUser() *User {
	by := func(s Source) Provenance { return Provenance{Source: s, At: noon} }
	return &User{
		ID: "auth0|64b5f0a1c2d3e4f5a6b7c8d9",
		Root: values{
			"email": "jane@example.com", "email_verified": true, "name": "jane@example.com", "nickname": "jane",
			"given_name": "Jane", "picture": "https://x.example/p.png", "username": "janey",
		},
		Provenance: map[string]Provenance{
			"email": by(SourceUser), "email_verified": by(SourceUser), "given_name": by(SourceUser),
			"username": by(SourceUser), "picture": by(SourceAdmin), "name": by(SourceGenerated), "nickname": by(SourceGenerated),
		},
		Identities: []Identity{
			{Connection: "db", Provider: "auth0", UserID: "64b5f0a1c2d3e4f5a6b7c8d9", PasswordHash: "$old"},
			{Connection: "github", Provider: "github", UserID: json.Number("7"), IsSocial: true, ProfileData: values{"name": "J"}},
			{Connection: "db2", Provider: "auth0", UserID: "71", ProfileData: values{"email": "j2@example.com", "name": "J2"}},
		},
		UserMetadata: values{"color": "red", "deep": values{"a": json.Number("1"), "b": json.Number("2")}},
	}
}

var (
	database   = Connection{Name: "db", Kind: KindDatabase, Usernames: true}
	socialEach = Connection{Name: "db", Kind: KindSocial, Sync: SyncEach}
)

func TestPatchChanges(t *testing.T) {
	for _, c := range []struct {
		name string
		body values
		want values // rendered fields; nil: absent
	}{
		{
			"a new address is unverified, and what was generated from the old one follows",
			values{"email": "New@Example.com"},
			values{"email": "new@example.com", "email_verified": false, "name": "new@example.com", "nickname": "new"},
		},
		{"the same address stays verified", values{"email": "JANE@example.com"}, values{"email_verified": true}},
		{
			"an administrator may vouch for an address",
			values{"email": "new@example.com", "email_verified": true},
			values{"email": "new@example.com", "email_verified": true},
		},
		{"null removes", values{"given_name": nil}, values{"given_name": nil, "name": "jane@example.com"}},
		{"null brings the generated value back", values{"picture": nil}, values{"picture": "https://s.gravatar.com/avatar/" +
			"9e26471d35a78862c17e467d87cddedf?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fja.png"}},
		{"a part of the name doesn't change the whole", values{"given_name": "Jo"}, values{"given_name": "Jo", "name": "jane@example.com"}},
		{"usernames are in lower case", values{"username": "JANEY2"}, values{"username": "janey2"}},
		{"a person with a username may lose the address", values{"email": nil}, values{"email": nil, "email_verified": nil, "name": "janey"}},
		{"blocked", values{"blocked": true}, values{"blocked": true}},
		{
			"metadata merges at the first level",
			values{"user_metadata": values{"deep": values{"c": "d"}, "new": []any{"x"}}},
			values{"user_metadata": values{"color": "red", "deep": values{"c": "d"}, "new": []any{"x"}}},
		},
		{"null removes a metadata key", values{"user_metadata": values{"color": nil, "deep": nil}}, values{"user_metadata": nil}},
		{"an empty object removes all metadata", values{"user_metadata": values{}}, values{"user_metadata": nil}},
		{"unknown keys are tolerated", values{"favourite": "x", "nickname": "jj"}, values{"nickname": "jj", "favourite": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := databaseUser()
			got, err := Patch(u, c.body, PatchContext{Primary: database, Now: noon})
			if err != nil {
				t.Fatal(err)
			}
			mustEqual(t, "the user given", databaseUser(), u)
			shown := Render(got)
			for key, want := range c.want {
				mustEqual(t, key, want, shown[key])
			}
			if !got.UpdatedAt.Equal(noon.Truncate(time.Millisecond)) {
				t.Errorf("updated_at %v", got.UpdatedAt)
			}
		})
	}
}

func TestPatchRefuses(t *testing.T) {
	enterprise := Connection{Name: "corp", Kind: KindEnterprise, Sync: SyncFirst}
	for _, c := range []struct {
		name       string
		connection Connection
		body       values
		code, want string
	}{
		{
			"synced names", socialEach,
			values{"picture": nil, "family_name": "L", "blocked": true},
			CodeNotSupported,
			"The following user attributes cannot be updated: family_name, picture. The connection (db) must either be a database connection (using the Auth0 store), a passwordless connection (email or sms) or has disabled 'Sync user profile attributes at each login'. For more information, see https://auth0.com/docs/dashboard/guides/connections/configure-connection-sync",
		},
		{
			"names of a secondary identity", database,
			values{"name": "x", "connection": "db2"},
			CodeNotSupported,
			"The following user attributes cannot be updated: name. The specified connection belongs to a secondary identity.",
		},
		{
			"own fields of the server", database,
			values{"user_id": "x", "logins_count": json.Number("1"), "name": "x"},
			CodeInvalidBody,
			`Payload validation error: 'Additional properties not allowed: logins_count,user_id (consider storing them in app_metadata or user_metadata. See "Users Metadata" in https://auth0.com/docs/api/v2/changes for more details)'.`,
		},
		{
			"a wrong type", database,
			values{"name": values{}},
			CodeInvalidBody,
			"Payload validation error: 'Expected type string but found type object' on property name (The user's full name.).",
		},
		{
			"null where it makes no sense", database,
			values{"blocked": nil},
			CodeInvalidBody,
			"Payload validation error: 'Expected type boolean but found type null' on property blocked (Whether this user was blocked by an administrator (true) or not (false).).",
		},
		{
			"a long name", database,
			values{"nickname": strings.Repeat("x", 301)},
			CodeInvalidBody,
			"Payload validation error: 'String is too long (301 chars), maximum 300' on property nickname (The user's nickname.).",
		},
		{
			"an empty password", database,
			values{"password": ""},
			CodeInvalidBody,
			"Payload validation error: 'String is too short (0 chars), minimum 1' on property password (New password for this user.).",
		},
		{
			"no address", database,
			values{"email": "jane"},
			CodeInvalidBody,
			"Payload validation error: 'Object didn't pass validation for format email: jane' on property email (The user's email.).",
		},
		{
			"password and address", database,
			values{"password": "x", "email": "a@example.com"},
			CodeInvalidBody,
			"Cannot update password and email simultaneously.",
		},
		{
			"username and password", database,
			values{"username": "x", "password": "x"},
			CodeInvalidBody,
			"Cannot update username and password simultaneously.",
		},
		{
			"a username where there are none",
			Connection{Name: "db", Kind: KindDatabase},
			values{"username": "x"},
			CodeNotSupported,
			"Cannot set username for connection without requires_username.",
		},
		{
			"a social user's address", socialEach,
			values{"email": "a@example.com"},
			CodeNotSupported,
			"Cannot update email for non-database user.",
		},
		{
			"an enterprise user's flag", enterprise,
			values{"email_verified": true},
			CodeNotSupported,
			"Email verification is not supported for enterprise users.",
		},
		{
			"an enterprise user's password", enterprise,
			values{"password": "x"},
			CodeNotSupported,
			"Connection is not supported for this operation.",
		},
		{
			"an SMS user's flag",
			Connection{Name: "sms", Kind: KindSMS},
			values{"email_verified": true},
			CodeNotSupported,
			"Connection is not supported for this operation.",
		},
		{
			"a social user's phone", socialEach,
			values{"phone_number": "+15550100"},
			CodeNotSupported,
			"Connection is not supported for this operation.",
		},
		{
			"a custom database's user",
			Connection{Name: "db", Kind: KindCustomDatabase, Sync: SyncEach},
			values{"username": "x"},
			CodeNotSupported, "Connection is not supported for this operation.",
		},
		{
			"a disabled connection",
			Connection{Name: "db", Kind: KindDatabase, Disabled: true},
			values{"password": "x"},
			CodeNotSupported,
			"Cannot change email or password for users in a disabled connection.",
		},
		{"a connection that the user doesn't have", database, values{"connection": "db3"}, CodeInvalidBody, "Connection does not exist."},
		{
			"the last identifier", database,
			values{"connection": "db2", "email": nil},
			CodeInvalidBody,
			"The last identifier of the user cannot be removed.",
		},
		{
			"a flag without its address", database,
			values{"phone_verified": true},
			CodeInvalidBody,
			"Cannot set phone_verified for a user without phone_number.",
		},
		{
			"a dot in a name", database,
			values{"user_metadata": values{"a": []any{values{"b.c": true}}}},
			CodeInvalidBody,
			"Payload validation error: 'Property names must not contain '.' or '$': b.c' on property user_metadata.",
		},
		{
			"a reserved name", database,
			values{"app_metadata": values{"email": nil}},
			CodeInvalidBody,
			"Payload validation error: 'Property name is reserved: email' on property app_metadata.",
		},
		{
			"metadata of the wrong type", database,
			values{"app_metadata": nil},
			CodeInvalidBody,
			"Payload validation error: 'Expected type object but found type null' on property app_metadata (User metadata to which this user has read-only access.).",
		},
		{
			"too much", database,
			values{"user_metadata": values{"x": strings.Repeat("x", maxProfileBytes)}},
			CodeInvalidBody,
			"The user profile is too large (1048796 bytes), maximum 1048576.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := databaseUser()
			_, err := Patch(u, c.body, PatchContext{
				Primary: c.connection, Target: Connection{Name: "db2", Kind: KindDatabase},
				PasswordHash: "$new", Now: noon,
			})
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("error %v", err)
			}
			mustEqual(t, "refusal", Refusal{Code: c.code, Message: c.want}, *refusal)
			mustEqual(t, "the user given", databaseUser(), u)
		})
	}
}

func TestPatchOfASecondaryIdentity(t *testing.T) {
	got, err := Patch(databaseUser(), values{"connection": "db2", "email": "third@example.com"},
		PatchContext{Primary: database, Target: Connection{Name: "db2", Kind: KindDatabase}, Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "root", databaseUser().Root, got.Root)
	mustEqual(t, "email", any("third@example.com"), got.Identities[2].ProfileData["email"])
	mustEqual(t, "email_verified", any(false), got.Identities[2].ProfileData["email_verified"])
	mustEqual(t, "name", any("J2"), got.Identities[2].ProfileData["name"])
}

func TestPatchOfThePassword(t *testing.T) {
	body := values{"password": "Passw0rd!x"}
	got, err := Patch(databaseUser(), body, PatchContext{Primary: database, PasswordHash: "$new", Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "hash", "$new", got.Identities[0].PasswordHash)
	mustEqual(t, "last_password_reset", any("2024-03-01T12:00:00.123Z"), Render(got)["last_password_reset"])
	if _, err := Patch(databaseUser(), body, PatchContext{Primary: database, Now: noon}); !errors.Is(err, ErrNoHash) {
		t.Errorf("error %v", err)
	}
}

func TestEchoedValuesKeepTheirOrigin(t *testing.T) {
	got, err := Patch(databaseUser(), values{"name": "jane@example.com", "nickname": "jj"}, PatchContext{Primary: database, Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "name", SourceGenerated, got.Provenance["name"].Source)
	mustEqual(t, "nickname", SourceAdmin, got.Provenance["nickname"].Source)
}

// FuzzPatch: no body makes Patch panic, change what it was given, or touch identities.
func FuzzPatch(f *testing.F) {
	f.Add(`{"name":"x","user_metadata":{"a":null}}`)
	f.Add(`{"email":"a@example.com","email_verified":true,"connection":"db2"}`)
	f.Add(`{"phone_number":"+1","username":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		var body User
		if err := json.Unmarshal([]byte(`{"root":`+text+`}`), &body); err != nil {
			return
		}
		u := databaseUser()
		got, err := Patch(u, body.Root, PatchContext{
			Primary: database, Target: Connection{Name: "db2", Kind: KindDatabase},
			PasswordHash: "$new", Now: noon,
		})
		mustEqual(t, "the user given", databaseUser(), u)
		if err != nil {
			return
		}
		for n, identity := range got.Identities {
			if identity.Key() != u.Identities[n].Key() {
				t.Errorf("identity %d changed", n)
			}
		}
		if _, err := json.Marshal(Render(got)); err != nil {
			t.Error(err)
		}
	})
}

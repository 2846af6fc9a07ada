package profilestore

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func githubUser() *User {
	return &User{
		ID: "github|55", Root: values{"name": "Hub", "nickname": "hub", "picture": "https://x.example/h"},
		Provenance: map[string]Provenance{"name": {Source: SourceIdP}},
		Identities: []Identity{
			{Connection: "github", Provider: "github", UserID: json.Number("55"), IsSocial: true},
			{Connection: "sms", Provider: "sms", UserID: "9", ProfileData: values{"phone_number": "+15550100"}},
		},
		UserMetadata: values{"lost": true},
	}
}

func plainUser() *User {
	return &User{
		ID: "auth0|1", Root: values{"email": "A@example.com", "name": "A"}, UserMetadata: values{"kept": true},
		Identities: []Identity{{Connection: "db", Provider: "auth0", UserID: "1"}},
	}
}

func TestLinkAndUnlink(t *testing.T) {
	linked, err := Link(plainUser(), githubUser(), noon)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "root", plainUser().Root, linked.Root)
	mustEqual(t, "metadata", plainUser().UserMetadata, linked.UserMetadata)
	mustEqual(t, "identities", []any{
		values{"connection": "db", "provider": "auth0", "user_id": "1", "isSocial": false},
		values{"connection": "github", "provider": "github", "user_id": json.Number("55"), "isSocial": true, "profileData": githubUser().Root},
		values{"connection": "sms", "provider": "sms", "user_id": "9", "isSocial": false, "profileData": values{"phone_number": "+15550100"}},
	}, RenderIdentities(linked))
	mustEqual(t, "login identifiers", []LoginIdentifier{
		{Connection: "db", Kind: LoginEmail, Value: "a@example.com"},
		{Connection: "sms", Kind: LoginPhone, Value: "+15550100"},
	}, linked.LoginIdentifiers())

	rest, freed, err := Unlink(linked, "github", "55", noon, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(rest.Identities) != 2 || rest.Identities[1].Connection != "sms" {
		t.Errorf("rest %+v", rest.Identities)
	}
	at := noon.Truncate(time.Millisecond)
	mustEqual(t, "the freed user", &User{
		ID: "github|55", Root: githubUser().Root, Provenance: githubUser().Provenance,
		Identities: githubUser().Identities[:1], CreatedAt: at, UpdatedAt: at,
	}, freed)

	_, freed, err = Unlink(linked, "sms", "sms|9", noon, "https://pics.example/a")
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "root", values{
		"phone_number": "+15550100", "name": "+15550100", "nickname": "+15550100",
		"picture": "https://pics.example/a/+1.png",
	}, freed.Root)
}

func TestLinkRefuses(t *testing.T) {
	linked, err := Link(plainUser(), githubUser(), noon)
	if err != nil {
		t.Fatal(err)
	}
	double := plainUser()
	double.ID = "auth0|other"
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"to itself", second(Link(plainUser(), plainUser(), noon)), ErrSameIdentity},
		{"the main identity once more", second(Link(plainUser(), double, noon)), ErrSameIdentity},
		{"twice", second(Link(linked, githubUser(), noon)), ErrIdentityExists},
		{"check: main", CheckLink(linked, Key{Connection: "db", Subject: "1"}), ErrSameIdentity},
		{"check: linked", CheckLink(linked, Key{Connection: "github", Subject: "55"}), ErrIdentityExists},
		{"check: new", CheckLink(linked, Key{Connection: "github", Subject: "56"}), nil},
		{"unlink the main identity", third(Unlink(linked, "auth0", "1", noon, "")), ErrMainIdentity},
		{"unlink a stranger", third(Unlink(linked, "github", "1", noon, "")), ErrNotFound},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, c.err, c.want)
		}
	}
}

func second(_ *User, err error) error { return err }

func third(_, _ *User, err error) error { return err }

func TestUnlinkNeverMakesTwoUsersWithOneID(t *testing.T) {
	u := plainUser()
	u.Identities = append(u.Identities, Identity{Connection: "db2", Provider: "auth0", UserID: "1"})
	if _, _, err := Unlink(u, "auth0", "1", noon, ""); !errors.Is(err, ErrUserIDTaken) {
		t.Errorf("error %v", err)
	}
}

func TestSecondaryLoginsChangeOnlyTheirProfileData(t *testing.T) {
	linked, err := Link(plainUser(), mustMerge(t, nil, google(t, values{"name": "G", "email": "g@example.com"}), social(SyncEach)), noon)
	if err != nil {
		t.Fatal(err)
	}
	got := mustMerge(t, linked, google(t, values{"name": "G2", "email": "g2@example.com"}), social(SyncEach))
	mustEqual(t, "root", linked.Root, got.Root)
	mustEqual(t, "name", any("G2"), got.Identities[1].ProfileData["name"])
	mustEqual(t, "nickname", any("g2"), got.Identities[1].ProfileData["nickname"])
	mustEqual(t, "logins_count", int64(1), got.LoginsCount)
}

func TestRenderShowsNothingOfOurOwn(t *testing.T) {
	u := plainUser()
	u.Identities[0].PasswordHash = "$hash"
	u.Identities[0].Raw = &Raw{Userinfo: json.RawMessage(`{"secret":1}`)}
	u.Provenance = map[string]Provenance{"name": {Source: SourceUser}}
	u.Root["user_id"], u.Root["blog"] = "auth0|admin", nil
	u.CreatedAt, u.UpdatedAt = noon, noon
	mustEqual(t, "rendered", values{
		"user_id": "auth0|1", "email": "A@example.com", "name": "A", "blog": nil, "user_metadata": values{"kept": true},
		"created_at": "2024-03-01T12:00:00.123Z", "updated_at": "2024-03-01T12:00:00.123Z",
		"identities": []any{values{"connection": "db", "provider": "auth0", "user_id": "1", "isSocial": false}},
	}, Render(u))
}

func TestFields(t *testing.T) {
	m := values{"a": 1, "b": 2, "c": 3}
	mustEqual(t, "included", values{"a": 1}, Fields(m, []string{"a", "x"}, true))
	mustEqual(t, "excluded", values{"b": 2, "c": 3}, Fields(m, []string{"a", "x"}, false))
	mustEqual(t, "all", m, Fields(m, nil, true))
}

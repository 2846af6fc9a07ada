package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
)

const (
	// kinds is how many kinds of people there are: see person.
	kinds = 10
	// blockSize is how many people share the times of their log-ins.
	blockSize = 10000
	// firstCode keeps all codes at eight digits, so that a code is never part of another one.
	firstCode  = 10_000_000
	mostPeople = 89_000_000

	database = "Username-Password-Authentication"
	// hash is argon2id of "Analytical-Engine-1843" with the server's parameters. Everybody has it.
	hash = "$argon2id$v=19$m=19456,t=2,p=1$YmVuY2gtbG9hZC1zYWx0MA$dKXDG08lTh7BRTz73iHDRt56ABYJDa/J3iPnJnbIJLI"
)

// code is the person's number as it stands in names, addresses and subjects. Nothing else in a profile may depend on the
// number, or look like a code: copies replace it as text.
func code(n int) string { return strconv.Itoa(firstCode + n) }

// person makes the person with this number as log-ins would have made them: half came through the provider of
// bench/upstream, the others have a password (3 in 10), Google (2 in 10) or GitHub (1 in 10); a third of those with a
// password have linked their Google account.
func person(n int) (*profilestore.User, error) {
	at := time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(n/blockSize) * time.Hour)
	switch n % kinds {
	case 0:
		return linked(n, at)
	case 2, 6:
		return withPassword(n, at)
	case 4:
		return loggedIn(googleAnswer(n), at)
	case 8:
		return loggedIn(githubAnswer(n), at)
	}
	return loggedIn(upstreamAnswer(n), at)
}

func withPassword(n int, at time.Time) (*profilestore.User, error) {
	conn := normalize.Connection{ID: "con_bench", Name: database, Strategy: "auth0"}
	profile, err := normalize.Map(normalize.Input{Connection: conn, Extra: map[string]any{"post_users": map[string]any{
		"_id": "0123456789abcdef" + code(n), "email": address(n), "email_verified": true, "name": "Ada " + code(n), "picture": "https://cdn.bench.example/" + code(n) + ".png",
		"user_metadata": map[string]any{"hobby": "engines", "language": "en", "newsletter": true},
		"app_metadata":  map[string]any{"plan": "free", "customer": "c-" + code(n), "roles": []any{"reader", "writer"}},
	}}})
	if err != nil {
		return nil, err
	}
	u := profilestore.New(profile, profilestore.MergeContext{
		Connection: profilestore.ConnectionOf(conn), Now: at, Source: profilestore.SourceImport,
	})
	u.Identities[0].PasswordHash = hash
	return u, nil
}

// linked is somebody with a password and a Google account.
func linked(n int, at time.Time) (*profilestore.User, error) {
	primary, err := withPassword(n, at)
	if err != nil {
		return nil, err
	}
	secondary, err := loggedIn(googleAnswer(n), at)
	if err != nil {
		return nil, err
	}
	return profilestore.Link(primary, secondary, at)
}

// loggedIn is somebody whom an identity provider has just told about.
func loggedIn(in normalize.Input, at time.Time) (*profilestore.User, error) {
	profile, err := normalize.Map(in)
	if err != nil {
		return nil, err
	}
	raw := &profilestore.Raw{At: at}
	if raw.Userinfo, err = json.Marshal(in.Userinfo); err != nil {
		return nil, err
	}
	if in.IDToken != nil {
		if raw.IDToken, err = json.Marshal(in.IDToken); err != nil {
			return nil, err
		}
	}
	return profilestore.Merge(nil, profile, profilestore.MergeContext{
		Connection: profilestore.ConnectionOf(in.Connection), Now: at, IP: "192.0.2.10", Raw: raw,
	})
}

func address(n int) string { return fmt.Sprintf("person%s@bench.example", code(n)) }

// upstreamAnswer is what bench/upstream says.
func upstreamAnswer(n int) normalize.Input {
	userinfo := map[string]any{
		"sub": "person-" + code(n), "name": "Person " + code(n), "given_name": "Person", "family_name": code(n),
		"email": address(n), "email_verified": true, "picture": "https://bench.example/p.png", "locale": "en", "department": "Load",
	}
	return normalize.Input{
		Connection: normalize.Connection{ID: "con_up", Name: "up", Strategy: "oidc"}, Userinfo: userinfo,
		IDToken: idToken(userinfo, "http://127.0.0.1:9400"),
	}
}

func googleAnswer(n int) normalize.Input {
	userinfo := map[string]any{
		"sub": "1171171171171" + code(n), "name": "Grace " + code(n), "given_name": "Grace", "family_name": code(n),
		"email": "grace" + code(n) + "@gmail.example", "email_verified": true,
		"picture": "https://lh3.googleusercontent.example/a/" + code(n) + "=s96-c", "locale": "en",
	}
	return normalize.Input{
		Connection: normalize.Connection{ID: "con_google", Name: "google-oauth2", Strategy: "google-oauth2"}, Userinfo: userinfo,
		IDToken: idToken(userinfo, "https://accounts.google.com"),
	}
}

func idToken(userinfo map[string]any, issuer string) map[string]any {
	claims := map[string]any{
		"iss": issuer, "aud": "bench-at-up", "nonce": "bm9uY2Utb2YtYS1sb2ctaW4", "iat": json.Number("1735718400"), "exp": json.Number("1735722000"),
	}
	for name, value := range userinfo {
		claims[name] = value
	}
	return claims
}

func githubAnswer(n int) normalize.Input {
	login := "octo" + code(n)
	base := "https://api.github.example/users/" + login
	return normalize.Input{
		Connection: normalize.Connection{ID: "con_github", Name: "github", Strategy: "github"},
		Userinfo: map[string]any{
			"id": json.Number(code(n)), "login": login, "node_id": "U_" + code(n), "type": "User", "site_admin": false,
			"name": "Octo " + code(n), "email": login + "@github.example", "bio": "Works on engines", "company": "Bench",
			"location": "London", "blog": "", "public_repos": json.Number("12"), "followers": json.Number("34"),
			"avatar_url": "https://avatars.githubusercontent.example/u/" + code(n), "url": base, "html_url": "https://github.example/" + login,
			"followers_url": base + "/followers", "repos_url": base + "/repos", "events_url": base + "/events{/privacy}",
			"created_at": "2015-03-04T05:06:07Z", "updated_at": "2024-12-31T05:06:07Z",
		},
	}
}

package mgmtapi

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/profilestore"
)

func TestSearchesThatAreRead(t *testing.T) {
	for q, want := range map[string][]profilestore.Term{
		"":                            nil,
		"  ":                          nil,
		`email:"jane@example.com"`:    {{Field: "email", Value: "jane@example.com"}},
		`email:jane@example.com`:      {{Field: "email", Value: "jane@example.com"}},
		`user_id:"auth0|1"`:           {{Field: "user_id", Value: "auth0|1"}},
		`name:Jane\ Doe`:              {{Field: "name", Value: "Jane Doe"}},
		`name:"a \"b\" \\ AND c"`:     {{Field: "name", Value: `a "b" \ AND c`}},
		`name:""`:                     {{Field: "name", Value: ""}},
		`blocked:true AND name:"Jö*"`: {{Field: "blocked", Value: "true"}, {Field: "name", Value: "Jö*"}},
		` name:a  AND  nickname:b `:   {{Field: "name", Value: "a"}, {Field: "nickname", Value: "b"}},
		`app_metadata.plan.tier:"x"`:  {{Field: "app_metadata.plan.tier", Value: "x"}},
		`identities.provider:auth0`:   {{Field: "identities.provider", Value: "auth0"}},
		`user_metadata.a-b:1`:         {{Field: "user_metadata.a-b", Value: "1"}},
		`name:x\*`:                    {{Field: "name", Value: "x*"}},
	} {
		got, err := parseSearch(q)
		if err != nil {
			t.Errorf("%q: %v", q, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", q, diff)
		}
	}
}

func TestSearchesThatAreRefused(t *testing.T) {
	for q, problem := range map[string]string{
		`jane`:                  "a term is field:value",
		`"jane doe"`:            "a term is field:value",
		`password:x`:            "can't be searched by this field",
		`created_at:2024-01-01`: "can't be searched by this field",
		`user_metadata:x`:       "can't be searched by this field",
		`user_metadata.:x`:      "can't be searched by this field",
		`app_metadata.a..b:x`:   "can't be searched by this field",
		`_exists_:email`:        "can't be searched by this field",
		`-name:x`:               "can't be searched by this field",
		`name:`:                 "a value is expected",
		`name: x`:               "a value is expected",
		`name:a name:b`:         "AND is expected",
		`name:a and name:b`:     "AND is expected",
		`name:a ANDname:b`:      "AND is expected",
		`name:a AND`:            "AND is expected",
		`name:a AND `:           "a term is expected after AND",
		`name:a OR name:b`:      "OR is not supported",
		`name:a NOT name:b`:     "NOT is not supported",
		`name:a && name:b`:      "&& is not supported",
		`NOT name:a`:            "a term is field:value",
		`name:a*`:               "wildcards are not supported",
		`name:?a`:               "wildcards are not supported",
		`name:(a OR b)`:         "not supported outside of quotation marks",
		`logins_count:[1 TO 5]`: "not supported outside of quotation marks",
		`logins_count:>5`:       "not supported outside of quotation marks",
		`name:a~`:               "not supported outside of quotation marks",
		`name:"a`:               "has no partner",
		`name:"a\`:              "after the backslash",
		`name:a\`:               "after the backslash",
		`name:"a"b`:             "a blank is expected",
		"name:\x00":             "is not text",
		"name:\xff":             "is not text",
		strings.Repeat("name:a AND ", 20) + "name:a": "more than 20 terms",
	} {
		_, err := parseSearch(q)
		var refused *searchError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v, want %q", q, err, problem)
		}
	}
}

// Whatever comes in, a read search means what it says when its terms are written out in full.
func FuzzParseSearch(f *testing.F) {
	for _, seed := range []string{`email:"a"`, `name:a\ b AND blocked:true`, `app_metadata.x:"\""`, `name:"`, "name:a AND "} {
		f.Add(seed)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, q string) {
		terms, err := parseSearch(q)
		var refused *searchError
		if err != nil {
			if !errors.As(err, &refused) || refused.Offset < 0 || refused.Offset > len(q) {
				t.Fatalf("%q: %v", q, err)
			}
			return
		}
		var written []string
		for _, term := range terms {
			written = append(written, term.Field+`:"`+quote.Replace(term.Value)+`"`)
		}
		again, err := parseSearch(strings.Join(written, " AND "))
		if err != nil {
			t.Fatalf("%q: %v", q, err)
		}
		if diff := cmp.Diff(terms, again); diff != "" {
			t.Fatalf("%q (-first +second):\n%s", q, diff)
		}
	})
}

package vectors_test

import (
	"testing"

	"github.com/latchkey-id/latchkey/internal/vectors"
)

// A matcher that lets everything pass would make every vector worthless: each is held to a value it takes and one it refuses.
func TestDifferences(t *testing.T) {
	for _, c := range []struct{ name, want, fits, differs string }{
		{"a scalar", `1`, `1`, `1.0`},
		{"a scalar of another type", `"1"`, `"1"`, `1`},
		{"null", `null`, `null`, `""`},
		{"a subset", `{"a":1}`, `{"a":1,"b":2}`, `{"b":2}`},
		{"a deeper subset", `{"a":{"b":1}}`, `{"a":{"b":1,"c":2}}`, `{"a":{"b":2}}`},
		{"an object and no list", `{"a":1}`, `{"a":1}`, `[1]`},
		{"an empty object", `{}`, `{}`, `{"a":1}`},
		{"a list", `[1,{"a":1}]`, `[1,{"a":1,"b":2}]`, `[1]`},
		{"a list's order", `[1,2]`, `[1,2]`, `[2,1]`},
		{"whatever", `{"x":{"any":true}}`, `{"x":{"deep":1}}`, `{}`},
		{"regex", `{"$regex":"^a+$"}`, `"aa"`, `"ab"`},
		{"regex for a number", `{"$regex":"1"}`, `"1"`, `1`},
		{"not", `{"x":{"$not":1}}`, `{"x":2}`, `{"x":1}`},
		{"not, as it is missing", `{"x":{"$not":1}}`, `{}`, `{"x":1}`},
		{"absent", `{"x":{"$absent":true}}`, `{}`, `{"x":null}`},
		{"absent or", `{"x":{"$absent_or":1}}`, `{}`, `{"x":2}`},
		{"absent or there", `{"x":{"$absent_or":1}}`, `{"x":1}`, `{"x":null}`},
		{"exact", `{"$exact":{"a":1}}`, `{"a":1}`, `{"a":1,"b":2}`},
		{"exact values", `{"$exact":{"a":1}}`, `{"a":1}`, `{"a":2}`},
		{"exactly nothing", `{"$exact":{}}`, `{}`, `"text"`},
		{
			"gravatar", `{"$gravatar":{"md5":"0a","initials":"jo"}}`, `"https://s.gravatar.com/avatar/0a?s=480&r=pg&d=https%3A%2F%2Fx%2Fjo.png"`,
			`"https://s.gravatar.com/avatar/0b?s=480&r=pg&d=https%3A%2F%2Fx%2Fjo.png"`,
		},
		{
			"gravatar's initials", `{"$gravatar":{"md5":"0a","initials":"jo"}}`, `"https://s.gravatar.com/avatar/0a?s=480&r=pg&d=https%3A%2F%2Fx%2Fjo.png"`,
			`"https://s.gravatar.com/avatar/0a?s=480&r=pg&d=https%3A%2F%2Fx%2Fxx.png"`,
		},
		{"avatar", `{"$avatar":"jo"}`, `"https://x/jo.png"`, `"https://x/ajo.png"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if problems := vectors.Differences("it", vectors.Parse(t, c.fits), vectors.Parse(t, c.want)); problems != nil {
				t.Errorf("%s is refused: %q", c.fits, problems)
			}
			if problems := vectors.Differences("it", vectors.Parse(t, c.differs), vectors.Parse(t, c.want)); len(problems) == 0 {
				t.Errorf("%s is taken", c.differs)
			}
		})
	}
}

func TestMalformedArgumentsMatchNothing(t *testing.T) {
	for _, want := range []string{`{"$regex":1}`, `{"$regex":"("}`, `{"$gravatar":"x"}`, `{"$exact":1}`} {
		if problems := vectors.Differences("it", "text", vectors.Parse(t, want)); len(problems) == 0 {
			t.Errorf("%s takes everything", want)
		}
	}
}

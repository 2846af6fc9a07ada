package vectors

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Differences compares a value with an expectation and says what differs, line by line; path names the value.
func Differences(path string, got, want any) []string {
	switch w := want.(type) {
	case map[string]any:
		if len(w) == 1 {
			for name, arg := range w {
				if m, ok := matchers()[name]; ok {
					return m(path, got, arg)
				}
			}
		}
		return objectDifferences(path, got, w)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return complain(path, got, want)
		}
		var problems []string
		for i := range w {
			problems = append(problems, Differences(fmt.Sprintf("%s[%d]", path, i), g[i], w[i])...)
		}
		return problems
	}
	if !reflect.DeepEqual(got, want) {
		return []string{fmt.Sprintf("%s: got %#v, want %#v", path, got, want)}
	}
	return nil
}

func objectDifferences(path string, got any, want map[string]any) []string {
	g, ok := got.(map[string]any)
	if !ok || len(want) == 0 && len(g) > 0 {
		return complain(path, got, want)
	}
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		v, there := g[name]
		if !there && !toleratesAbsence(want[name]) {
			problems = append(problems, path+"."+name+" is missing")
			continue
		}
		if there {
			problems = append(problems, Differences(path+"."+name, v, want[name])...)
		}
	}
	return problems
}

func toleratesAbsence(want any) bool {
	m, ok := want.(map[string]any)
	if !ok || len(m) != 1 {
		return false
	}
	for name := range m {
		return name == "$not" || name == "$absent" || name == "$absent_or"
	}
	return false
}

func complain(path string, got, want any) []string {
	return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
}

// matchers are what an expectation can ask for by name. An argument of the wrong type matches nothing.
func matchers() map[string]func(path string, got, arg any) []string {
	return map[string]func(string, any, any) []string{
		"any":        func(string, any, any) []string { return nil },
		"$absent":    func(path string, got, _ any) []string { return complain(path, got, "nothing") },
		"$absent_or": Differences,
		"$not": func(path string, got, arg any) []string {
			if len(Differences(path, got, arg)) == 0 {
				return complain(path, got, fmt.Sprintf("anything but %v", arg))
			}
			return nil
		},
		"$exact": func(path string, got, arg any) []string {
			g, _ := got.(map[string]any)
			if a, ok := arg.(map[string]any); !ok || len(g) != len(a) {
				return complain(path, got, arg)
			}
			return objectDifferences(path, got, arg.(map[string]any))
		},
		"$regex":    whenText(matchesRegex),
		"$gravatar": whenText(isGravatar),
		"$avatar": whenText(func(s string, arg any) bool {
			return strings.HasSuffix(s, fmt.Sprintf("/%v.png", arg))
		}),
	}
}

func whenText(fits func(s string, arg any) bool) func(path string, got, arg any) []string {
	return func(path string, got, arg any) []string {
		if s, ok := got.(string); ok && fits(s, arg) {
			return nil
		}
		return complain(path, got, arg)
	}
}

func matchesRegex(s string, arg any) bool {
	expression, ok := arg.(string)
	if !ok {
		return false
	}
	matched, err := regexp.MatchString(expression, s)
	return err == nil && matched
}

func isGravatar(s string, arg any) bool {
	a, ok := arg.(map[string]any)
	return ok && strings.HasPrefix(s, fmt.Sprintf("https://s.gravatar.com/avatar/%v?s=480&r=pg&d=", a["md5"])) &&
		strings.HasSuffix(s, fmt.Sprintf("%%2F%v.png", a["initials"]))
}

package profilestore

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// match compares a value with an expectation and returns the differences. Objects match as subsets.
func match(path string, got, want any) []string {
	switch w := want.(type) {
	case map[string]any:
		if len(w) == 1 {
			for key, arg := range w {
				if m, ok := matchers()[key]; ok {
					return m(path, got, arg)
				}
			}
		}
		return matchObject(path, got, w)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
		}
		var problems []string
		for i := range w {
			problems = append(problems, match(fmt.Sprintf("%s[%d]", path, i), g[i], w[i])...)
		}
		return problems
	}
	if !reflect.DeepEqual(got, want) {
		return []string{fmt.Sprintf("%s: got %#v, want %#v", path, got, want)}
	}
	return nil
}

func matchObject(path string, got any, want map[string]any) []string {
	g, ok := got.(map[string]any)
	if !ok || len(want) == 0 && len(g) > 0 {
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		v, there := g[key]
		if !there && !toleratesAbsence(want[key]) {
			problems = append(problems, path+"."+key+" is missing")
			continue
		}
		if there {
			problems = append(problems, match(path+"."+key, v, want[key])...)
		}
	}
	return problems
}

func toleratesAbsence(want any) bool {
	m, ok := want.(map[string]any)
	if !ok || len(m) != 1 {
		return false
	}
	for key := range m {
		return key == "$not" || key == "$absent" || key == "$absent_or"
	}
	return false
}

func matchers() map[string]func(path string, got, arg any) []string {
	complain := func(ok bool, path string, got, want any) []string {
		if ok {
			return nil
		}
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	return map[string]func(string, any, any) []string{
		"$regex": func(path string, got, arg any) []string {
			s, ok := got.(string)
			return complain(ok && regexp.MustCompile(arg.(string)).MatchString(s), path, got, arg)
		},
		"$not": func(path string, got, arg any) []string {
			return complain(len(match(path, got, arg)) > 0, path, got, "not that")
		},
		"any": func(string, any, any) []string { return nil },
		"$exact": func(path string, got, arg any) []string {
			g, _ := got.(map[string]any)
			return complain(len(g) == len(arg.(map[string]any)) && len(match(path, got, arg)) == 0, path, got, arg)
		},
		"$absent_or": func(path string, got, arg any) []string { return match(path, got, arg) },
		"$absent":    func(path string, got, arg any) []string { return complain(false, path, got, "nothing") },
		"$gravatar": func(path string, got, arg any) []string {
			a := arg.(map[string]any)
			s, _ := got.(string)
			ok := strings.HasPrefix(s, fmt.Sprintf("https://s.gravatar.com/avatar/%v?s=480&r=pg&d=", a["md5"])) &&
				strings.HasSuffix(s, fmt.Sprintf("%%2F%v.png", a["initials"]))
			return complain(ok, path, got, arg)
		},
		"$avatar": func(path string, got, arg any) []string {
			s, _ := got.(string)
			return complain(strings.HasSuffix(s, fmt.Sprintf("/%v.png", arg)), path, got, arg)
		},
	}
}

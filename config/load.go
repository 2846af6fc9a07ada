package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Mode is what the process is for; it decides what counts as safe.
type Mode int

const (
	// Dev is one machine with nothing at stake.
	Dev Mode = iota
	// Serve is production: unsafe configurations are refused.
	Serve
)

// Sources are the layers above the defaults, the lowest first.
type Sources struct {
	// File is the name of the YAML file, which is read unless Data is given. Both may be empty.
	File string
	Data []byte
	// Env is the environment, "NAME=value" each. Variables that don't begin with LATCHKEY_ are not looked at, empty ones
	// count as not set.
	Env []string
	// Flags maps keys to their values, which are written as in the environment.
	Flags map[string]string
	Mode  Mode
}

// ownVariables begin with LATCHKEY_ without being keys.
var ownVariables = []string{
	"LATCHKEY_CONFIG", // the file's name, for the command line
	"LATCHKEY_UPDATE", // tells tests to rewrite their expectations
}

// Load reads and checks a configuration. Its error is [Problems].
func Load(src Sources) (*Config, error) {
	fields := Fields()
	c := &Config{origins: map[string]place{}}
	problems := defaults(c, fields)

	data, wrong := src.data()
	problems = append(problems, wrong...)
	settings, wrong := readFile(src.File, data, fields)
	problems = append(problems, wrong...)
	fromEnv, wrong := readEnv(src.Env, fields)
	problems = append(problems, wrong...)
	fromFlags, wrong := readFlags(src.Flags, fields)
	problems = append(problems, wrong...)

	for _, s := range slices.Concat(settings, fromEnv, fromFlags) {
		c.origins[s.field.Key] = s.place
		if wrong := s.field.set(c, s.text); wrong != nil {
			problems = append(problems, Problem{Key: s.field.Key, Text: wrong.text, Allowed: wrong.allowed, place: s.place})
		}
	}
	check := checker{c: c, mode: src.Mode, bad: map[string]bool{}}
	for _, p := range problems {
		check.bad[p.Key] = true
	}
	problems = append(problems, check.all()...)
	if len(problems) > 0 {
		problems.sort()
		return nil, problems
	}
	return c, nil
}

// data returns the file's text. Its name stands for standard places such as /dev/stdin too, so no more than the limit
// is read.
func (s *Sources) data() ([]byte, Problems) {
	if s.Data != nil || s.File == "" {
		if s.File == "" {
			s.File = "configuration"
		}
		return s.Data, nil
	}
	f, err := os.Open(s.File)
	if err != nil {
		return nil, Problems{{Text: cause(err), place: place{file: s.File}}}
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, Problems{{Text: cause(err), place: place{file: s.File}}}
	}
	return data, nil
}

// cause is an error of the file system without the path, which the problem's line begins with.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func defaults(c *Config, fields []Field) Problems {
	var problems Problems
	for _, f := range fields {
		if f.Default == "" {
			continue
		}
		if wrong := f.set(c, f.Default); wrong != nil {
			problems = append(problems, Problem{Key: f.Key, Text: "default: " + wrong.text, Allowed: wrong.allowed})
		}
	}
	return problems
}

func readEnv(env []string, fields []Field) ([]setting, Problems) {
	byName := map[string]Field{}
	var names []string
	for _, f := range fields {
		byName[f.Env] = f
		names = append(names, f.Env)
	}
	var settings []setting
	var problems Problems
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || value == "" || notOurs(name) {
			continue
		}
		field, ok := byName[name]
		if !ok {
			problems = append(problems, unknown("variable", name, names, place{env: name}))
			continue
		}
		settings = append(settings, setting{field: field, text: value, place: place{env: name}})
	}
	return settings, problems
}

// notOurs leaves out the commands' own variables and those that Kubernetes and Docker set for a service of this name.
func notOurs(name string) bool {
	return slices.Contains(ownVariables, name) || name == "LATCHKEY_PORT" || name == "LATCHKEY_SERVICE_HOST" ||
		strings.HasPrefix(name, "LATCHKEY_PORT_") || strings.HasPrefix(name, "LATCHKEY_SERVICE_PORT")
}

func readFlags(flags map[string]string, fields []Field) ([]setting, Problems) {
	byKey := map[string]Field{}
	var keys []string
	for _, f := range fields {
		byKey[f.Key] = f
		keys = append(keys, f.Key)
	}
	var settings []setting
	var problems Problems
	for name, value := range flags {
		field, ok := byKey[name]
		if !ok {
			problems = append(problems, unknown("flag", name, keys, place{flag: name}))
			continue
		}
		settings = append(settings, setting{field: field, text: value, place: place{flag: name}})
	}
	return settings, problems
}

func unknown(what, name string, known []string, where place) Problem {
	text := "unknown " + what
	if guess := nearest(name, known); guess != "" {
		text += fmt.Sprintf(", did you mean %q?", guess)
	}
	return Problem{Text: text, place: where}
}

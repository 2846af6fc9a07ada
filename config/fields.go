package config

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field is one key of the configuration, as the tags of [Config] tell it.
type Field struct {
	Key     string   // full path, such as "log.level"
	Env     string   // variable that sets it, such as "LATCHKEY_LOG_LEVEL"
	Path    []string // names of the Go fields that lead to it
	Type    string   // for people: "text", "secret", "yes or no", "number", "fraction", "duration", "list of networks"
	Default string   // as the environment would give it
	Allowed []string // closed list of values, or nil
	// Min and Max are the bounds of numbers, fractions and durations, as in the tags.
	Min, Max string

	index []int
}

const envPrefix = "LATCHKEY_"

// Fields returns all keys in the order of [Config].
func Fields() []Field { return fieldsOf(reflect.TypeFor[Config](), Field{}) }

func fieldsOf(t reflect.Type, parent Field) []Field {
	var fields []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, ok := sf.Tag.Lookup("key")
		if !ok {
			continue
		}
		f := Field{
			Key:     strings.TrimPrefix(parent.Key+"."+name, "."),
			Path:    append(slices.Clone(parent.Path), sf.Name),
			Type:    typeName(sf.Type),
			Default: sf.Tag.Get("default"),
			Min:     sf.Tag.Get("min"),
			Max:     sf.Tag.Get("max"),
			index:   append(slices.Clone(parent.index), i),
		}
		if f.Type == "" {
			fields = append(fields, fieldsOf(sf.Type, f)...)
			continue
		}
		f.Env = envPrefix + strings.ToUpper(strings.ReplaceAll(f.Key, ".", "_"))
		f.Allowed = splitList(sf.Tag.Get("allowed"))
		fields = append(fields, f)
	}
	return fields
}

// typeName is empty for sections.
func typeName(t reflect.Type) string {
	switch reflect.Zero(t).Interface().(type) {
	case string:
		return "text"
	case Secret:
		return "secret"
	case bool:
		return "yes or no"
	case int64:
		return "number"
	case float64:
		return "fraction"
	case time.Duration:
		return "duration"
	case Networks:
		return "list of networks"
	case Private:
		return "yes or no, or a list of networks"
	}
	return ""
}

// mistake is what is wrong with a value.
type mistake struct{ text, allowed string }

const (
	allowedBool     = "true, false"
	allowedDuration = "a duration such as 30s, 5m or 1h"
	allowedNetworks = "CIDR such as 10.0.0.0/8, or an address"
)

// set parses the text and stores it in c.
func (f Field) set(c *Config, text string) *mistake {
	target := reflect.ValueOf(c).Elem().FieldByIndex(f.index)
	value, wrong := f.parse(target.Interface(), text)
	if wrong != nil {
		return wrong
	}
	target.Set(reflect.ValueOf(value))
	return nil
}

func (f Field) parse(current any, text string) (any, *mistake) {
	switch current.(type) {
	case string:
		if len(f.Allowed) > 0 && !slices.Contains(f.Allowed, text) {
			return nil, &mistake{fmt.Sprintf("%q is not known", text), strings.Join(f.Allowed, ", ")}
		}
		return text, nil
	case Secret:
		return Secret(text), nil
	case bool:
		return parseBool(text)
	case int64:
		return f.parseNumber(text)
	case float64:
		return f.parseFraction(text)
	case time.Duration:
		return f.parseDuration(text)
	case Networks:
		list, err := parseNetworks(splitList(text))
		if err != nil {
			return nil, &mistake{err.Error(), allowedNetworks}
		}
		return list, nil
	case Private:
		return parsePrivate(text)
	}
	return nil, &mistake{text: fmt.Sprintf("has a type that can't be set: %T", current)}
}

func parseBool(text string) (any, *mistake) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, &mistake{fmt.Sprintf("%q is neither true nor false", text), allowedBool}
}

func parsePrivate(text string) (any, *mistake) {
	switch text {
	case "true":
		return Private{All: true}, nil
	case "false":
		return Private{}, nil
	}
	list, err := parseNetworks(splitList(text))
	if err != nil {
		return nil, &mistake{err.Error(), allowedBool + ", or a list of " + allowedNetworks}
	}
	return Private{Networks: list}, nil
}

func (f Field) parseNumber(text string) (any, *mistake) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, &mistake{fmt.Sprintf("%q is not a whole number", text), f.Min + " to " + f.Max}
	}
	parse := func(bound string) (int64, error) { return strconv.ParseInt(bound, 10, 64) }
	if wrong := within(f, n, text, parse); wrong != nil {
		return nil, wrong
	}
	return n, nil
}

func (f Field) parseFraction(text string) (any, *mistake) {
	parse := func(text string) (float64, error) { return strconv.ParseFloat(text, 64) }
	x, err := parse(text)
	if err != nil || math.IsNaN(x) {
		return nil, &mistake{fmt.Sprintf("%q is not a number", text), f.Min + " to " + f.Max}
	}
	if wrong := within(f, x, text, parse); wrong != nil {
		return nil, wrong
	}
	return x, nil
}

func (f Field) parseDuration(text string) (any, *mistake) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, &mistake{fmt.Sprintf("%q is not a duration", text), allowedDuration}
	}
	if wrong := within(f, d, text, time.ParseDuration); wrong != nil {
		return nil, wrong
	}
	return d, nil
}

func within[T cmp.Ordered](f Field, value T, text string, parse func(string) (T, error)) *mistake {
	least, err := parse(f.Min)
	if err != nil {
		return &mistake{text: "has a lower bound that can't be read: " + f.Min}
	}
	most, err := parse(f.Max)
	if err != nil {
		return &mistake{text: "has an upper bound that can't be read: " + f.Max}
	}
	if value < least || value > most {
		return &mistake{text + " is out of bounds", f.Min + " to " + f.Max}
	}
	return nil
}

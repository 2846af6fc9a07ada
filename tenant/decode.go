package tenant

import (
	"fmt"
	"maps"
	"reflect"
	"strconv"
)

// decoder writes nodes into the structs of this package by their yaml tags. It writes only what a node names, so decoding
// a part of a noun onto an existing one changes just that part; null sets a key back to nothing.
type decoder struct {
	report func(at place, path, format string, args ...any)
}

// noun decodes n into target, a pointer to a struct, and keeps what the struct has no field for in rest.
func (d decoder) noun(n *node, target any, rest *map[string]any) {
	unknown := d.structure(n, reflect.ValueOf(target).Elem(), "")
	if len(unknown) == 0 {
		return
	}
	kept := make(map[string]any, len(*rest)+len(unknown))
	maps.Copy(kept, *rest)
	maps.Copy(kept, unknown)
	*rest = kept
}

// structure returns the keys that the struct has no field for, nested as in the file.
func (d decoder) structure(n *node, v reflect.Value, path string) map[string]any {
	if n.kind != kindMap {
		d.report(n.place, path, "expected an object, got %s", n.kind)
		return nil
	}
	unknown := map[string]any{}
	for _, f := range n.fields {
		target, known := fieldByTag(v, f.key)
		if !known {
			unknown[f.key] = f.value.value()
			continue
		}
		at := f.key
		if path != "" {
			at = path + "." + f.key
		}
		if left := d.value(f.value, target, at); left != nil {
			unknown[f.key] = left
		}
	}
	return unknown
}

func fieldByTag(v reflect.Value, key string) (reflect.Value, bool) {
	t := v.Type()
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag == key && tag != "-" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// value returns what didn't fit into v: the unknown keys of a struct, or a whole list where its members have such keys.
func (d decoder) value(n *node, v reflect.Value, path string) any {
	if n.kind == kindNull {
		v.SetZero()
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			fresh.Elem().Set(v.Elem())
		}
		left := d.value(n, fresh.Elem(), path)
		v.Set(fresh)
		return left
	case reflect.Struct:
		if left := d.structure(n, v, path); len(left) > 0 {
			return left
		}
	case reflect.Slice:
		return d.list(n, v, path)
	case reflect.Map:
		d.object(n, v, path)
	default:
		d.scalar(n, v, path)
	}
	return nil
}

func (d decoder) scalar(n *node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if n.kind == kindText {
			v.SetString(n.text)
			return
		}
		d.report(n.place, path, "expected text, got %s", n.kind)
	case reflect.Bool:
		if n.kind == kindBool {
			v.SetBool(n.truth)
			return
		}
		d.report(n.place, path, "expected true or false, got %s", n.kind)
	case reflect.Int:
		i, err := strconv.ParseInt(n.text, 10, 32)
		if n.kind != kindNumber || err != nil {
			d.report(n.place, path, "expected a whole number, got %s", d.got(n))
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.text, 64)
		if n.kind != kindNumber || err != nil {
			d.report(n.place, path, "expected a number, got %s", d.got(n))
			return
		}
		v.SetFloat(f)
	default:
		d.report(n.place, path, "can't be set in a file")
	}
}

// got shows numbers, which are never secret, and only the kind of everything else.
func (decoder) got(n *node) string {
	if n.kind == kindNumber {
		return n.text
	}
	return n.kind.String()
}

func (d decoder) list(n *node, v reflect.Value, path string) any {
	if n.kind != kindList {
		d.report(n.place, path, "expected a list, got %s", n.kind)
		return nil
	}
	list := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	var left any
	for i, item := range n.items {
		at := indexPath(path, i)
		if item.kind == kindNull {
			d.report(item.place, at, "is empty")
			continue
		}
		if d.value(item, list.Index(i), at) != nil {
			left = n.value()
		}
	}
	v.Set(list)
	return left
}

func (d decoder) object(n *node, v reflect.Value, path string) {
	if n.kind != kindMap {
		d.report(n.place, path, "expected an object, got %s", n.kind)
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.fields))
	for _, f := range n.fields {
		if v.Type().Elem().Kind() == reflect.Interface {
			member := reflect.Zero(v.Type().Elem())
			if value := f.value.value(); value != nil {
				member = reflect.ValueOf(value)
			}
			m.SetMapIndex(reflect.ValueOf(f.key), member)
			continue
		}
		if f.value.kind == kindNull { // metadata: null removes a key
			continue
		}
		member := reflect.New(v.Type().Elem()).Elem()
		d.value(f.value, member, path+"."+f.key)
		m.SetMapIndex(reflect.ValueOf(f.key), member)
	}
	v.Set(m)
}

func indexPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

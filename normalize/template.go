package normalize

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// attributeMap applies options.attribute_map of an OpenID Connect connection (Auth0: Configure PKCE and Claim Mapping for
// OIDC Connections): bind_all keeps all claims, use_map makes the attributes from templates, basic_profile keeps the
// standard ones.
func attributeMap(d *draft, _ Input) {
	options, _ := d.conn.Options["attribute_map"].(map[string]any)
	switch mode := options["mapping_mode"]; mode {
	case nil, "bind_all":
	case "use_map":
		attributes, _ := options["attributes"].(map[string]any)
		d.claims = mapped(d, attributes)
	case "basic_profile":
		for key := range d.claims {
			if _, standard := Lookup(key); !standard && key != "phone_number_verified" {
				delete(d.claims, key)
			}
		}
	default:
		d.warn("attribute_map.mapping_mode %v is unknown; all claims were taken", mode)
	}
}

func mapped(d *draft, attributes map[string]any) map[string]claim {
	claims := make(map[string]claim, len(attributes))
	for key, v := range attributes {
		field := "attribute_map." + key
		template, ok := v.(string)
		if !ok {
			claims[key] = claim{value: v, field: field, from: own}
			continue
		}
		if path, whole := wholeTemplate(template); whole {
			if v, ok := d.resolve(path); ok {
				claims[key] = claim{value: v, field: upstreamField(path), from: own}
			}
			continue
		}
		claims[key] = claim{value: d.fill(template), field: field, from: own}
	}
	return claims
}

// wholeTemplate returns the path of a template that is nothing but one "${path}". Its value keeps its type.
func wholeTemplate(template string) (path string, ok bool) {
	inner, ok := strings.CutPrefix(template, "${")
	if !ok {
		return "", false
	}
	inner, rest, ok := strings.Cut(inner, "}")
	return inner, ok && rest == ""
}

// fill puts values into a template with text around them. What has no value leaves no text.
func (d *draft) fill(template string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "${")
		path, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			out.WriteString(template)
			return out.String()
		}
		out.WriteString(before)
		if v, ok := d.resolve(path); ok {
			out.WriteString(plain(v))
		}
		template = after
	}
}

// resolve finds the value of a path such as context.userinfo.groups.
func (d *draft) resolve(path string) (any, bool) {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(path, "context."), ".")
	if !strings.HasPrefix(path, "context.") || rest == "" {
		d.warn("attribute_map: ${%s} is unknown", path)
		return nil, false
	}
	switch kind {
	case "tokenset":
		return d.lookup("id_token", rest)
	case "userinfo":
		return d.lookup("userinfo", rest)
	case "connection":
		return d.connectionValue(rest)
	}
	d.warn("attribute_map: ${%s} is unknown", path)
	return nil, false
}

func (d *draft) connectionValue(name string) (any, bool) {
	switch name {
	case "id":
		return d.conn.ID, true
	case "name":
		return d.conn.Name, true
	case "strategy":
		return d.conn.Strategy, true
	}
	d.warn("attribute_map: ${context.connection.%s} is unknown", name)
	return nil, false
}

func (d *draft) lookup(sourceName, path string) (any, bool) {
	i := slices.IndexFunc(d.sources, func(s source) bool { return s.name == sourceName })
	if i < 0 {
		return nil, false
	}
	return descend(d.sources[i].claims, path)
}

// descend finds a claim by its whole name, which may have dots (a URL), else step by step.
func descend(claims map[string]any, path string) (any, bool) {
	if v, ok := claims[path]; ok {
		return v, true
	}
	head, rest, ok := strings.Cut(path, ".")
	inner, isObject := claims[head].(map[string]any)
	if !ok || !isObject {
		return nil, false
	}
	return descend(inner, rest)
}

func upstreamField(path string) string {
	if rest, ok := strings.CutPrefix(path, "context.tokenset."); ok {
		return "id_token." + rest
	}
	return strings.TrimPrefix(path, "context.")
}

// plain is a value as text inside other text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any, []any:
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(b)
	}
	return fmt.Sprint(v)
}

package normalize

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
)

const (
	maxProfile  = 1 << 20  // bytes of JSON
	warnProfile = 10 << 10 // Auth0: User Profile Structure, recommended limit
)

// own marks claims that carry their own companions (email_verified), instead of those of one source.
const own = -1

// claim is a value with its upstream field and the index of the source that it came from.
type claim struct {
	value any
	field string
	from  int
}

// draft is a profile in the making.
type draft struct {
	conn    Connection
	row     strategy
	sources []source
	claims  map[string]claim
	profile Profile
}

// Map normalizes what a provider said. The result shares nothing with the input.
//
// It returns ErrMissingSubject, ErrSubjectMismatch, ErrTooLarge or ErrNotJSON, wrapped with what is known.
func Map(in Input) (Profile, error) {
	size, err := inputSize(in)
	if err != nil {
		return Profile{}, err
	}
	if size > maxProfile {
		return Profile{}, ErrTooLarge
	}
	d := &draft{conn: in.Connection, row: strategyOf(in.Connection)}
	d.sources = d.row.gather(in)
	if err := d.identify(); err != nil {
		return Profile{}, err
	}
	d.merge()
	if d.row.adjust != nil {
		d.row.adjust(d, in)
	}
	d.rename()
	d.takeAttributes()
	d.takeRest()
	d.setApart()
	return d.finish()
}

// finish checks the size of the result and puts the warnings in order.
func (d *draft) finish() (Profile, error) {
	size, err := jsonSize(d.profile.Root)
	if err != nil {
		return Profile{}, err
	}
	if size > maxProfile {
		return Profile{}, ErrTooLarge
	}
	if size > warnProfile {
		d.warn("the profile has about %d bytes; more than %d make every login slow", size, warnProfile)
	}
	slices.Sort(d.profile.Warnings)
	return d.profile, nil
}

func (d *draft) warn(format string, args ...any) {
	d.profile.Warnings = append(d.profile.Warnings, fmt.Sprintf(format, args...))
}

// gather returns the statements that are JSON objects with something in them.
func (s strategy) gather(in Input) []source {
	if s.sources != nil {
		return s.sources(in)
	}
	var list []source
	if m, ok := object(in.Userinfo); ok {
		list = append(list, source{name: "userinfo", claims: m})
	}
	if len(in.IDToken) > 0 {
		list = append(list, source{name: "id_token", claims: in.IDToken})
	}
	return list
}

// identify finds the subject. All sources must name the same one; a source that names none could be about anybody, so
// it isn't used (OpenID Connect Core §5.3.2).
func (d *draft) identify() error {
	var subject any
	var known string
	var trusted []source
	for _, src := range d.sources {
		v := src.claims[d.subjectKey(src)]
		if isBlank(v) {
			d.warn("%s was not used: it has no subject", src.name)
			continue
		}
		t, err := subjectText(v)
		if err != nil {
			return fmt.Errorf("%w: %s.%s can't be one: %w", ErrMissingSubject, src.name, d.subjectKey(src), err)
		}
		if known != "" && known != t {
			return ErrSubjectMismatch
		}
		if known == "" {
			subject, known = v, t
		}
		trusted = append(trusted, src)
	}
	if known == "" {
		return ErrMissingSubject
	}
	d.sources = trusted
	d.setIdentity(subject, known)
	return nil
}

// subjectKey returns the first of the subject's possible keys that says something.
func (d *draft) subjectKey(src source) string {
	for _, key := range d.subjectKeys(src) {
		if !isBlank(src.claims[key]) {
			return key
		}
	}
	return d.subjectKeys(src)[0]
}

func (d *draft) subjectKeys(src source) []string {
	switch {
	case len(src.subject) > 0:
		return src.subject
	case len(d.row.subject) > 0:
		return d.row.subject
	}
	return []string{"sub"}
}

func (d *draft) setIdentity(subject any, subjectText string) {
	p := &d.profile
	p.Provider, p.Connection, p.IsSocial = d.row.name, d.conn.Name, d.row.social
	p.SubjectText = subjectText
	if d.row.scoped {
		p.SubjectText = d.conn.Name + "|" + subjectText
	}
	p.Subject = p.SubjectText
	if n, ok := subject.(json.Number); ok && d.row.numericSubject && !d.row.scoped {
		p.Subject = n
	}
	p.UserID = p.Provider + "|" + p.SubjectText
}

// merge lays the sources over each other, the best on top. A blank never hides a value.
func (d *draft) merge() {
	keys := 0
	for _, src := range d.sources {
		keys += len(src.claims)
	}
	d.claims = make(map[string]claim, keys+2)
	d.profile.Root = make(map[string]any, keys+2)
	d.profile.Fields = make(map[string]string, keys+2)
	for i, src := range d.sources {
		for key, v := range src.claims {
			if old, there := d.claims[key]; there && (!isBlank(old.value) || isBlank(v)) {
				continue
			}
			d.claims[key] = claim{value: v, field: src.name + "." + key, from: i}
		}
	}
	for _, src := range d.sources {
		for _, key := range d.subjectKeys(src) {
			delete(d.claims, key)
		}
	}
	if h, ok := text(d.claims[d.row.handle].value); ok {
		d.profile.Handle = h
	}
}

func (d *draft) rename() {
	for _, r := range d.row.rename {
		c, there := d.claims[r.from]
		if !there {
			continue
		}
		delete(d.claims, r.from)
		if isBlank(d.claims[r.to].value) {
			d.claims[r.to] = c
		}
	}
	// OpenID Connect and our attribute table spell one claim differently.
	if c, there := d.claims["phone_number_verified"]; there {
		delete(d.claims, "phone_number_verified")
		if _, taken := d.claims["phone_verified"]; !taken {
			d.claims["phone_verified"] = c
		}
	}
}

// takeAttributes moves the normalized attributes from the claims to the profile.
func (d *draft) takeAttributes() {
	for _, name := range [...]string{"name", "given_name", "family_name", "nickname"} {
		d.takeText(name, nil)
	}
	d.takeText("picture", isWebAddress)
	d.takeText("username", nil)
	d.takeEmail()
	d.takePhone()
}

// takeText takes a string attribute: nil where it is blank; nothing, and a warning, where it makes no sense.
func (d *draft) takeText(name string, fits func(string) bool) {
	c, said := d.claims[name]
	if !said {
		return
	}
	delete(d.claims, name)
	if isBlank(c.value) {
		d.put(name, claim{field: c.field})
		return
	}
	s, ok := c.value.(string)
	if !ok || fits != nil && !fits(s) {
		d.warn("%s was dropped: %s is not usable for it (type %s)", name, c.field, TypeName(c.value))
		return
	}
	d.put(name, c)
}

func (d *draft) put(name string, c claim) {
	d.profile.Root[name] = c.value
	d.profile.Fields[name] = c.field
}

// takeEmail takes the address together with what its own source says about its verification.
func (d *draft) takeEmail() {
	c := d.claims["email"]
	d.takeText("email", isEmail)
	flag, flagged := d.claims["email_verified"]
	value, said := d.profile.Root["email"]
	if said {
		verified := false
		if value != nil {
			verified = d.isVerified(c)
		}
		field := ""
		if flagged {
			field = flag.field
		}
		d.put("email_verified", claim{value: verified, field: field})
	}
	delete(d.claims, "email_verified")
}

func (d *draft) isVerified(address claim) bool {
	if d.row.verified != nil {
		return d.row.verified(d, address)
	}
	if address.from == own {
		return saysTrue(d.claims["email_verified"].value)
	}
	if v, said := d.sources[address.from].claims["email_verified"]; said {
		return saysTrue(v)
	}
	for _, src := range d.sources {
		if v, said := src.claims["email_verified"]; said && src.claims["email"] == address.value {
			return saysTrue(v)
		}
	}
	return false
}

func (d *draft) takePhone() {
	d.takeText("phone_number", nil)
	flag, flagged := d.claims["phone_verified"]
	delete(d.claims, "phone_verified")
	number, said := d.profile.Root["phone_number"]
	if said && flagged {
		d.put("phone_verified", claim{value: number != nil && saysTrue(flag.value), field: flag.field})
	}
}

// takeRest keeps what else the provider said, but for what is not the provider's to say.
func (d *draft) takeRest() {
	for key, c := range d.claims {
		switch {
		case key == "" || isToken(key) || slices.Contains(d.row.ignore, key):
		case Reserved(key):
			d.warn("%s was dropped: %q is reserved", c.field, key)
		case d.row.oidc && isRestrictedClaim(key), !d.row.oidc && isProtocolClaim(key):
			if c.from == own {
				d.warn("%s was dropped: %q is a restricted claim", c.field, key)
			}
		default:
			d.put(key, claim{value: jsonvalue.Clone(c.value), field: c.field})
		}
	}
}

// setApart moves the attributes that options.non_persistent_attrs names, by root name or by the provider's name, out of
// what is stored. An address takes its flag along.
func (d *draft) setApart() {
	names, ok := d.conn.Options["non_persistent_attrs"].([]any)
	if !ok {
		return
	}
	p := &d.profile
	for key, field := range p.Fields {
		upstream := field[strings.LastIndexByte(field, '.')+1:]
		if !slices.Contains(names, any(key)) && !slices.Contains(names, any(upstream)) {
			continue
		}
		d.moveApart(key)
		switch key {
		case "email":
			d.moveApart("email_verified")
		case "phone_number":
			d.moveApart("phone_verified")
		}
	}
	if slices.Contains(names, any(d.row.handle)) {
		p.Handle = ""
	}
}

func (d *draft) moveApart(key string) {
	v, there := d.profile.Root[key]
	if !there {
		return
	}
	if d.profile.Transient == nil {
		d.profile.Transient = map[string]any{}
	}
	d.profile.Transient[key] = v
	delete(d.profile.Root, key)
	delete(d.profile.Fields, key)
}

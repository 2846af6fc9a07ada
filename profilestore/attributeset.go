package profilestore

import (
	"reflect"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
	"github.com/latchkey-id/latchkey/normalize"
)

// attributeSet is a set of root attributes with their origins: a user's root, or a secondary identity's profile data.
type attributeSet struct {
	values     map[string]any
	provenance map[string]Provenance
}

func (s *attributeSet) prepare() {
	if s.values == nil {
		s.values = map[string]any{}
	}
	if s.provenance == nil {
		s.provenance = map[string]Provenance{}
	}
}

func (s *attributeSet) remove(key string) {
	delete(s.values, key)
	delete(s.provenance, key)
}

// put sets a value. An unchanged value from the same giver keeps the time it was set at.
func (s *attributeSet) put(key string, v any, origin Provenance) {
	old, there := s.provenance[key]
	if there && old.Source == origin.Source && old.Identity == origin.Identity && reflect.DeepEqual(s.values[key], v) {
		origin.At = old.At
	}
	s.values[key] = jsonvalue.Clone(v)
	s.provenance[key] = origin
}

// fill takes a whole profile, as at a first login.
func (s *attributeSet) fill(p normalize.Profile, m MergeContext) {
	s.prepare()
	for key, v := range p.Root {
		if v != nil || !isNormalized(key) {
			s.put(key, v, origin(key, p, m))
		}
	}
	s.generate(hints(p, m), m.Now, never)
	s.markOwners(m)
}

// update takes a later profile by the rules of the sync mode.
func (s *attributeSet) update(p normalize.Profile, m MergeContext) {
	if m.Connection.Keeps() {
		s.confirm(p, m)
		return
	}
	if s.values == nil {
		// A linked identity that never logged in.
		if m.Connection.Sync != SyncNever {
			s.fill(p, m)
		}
		return
	}
	s.prepare()
	s.syncEmail(p, m)
	s.syncNames(p, m)
	s.mirror(p, m)
	s.generate(hints(p, m), m.Now, func(key string) bool { return m.mode(key) == SyncEach })
	s.markOwners(m)
}

// confirm marks the address of a passwordless person as verified: a code that was sent there came back. Nothing else of
// a profile that is kept here follows a login.
func (s *attributeSet) confirm(p normalize.Profile, m MergeContext) {
	address, flag := "email", "email_verified"
	switch m.Connection.Kind {
	case KindSMS:
		address, flag = "phone_number", "phone_verified"
	case KindEmail:
	default:
		return
	}
	s.prepare()
	if p.Root[flag] == true && s.values[flag] != true && s.values[address] != nil && s.values[address] == p.Root[address] {
		s.put(flag, true, origin(flag, p, m))
	}
}

// syncEmail takes the address and its flag. The sync mode only decides about an unchanged address, whose flag an
// administrator may have set, and about the loss of an address.
func (s *attributeSet) syncEmail(p normalize.Profile, m MergeContext) {
	email, said := given(p, "email")
	each := m.mode("email") == SyncEach
	switch {
	case !said, !each && (email == nil || email == s.values["email"]):
	case email == nil:
		s.remove("email")
		s.remove("email_verified")
	default:
		s.put("email", email, origin("email", p, m))
		s.put("email_verified", p.Root["email_verified"] == true, origin("email_verified", p, m))
	}
}

// syncNames takes the synced attributes: absent keeps, blank removes. Generated values make room for new ones.
func (s *attributeSet) syncNames(p normalize.Profile, m MergeContext) {
	for _, a := range normalize.Attributes() {
		if !a.Synced || m.mode(a.Name) != SyncEach {
			continue
		}
		v, said := given(p, a.Name)
		switch {
		case said && v != nil:
			s.put(a.Name, v, origin(a.Name, p, m))
		case said:
			s.remove(a.Name)
		}
	}
}

// given returns what a profile says about an attribute. What is kept out of the store counts as blank, so that a value
// from before doesn't stay.
func given(p normalize.Profile, key string) (v any, said bool) {
	if _, apart := p.Transient[key]; apart {
		return nil, true
	}
	v, said = p.Root[key]
	return v, said
}

// mirror makes all other attributes of the provider what they are in this profile: a group that somebody has left must
// not stay.
func (s *attributeSet) mirror(p normalize.Profile, m MergeContext) {
	for key := range s.values {
		source := s.provenance[key].Source
		if _, said := p.Root[key]; !said && isMirrored(key) && (source == SourceIdP || source == "") {
			s.remove(key)
		}
	}
	for key, v := range p.Root {
		switch {
		case !isMirrored(key):
		case v == nil && isNormalized(key):
			s.remove(key)
		default:
			s.put(key, v, origin(key, p, m))
		}
	}
}

func isMirrored(key string) bool {
	if key == "email" || key == "email_verified" {
		return false
	}
	a, ok := normalize.Lookup(key)
	return !ok || !a.Synced
}

// isNormalized reports whether nil means "none" for an attribute, rather than being a value that the provider sent.
func isNormalized(key string) bool {
	a, ok := normalize.Lookup(key)
	return ok && a.WrittenBy(normalize.ByManagement)
}

// generate makes the attributes that every profile has where they are missing. Those that were generated before are made
// anew where again says so.
func (s *attributeSet) generate(h normalize.Hints, now time.Time, again func(key string) bool) {
	rest := make(map[string]any, len(s.values))
	for key, v := range s.values {
		if s.provenance[key].Source != SourceGenerated || !again(key) {
			rest[key] = v
		}
	}
	for key, v := range normalize.Generate(rest, h) {
		s.put(key, v, Provenance{Source: SourceGenerated, At: stamp(now)})
	}
}

func always(string) bool { return true }

func never(string) bool { return false }

// markOwners notes which values the identity provider will overwrite.
func (s *attributeSet) markOwners(m MergeContext) {
	for key, origin := range s.provenance {
		origin.OwnedByIdP = m.owns(key)
		s.provenance[key] = origin
	}
}

func (m MergeContext) owns(key string) bool {
	if m.Connection.Keeps() {
		return false
	}
	if a, ok := normalize.Lookup(key); ok && a.Synced {
		return m.mode(key) == SyncEach
	}
	return true
}

// origin is the provenance of an attribute of this profile.
func origin(key string, p normalize.Profile, m MergeContext) Provenance {
	return Provenance{
		Source: m.source(), Identity: keyOf(p).text(), Field: p.Fields[key], At: stamp(m.Now),
		OwnedByIdP: m.owns(key),
	}
}

func hints(p normalize.Profile, m MergeContext) normalize.Hints {
	return normalize.Hints{
		Handle: p.Handle, Subject: bareSubject(keyOf(p)), AvatarBase: m.AvatarBase,
		Database: p.Provider == databaseProvider,
	}
}

// hintsAt are the hints without a login, for a user with this identity.
func hintsAt(identity Identity, avatarBase string) normalize.Hints {
	return normalize.Hints{
		Subject: bareSubject(identity.Key()), AvatarBase: avatarBase,
		Database: identity.Provider == databaseProvider,
	}
}

// bareSubject is the provider's own subject, without the connection's name before it.
func bareSubject(key Key) string { return strings.TrimPrefix(key.Subject, key.Connection+"|") }

package profilestore

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/normalize"
)

// PatchContext is what Patch depends on beside the user and the body.
type PatchContext struct {
	// Primary is the connection of the user's first identity.
	Primary Connection
	// Target is the connection that the body's "connection" names. It is not read where the body names none.
	Target Connection
	// PasswordHash is the PHC string of the body's "password", which Patch itself doesn't look at.
	PasswordHash string
	Now          time.Time
	// AvatarBase is for generated pictures: see normalize.Hints.
	AvatarBase string
	// Source is who asks. Empty: SourceAdmin.
	Source Source
}

// ErrNoHash: the body has a password, but the context no hash of it.
var ErrNoHash = errors.New("the new password was not hashed")

// patch is one run of Patch.
type patch struct {
	ctx    PatchContext
	body   map[string]any
	user   *User
	index  int        // of the identity that is changed
	target Connection // its connection
	set    attributeSet
}

// Patch returns the user after PATCH /api/v2/users/{id} (Management API: Update a User), or a *Refusal, after which
// nothing has changed. Root attributes are replaced, null removes them (and lets generated ones come back), metadata is
// merged by [MergeMetadata]. With "connection" the login attributes of that identity change, which may be a secondary one.
//
// Unknown keys are ignored, as Auth0's schema tolerates them; keys that belong to the server are refused. Mails that the
// body asks for (verify_email, client_id) are the caller's part.
func Patch(u *User, body map[string]any, ctx PatchContext) (*User, error) {
	p := &patch{ctx: ctx, body: body, user: u.Clone(), target: ctx.Primary}
	for _, check := range []func() error{
		p.checkKeys, p.checkTypes, p.checkCombinations, p.findTarget, p.checkNames, p.checkLogin, p.checkMetadata,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if err := p.apply(); err != nil {
		return nil, err
	}
	if err := p.user.checkSize(); err != nil {
		return nil, err
	}
	return p.user, nil
}

func (p *patch) has(key string) bool {
	_, there := p.body[key]
	return there
}

// apply makes the change, which was checked before.
func (p *patch) apply() error {
	identity := &p.user.Identities[p.index]
	p.set = attributeSet{values: p.user.Root, provenance: p.user.Provenance}
	if p.index > 0 {
		p.set = attributeSet{values: identity.ProfileData, provenance: identity.Provenance}
	}
	p.set.prepare()
	moved := p.applyAttributes()
	if err := p.checkIdentifiable(); err != nil {
		return err
	}
	again := never
	if moved {
		again = always
	}
	p.set.generate(hintsAt(*identity, p.ctx.AvatarBase), p.ctx.Now, again)
	if p.index > 0 {
		identity.ProfileData, identity.Provenance = p.set.values, p.set.provenance
	} else {
		p.user.Root, p.user.Provenance = p.set.values, p.set.provenance
	}
	return p.applyRest(identity)
}

// applyAttributes sets the root attributes, and reports whether one that others are generated from has changed.
func (p *patch) applyAttributes() (moved bool) {
	for _, a := range normalize.Attributes() {
		v, there := p.body[a.Name]
		if !there || !a.Patchable {
			continue
		}
		if s, ok := v.(string); ok && (a.Name == "email" || a.Name == "username") {
			v = strings.ToLower(strings.TrimSpace(s))
		}
		if v != nil && v == p.set.values[a.Name] {
			continue // it keeps its origin: many tools echo the whole user
		}
		flag, isAddress := flagOf(a.Name)
		moved = moved || isAddress || a.Name == "username"
		if isAddress && !p.has(flag) {
			p.changeFlag(flag, v)
		}
		if v == nil {
			p.set.remove(a.Name)
			continue
		}
		p.set.put(a.Name, v, p.origin())
	}
	return moved
}

// flagOf names the attribute that says whether an address is verified.
func flagOf(attribute string) (flag string, ok bool) {
	switch attribute {
	case "email":
		return "email_verified", true
	case "phone_number":
		return "phone_verified", true
	}
	return "", false
}

// changeFlag takes back what was known of an old address: a new one is unverified until somebody says otherwise.
func (p *patch) changeFlag(flag string, address any) {
	if address == nil {
		p.set.remove(flag)
		return
	}
	p.set.put(flag, false, p.origin())
}

func (p *patch) origin() Provenance {
	source := p.ctx.Source
	if source == "" {
		source = SourceAdmin
	}
	return Provenance{Source: source, At: stamp(p.ctx.Now)}
}

// checkIdentifiable refuses to take away the last thing that a person can log in with.
func (p *patch) checkIdentifiable() error {
	kinds := loginKinds(p.user.Identities[p.index].Provider)
	if len(kinds) == 0 || p.target.Kind == KindCustomDatabase {
		return nil
	}
	removed := false
	for _, kind := range kinds {
		if p.set.values[string(kind)] != nil {
			return nil
		}
		removed = removed || p.has(string(kind))
	}
	if !removed {
		return nil
	}
	return &Refusal{Code: CodeInvalidBody, Message: "The last identifier of the user cannot be removed."}
}

func (p *patch) applyRest(identity *Identity) error {
	now := stamp(p.ctx.Now)
	if blocked, ok := p.body["blocked"].(bool); ok {
		p.user.Blocked = &blocked
	}
	if p.body["password"] != nil {
		if p.ctx.PasswordHash == "" {
			return ErrNoHash
		}
		identity.PasswordHash = p.ctx.PasswordHash
		p.user.LastPasswordReset = &now
	}
	if m, ok := p.body["user_metadata"].(map[string]any); ok {
		p.user.UserMetadata = MergeMetadata(p.user.UserMetadata, m)
	}
	if m, ok := p.body["app_metadata"].(map[string]any); ok {
		p.user.AppMetadata = MergeMetadata(p.user.AppMetadata, m)
	}
	p.user.UpdatedAt = now
	return nil
}

// sortedKeys returns the body's keys that pass, in alphabetical order.
func (p *patch) sortedKeys(pass func(string) bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.body)), func(key string) bool { return !pass(key) })
}

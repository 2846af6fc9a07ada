package mgmtapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

func badLink(message string) *apiError { return badRequest(message, codeInvalidBody) }

// linkIdentity answers POST /users/{id}/identities (Auth0: Link a User Account). A person proves by an ID token that the
// other account is theirs too; only administrators name it.
func (s *Surface) linkIdentity(c *call) error {
	ctx := c.r.Context()
	body, err := c.body()
	if err != nil {
		return err
	}
	if err := checkLinkBody(body); err != nil {
		return err
	}
	find, err := s.secondaryOf(c, body)
	if err != nil {
		return err
	}
	var linked *profilestore.User
	var gone string
	err = s.Users.Write(ctx, func(tx profilestore.Tx) error {
		primary, err := tx.Get(ctx, c.ids["id"])
		if err != nil {
			return err
		}
		secondary, err := find(ctx, tx, primary)
		if err != nil {
			return err
		}
		if linked, err = profilestore.Link(primary, secondary, s.Now()); err != nil {
			return err
		}
		if err := profilestore.CheckSize(linked); err != nil {
			return err
		}
		gone = secondary.ID
		if err := tx.Delete(ctx, secondary.ID); err != nil {
			return err
		}
		return tx.Put(ctx, linked)
	})
	if err != nil {
		return err
	}
	if err := s.endAccess(ctx, gone); err != nil {
		return err
	}
	return c.answer(http.StatusCreated, profilestore.RenderIdentities(linked))
}

func checkLinkBody(body map[string]any) error {
	known := []string{"provider", "connection_id", "user_id", "link_with"}
	if err := closed(body, known); err != nil {
		return err
	}
	for _, key := range []string{"provider", "connection_id", "link_with"} {
		v, given := body[key]
		if text, ok := v.(string); given && (!ok || text == "") {
			return badProperty(key, "", "Expected type string but found type "+normalize.TypeName(v))
		}
	}
	if _, ok := body["link_with"]; ok {
		if len(body) > 1 {
			return badBody("link_with excludes all other properties")
		}
		return nil
	}
	for _, key := range []string{"provider", "user_id"} {
		if _, given := body[key]; !given {
			return badBody("Missing required property: " + key)
		}
	}
	if subjectText(body["user_id"]) == "" {
		return badProperty("user_id", "", "Expected type string or integer but found type "+normalize.TypeName(body["user_id"]))
	}
	return nil
}

// subjectText is a subject given as text or as a whole number, "" for everything else.
func subjectText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return v.String()
		}
	}
	return ""
}

// finder returns the account to link, inside the transaction that links it.
type finder func(ctx context.Context, tx profilestore.Tx, primary *profilestore.User) (*profilestore.User, error)

func (s *Surface) secondaryOf(c *call, body map[string]any) (finder, error) {
	if token, ok := body["link_with"].(string); ok {
		sub, err := s.readLinkToken(c, token)
		if err != nil {
			return nil, err
		}
		return c.findBySubject(sub), nil
	}
	if c.caller.userID != "" {
		return nil, forbidden("Insufficient scope, expected any of: update:users", codeScope)
	}
	return findByIdentity(c.config, body)
}

// findBySubject finds the account that an ID token is about. A blocked one stays alone: linking must not lift a block.
func (c *call) findBySubject(sub string) finder {
	return func(ctx context.Context, tx profilestore.Tx, _ *profilestore.User) (*profilestore.User, error) {
		secondary, err := tx.Get(ctx, sub)
		if errors.Is(err, profilestore.ErrNotFound) {
			return nil, badLink("Provided secondary account not found.")
		}
		if err == nil && login.Blocked(secondary) {
			return nil, badLink("Unable to link with the secondary account.")
		}
		return secondary, err
	}
}

// findByIdentity finds the account that an administrator names by provider, subject and, perhaps, connection.
func findByIdentity(config *tenant.Config, body map[string]any) (finder, error) {
	provider, _ := body["provider"].(string)
	connectionID, narrowed := body["connection_id"].(string)
	var keys []profilestore.Key
	for _, conn := range sortedConnections(config) {
		if conn.Strategy == provider && (!narrowed || conn.ID == connectionID) {
			keys = append(keys, spellings(conn.Name, provider, subjectText(body["user_id"]))...)
		}
	}
	if len(keys) == 0 {
		return nil, badLink("The provider/connection is not configured.")
	}
	return func(ctx context.Context, tx profilestore.Tx, primary *profilestore.User) (*profilestore.User, error) {
		secondary, err := owner(ctx, tx, primary, keys)
		if err != nil || secondary != nil {
			return secondary, err
		}
		if !narrowed {
			return nil, badLink("Linking to an inexistent identity requires a connection.")
		}
		return nil, badLink("Linking to an inexistent identity is not allowed.")
	}, nil
}

// spellings are the identities that a subject can mean: tools send it with or without the provider before it, and, for
// connections that have subjects of their own, with or without the connection's name.
func spellings(connection, provider, subject string) []profilestore.Key {
	texts := []string{subject}
	if bare, ok := strings.CutPrefix(subject, provider+"|"); ok {
		texts = append(texts, bare)
	}
	for _, text := range slices.Clone(texts) {
		texts = append(texts, connection+"|"+text)
	}
	keys := make([]profilestore.Key, len(texts))
	for i, text := range texts {
		keys[i] = profilestore.Key{Connection: connection, Subject: text}
	}
	return keys
}

// owner returns the one account whose main identity is one of the keys, nil where there is none. If two accounts fit, it is
// not for us to choose.
func owner(ctx context.Context, tx profilestore.Tx, primary *profilestore.User, keys []profilestore.Key) (*profilestore.User, error) {
	var found *profilestore.User
	for _, key := range keys {
		user, err := tx.ByIdentity(ctx, key)
		if errors.Is(err, profilestore.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if user.ID == primary.ID {
			return nil, profilestore.CheckLink(primary, key)
		}
		if user.Identities[0].Key() != key || found != nil && found.ID != user.ID {
			return nil, badLink("Unable to link with the secondary account.")
		}
		found = user
	}
	return found, nil
}

// unlinkIdentity answers DELETE /users/{id}/identities/{provider}/{user_id} (Auth0: Unlink a User Identity). Tokens that
// came through the identity end at the gate; where another identity of the same connection stays, the gate can't tell them
// apart, and all of the user's end.
func (s *Surface) unlinkIdentity(c *call) error {
	ctx := c.r.Context()
	var rest, freed *profilestore.User
	err := s.Users.Write(ctx, func(tx profilestore.Tx) error {
		user, err := tx.Get(ctx, c.ids["id"])
		if err != nil {
			return err
		}
		rest, freed, err = profilestore.Unlink(user, c.ids["provider"], c.ids["user_id"], s.Now(), s.Avatars)
		if errors.Is(err, profilestore.ErrNotFound) {
			return newError(http.StatusNotFound, "The identity does not exist.", "inexistent_identity")
		}
		if err != nil {
			return err
		}
		switch _, err := tx.Get(ctx, freed.ID); {
		case err == nil:
			return profilestore.ErrUserIDTaken
		case !errors.Is(err, profilestore.ErrNotFound):
			return err
		}
		if err := tx.Put(ctx, rest); err != nil {
			return err
		}
		return tx.Put(ctx, freed)
	})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rest.Identities, func(i profilestore.Identity) bool { return i.Connection == freed.Identities[0].Connection }) {
		if err := s.endAccess(ctx, rest.ID); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, profilestore.RenderIdentities(rest))
}

package mgmtapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

// updateUser answers PATCH /users/{id} (Auth0: Update a User). What the change may be is profilestore.Patch's decision; it
// is asked before a password is hashed, and again inside the transaction that stores.
func (s *Surface) updateUser(c *call) error {
	ctx := c.r.Context()
	body, err := c.body()
	if err != nil {
		return err
	}
	if err := c.caller.mayUpdate(body); err != nil {
		return err
	}
	user, err := s.Users.Get(ctx, c.ids["id"])
	if err != nil {
		return err
	}
	rules := s.patchContext(c.config, user, body)
	rules.PasswordHash = "not hashed yet"
	if _, err := profilestore.Patch(user, body, rules); err != nil {
		return err
	}
	hash, err := s.hashPassword(ctx, c.config, user, body)
	if err != nil {
		return err
	}
	var patched *profilestore.User
	err = s.Users.Write(ctx, func(tx profilestore.Tx) error {
		user, err := tx.Get(ctx, user.ID)
		if err != nil {
			return err
		}
		rules := s.patchContext(c.config, user, body)
		rules.PasswordHash = hash
		if patched, err = profilestore.Patch(user, body, rules); err != nil {
			return err
		}
		return tx.Put(ctx, patched)
	})
	if err != nil {
		return patchRefused(err)
	}
	if body["blocked"] == true || hash != "" {
		if err := s.endAccess(ctx, patched.ID); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, profilestore.Render(patched))
}

// mayUpdate holds a body against the scopes: update:users may change everything, the others their metadata only.
func (c caller) mayUpdate(body map[string]any) error {
	if c.has("update:users") {
		return nil
	}
	for key := range body {
		switch {
		case key == "app_metadata" && c.has("update:users_app_metadata"):
		case key == "user_metadata" && c.has("update:current_user_metadata"):
		case key == "app_metadata":
			return c.require([]string{"update:users", "update:users_app_metadata"})
		default:
			return c.require([]string{"update:users"})
		}
	}
	return nil
}

// patchContext gathers what the rules depend on.
func (s *Surface) patchContext(config *tenant.Config, user *profilestore.User, body map[string]any) profilestore.PatchContext {
	rules := profilestore.PatchContext{Now: s.Now(), AvatarBase: s.Avatars}
	if len(user.Identities) > 0 {
		rules.Primary = connectionRules(config, user.Identities[0])
	}
	name, _ := body["connection"].(string)
	for _, identity := range user.Identities {
		if identity.Connection == name {
			rules.Target = connectionRules(config, identity)
		}
	}
	return rules
}

// connectionRules are those of an identity's connection. One that was deleted counts as disabled, and as what its provider
// tells.
func connectionRules(config *tenant.Config, identity profilestore.Identity) profilestore.Connection {
	conn := config.ConnectionByName(identity.Connection)
	if conn == nil {
		rules := profilestore.ConnectionOf(normalize.Connection{Name: identity.Connection, Strategy: identity.Provider})
		rules.Disabled = true
		return rules
	}
	rules := profilestore.ConnectionOf(normalize.Connection{ID: conn.ID, Name: conn.Name, Strategy: conn.Strategy, Options: conn.Options})
	rules.Disabled = conn.Disabled || len(conn.EnabledClients) == 0
	return rules
}

// hashPassword holds the body's password, if any, against the rules of the connection whose identity gets it.
func (s *Surface) hashPassword(ctx context.Context, config *tenant.Config, user *profilestore.User, body map[string]any) (string, error) {
	password, given := body["password"].(string)
	if !given {
		return "", nil
	}
	name, named := body["connection"].(string)
	if !named {
		name = user.Identities[0].Connection
	}
	profile := user.Root
	for n, identity := range user.Identities {
		if n > 0 && identity.Connection == name && name != user.Identities[0].Connection {
			profile = identity.ProfileData
			break
		}
	}
	conn := config.ConnectionByName(name)
	if conn == nil {
		return "", badRequest("Connection does not exist.", codeInvalidBody)
	}
	opened, err := s.Connectors.Get(conn)
	if err != nil {
		return "", err
	}
	database, ok := opened.(*connectors.Database)
	if !ok {
		return "", fmt.Errorf("connection %q: passwords of strategy %q can't be set", conn.Name, conn.Strategy)
	}
	return database.NewPassword(ctx, password, profile, user.UserMetadata)
}

// patchRefused words what a new address can meet.
func patchRefused(err error) error {
	for taken, what := range map[error]string{
		profilestore.ErrEmailTaken: "email", profilestore.ErrUsernameTaken: "username", profilestore.ErrPhoneTaken: "phone number",
	} {
		if errors.Is(err, taken) {
			return badRequest("The specified new "+what+" already exists", codeIdP)
		}
	}
	return err
}

package authapi

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tenant"
)

// rootAttributes are those a person may give at sign-up; other unknown keys are ignored (Auth0: Signup; Lock sends them as
// storage: 'root').
var rootAttributes = [...]string{"given_name", "family_name", "name", "nickname", "picture"}

// signup answers POST /dbconnections/signup (Auth0: Signup).
func (s *Surface) signup(w http.ResponseWriter, r *http.Request) error {
	params, err := web.Body(r)
	if err != nil {
		return err
	}
	conn, clientID, err := s.database(w, r, params)
	if err != nil {
		return err
	}
	in, err := signupOf(params)
	if err != nil {
		return err
	}
	user, err := s.Login.SignUp(r.Context(), conn, in, login.Origin{ClientID: clientID, IP: web.ClientIP(r), UserAgent: r.UserAgent()})
	if err != nil {
		return s.signupFailed(in, err)
	}
	return web.WriteJSON(w, http.StatusOK, answer(user))
}

// database finds the database connection that client and request name.
func (s *Surface) database(w http.ResponseWriter, r *http.Request, params web.Params) (*tenant.Connection, string, error) {
	config := s.Tenant.Current()
	clientID, name := params.String("client_id"), params.String("connection")
	if name == "" {
		return nil, "", oauthError(http.StatusBadRequest, "invalid_request", "connection is required")
	}
	client := config.Clients[clientID]
	if clientID == "" || client == nil {
		return nil, "", oauthError(http.StatusBadRequest, "invalid_request", "the client was not found")
	}
	if origin := r.Header.Get("Origin"); origin != "" && !tenant.AllowsOrigin(client, origin) {
		web.DenyOrigin(w)
	}
	conn := config.ConnectionByName(name)
	if conn == nil {
		return nil, "", oauthError(http.StatusBadRequest, "invalid_request", "the connection was not found")
	}
	if !conn.EnabledFor(clientID) {
		return nil, "", oauthError(http.StatusBadRequest, "invalid_request", "the connection was disabled")
	}
	if conn.Strategy != tenant.StrategyDatabase {
		return nil, "", oauthError(http.StatusBadRequest, "invalid_request", "specified strategy does not support requested operation")
	}
	return conn, clientID, nil
}

// signupOf reads what the person gave. Identifiers and root attributes must be text.
func signupOf(params web.Params) (connectors.SignUp, error) {
	in := connectors.SignUp{Root: map[string]string{}}
	for name, into := range map[string]*string{
		"email": &in.Email, "username": &in.Username, "phone_number": &in.PhoneNumber, "password": &in.Password,
	} {
		text, err := params.Text(name)
		if err != nil {
			return in, err
		}
		*into = text
	}
	for _, name := range rootAttributes {
		text, err := params.Text(name)
		if err != nil {
			return in, err
		}
		if text != "" {
			in.Root[name] = text
		}
	}
	switch metadata := params["user_metadata"].(type) {
	case nil:
	case map[string]any:
		in.UserMetadata = metadata
	default:
		return in, web.Bad("user_metadata must be an object")
	}
	return in, nil
}

// signupFailed hides, where the tenant wants it, that somebody has the address (Auth0: Tenant Settings, generic sign-up
// response).
func (s *Surface) signupFailed(in connectors.SignUp, err error) error {
	taken := errors.Is(err, profilestore.ErrEmailTaken) || errors.Is(err, profilestore.ErrUsernameTaken) || errors.Is(err, profilestore.ErrPhoneTaken)
	if !taken {
		return err
	}
	if shown, set := s.Tenant.Current().Settings.Flags["enable_public_signup_user_exists_error"].(bool); set && !shown {
		return badRequest("invalid_signup", "Invalid sign up")
	}
	if errors.Is(err, profilestore.ErrUsernameTaken) {
		return badRequest("user_exists", "The user already exists (username: "+in.Username+").")
	}
	return err
}

// answer is what a sign-up returns: only keys that apply.
func answer(u *profilestore.User) map[string]any {
	body := map[string]any{"_id": u.Identities[0].SubjectString()}
	for _, name := range append([]string{"email", "email_verified", "username", "phone_number", "phone_verified"}, rootAttributes[:]...) {
		value, ok := u.Root[name]
		given := u.Provenance[name].Source == profilestore.SourceUser || name == "email_verified" || name == "phone_verified"
		if ok && given {
			body[name] = value
		}
	}
	if u.UserMetadata != nil {
		body["user_metadata"] = u.UserMetadata
	}
	return body
}

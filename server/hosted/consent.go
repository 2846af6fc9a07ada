package hosted

import (
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// consentPage asks whether the app may have what it asks for (Auth0: User Consent and Third-Party Applications).
func (s *Surface) consentPage(w http.ResponseWriter, r *http.Request) error {
	f, err := s.load(r, r.URL.Query().Get("state"))
	if err != nil {
		return err
	}
	if f.Done == nil || f.Failed != nil {
		return s.proceed(w, r, f)
	}
	if err := s.ownLogin(r, f); err != nil {
		return err
	}
	user, err := s.Users.Get(r.Context(), f.Done.UserID)
	if err != nil {
		return err
	}
	nonce := open(w, http.StatusOK)
	return s.Pages.Views.Consent(w, views.ConsentPage{
		Page: s.base(r, f, nonce, "consent"), Application: f.client.Name, Account: account(user), Action: "/u/consent",
		Scopes: describedScopes(f.config.ResourceServer(f.Request.Audience), f.Request.Scope),
	})
}

// ownLogin checks that the browser holds the session of the log-in that it is asked about.
func (s *Surface) ownLogin(r *http.Request, f *flow) error {
	holds, err := s.Login.Holds(r.Context(), s.Cookies.Get(r, web.SessionCookie), *f.Done)
	if err == nil && !holds {
		err = errExpired
	}
	return err
}

// account is what the person recognises themselves by.
func account(u *profilestore.User) string {
	for _, key := range []string{"email", "username", "phone_number", "name"} {
		if text, _ := u.Root[key].(string); text != "" {
			return text
		}
	}
	return u.ID
}

func describedScopes(api *tenant.ResourceServer, scope []string) []views.Scope {
	var list []views.Scope
	for _, value := range scope {
		described := views.Scope{Value: value}
		if api != nil {
			for _, known := range api.Scopes {
				if known.Value == value {
					described.Description = known.Description
				}
			}
		}
		list = append(list, described)
	}
	return list
}

// consentSubmit stores the answer: agreement is kept with the user, so that they are asked once.
func (s *Surface) consentSubmit(w http.ResponseWriter, r *http.Request) error {
	f, params, err := s.submitted(r, "consent")
	if err != nil {
		return err
	}
	if f.Done == nil {
		return s.proceed(w, r, f)
	}
	if err := s.ownLogin(r, f); err != nil {
		return err
	}
	switch params.String("consent") {
	case "accept":
	case "decline":
		return s.fail(w, r, f, sessions.Failure{Code: "access_denied", Description: "User did not authorize the request"})
	default:
		return web.Bad("Please accept or decline")
	}
	err = s.Users.Write(r.Context(), func(tx profilestore.Tx) error {
		user, err := tx.Get(r.Context(), f.Done.UserID)
		if err != nil {
			return err
		}
		agree(user, profilestore.Consent{ClientID: f.client.ID, Audience: f.Request.Audience, Scope: f.Request.Scope, At: s.Now()})
		return tx.Put(r.Context(), user)
	})
	if err != nil {
		return err
	}
	f.Consented = true
	return s.proceed(w, r, f)
}

// agree adds what was agreed to now to what was agreed to before.
func agree(u *profilestore.User, c profilestore.Consent) {
	for i, old := range u.Consents {
		if old.ClientID != c.ClientID || old.Audience != c.Audience {
			continue
		}
		for _, scope := range old.Scope {
			if !slices.Contains(c.Scope, scope) {
				c.Scope = append(slices.Clone(c.Scope), scope)
			}
		}
		u.Consents[i] = c
		return
	}
	u.Consents = append(u.Consents, c)
}

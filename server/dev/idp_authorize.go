package dev

import (
	"crypto/rand"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authorization is a checked authorization request.
type authorization struct {
	query    url.Values
	target   *url.URL // redirect_uri
	scope    []string
	idToken  bool // response_type=id_token: no code, the ID token comes through the browser
	mode     string
	sentBack url.Values // what accompanies every answer
}

// authorizePolicy has no form-action: browsers apply it to the whole chain of redirects after the form, and the chain ends
// at an app whose address, custom schemes included, is not known here.
const authorizePolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"

type chooserPage struct {
	Base, Title, ClientID, Error string
	Scope                        []string
	People                       []chooserPerson
	Claims                       string
	Editing                      bool
}

type chooserPerson struct {
	person
	Edit      template.URL // address of this page with the person's claims in the editor
	Preferred bool         // meant by login_hint
}

// authorize is the authorization endpoint: GET shows whom the provider knows; POST answers with person=ID, claims=JSON or
// cancel.
func (s *simulator) authorize(c call) {
	a, problem := s.checkAuthorization(c)
	if problem != "" {
		s.dev.render(c.w, http.StatusBadRequest, authorizePolicy, "idp-error.html", map[string]string{
			"Base": s.dev.base, "Title": c.provider.title, "Problem": problem,
		})
		return
	}
	if code, description := a.fault(c.provider); code != "" {
		s.deliver(c, a, url.Values{"error": {code}, "error_description": {description}})
		return
	}
	if c.r.Method != http.MethodPost {
		s.choose(c, a, http.StatusOK, "", "")
		return
	}
	s.answerAuthorization(c, a)
}

// checkAuthorization finds what makes it unsafe to send the browser back; the person then sees the problem.
func (s *simulator) checkAuthorization(c call) (authorization, string) {
	q := c.r.URL.Query()
	target, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("client_id") == "":
		return authorization{}, "invalid_client: client_id is missing"
	case q.Get("redirect_uri") == "":
		return authorization{}, "invalid_request: redirect_uri is missing"
	case err != nil || target.Scheme+"://"+target.Host != s.dev.origin || target.Fragment != "":
		return authorization{}, "redirect_uri_mismatch: redirect_uri does not lead to " + s.dev.issuer
	}
	a := authorization{
		query: q, target: target, mode: q.Get("response_mode"),
		scope:    strings.FieldsFunc(q.Get("scope"), func(r rune) bool { return r == ' ' || r == ',' }),
		idToken:  q.Get("response_type") == "id_token",
		sentBack: url.Values{},
	}
	if state := q.Get("state"); state != "" {
		a.sentBack.Set("state", state)
	}
	if a.mode == "" {
		a.mode = "query"
		if a.idToken {
			a.mode = "fragment"
		}
	}
	if !slices.Contains([]string{"query", "fragment", "form_post"}, a.mode) {
		return authorization{}, "invalid_request: response_mode must be query, fragment or form_post"
	}
	return a, ""
}

// fault finds what the app is told by redirect (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 7636 §4.4.1).
func (a authorization) fault(p provider) (code, description string) {
	q := a.query
	challenge := q.Get("code_challenge")
	responseType := q.Get("response_type")
	switch {
	case len(q["state"]) > 1 || len(q["redirect_uri"]) > 1 || len(q["client_id"]) > 1:
		return "invalid_request", "a parameter is given twice"
	case responseType == "" && p.dialect.formTokens: // GitHub's documentation does not ask for one
	case responseType != "code" && (!a.idToken || p.issuer == ""):
		return "unsupported_response_type", "response_type must be code"
	}
	switch {
	case a.idToken && (q.Get("nonce") == "" || !slices.Contains(a.scope, "openid")):
		return "invalid_request", "response_type id_token needs nonce and scope openid"
	case a.idToken && a.mode == "query":
		return "invalid_request", "response_mode query can't carry tokens"
	case challenge != "" && q.Get("code_challenge_method") != "S256":
		return "invalid_request", "code_challenge_method must be S256"
	case challenge != "" && len(challenge) != 43:
		return "invalid_request", "code_challenge is not a SHA-256 digest in base64url"
	case slices.Contains(strings.Fields(q.Get("prompt")), "none"):
		return "login_required", "nobody is logged in at the simulated provider"
	}
	return "", ""
}

func (s *simulator) answerAuthorization(c call, a authorization) {
	if err := c.r.ParseForm(); err != nil || !isForm(c.r) {
		s.choose(c, a, http.StatusBadRequest, "The form can't be read or is longer than 64 KiB.", "")
		return
	}
	form := c.r.PostForm
	if form.Has("cancel") {
		answer := url.Values{"error": {"access_denied"}}
		if text := c.provider.dialect.cancelText; text != "" {
			answer.Set("error_description", text)
		}
		s.deliver(c, a, answer)
		return
	}
	if id := form.Get("person"); id != "" {
		people := s.people[c.provider.people]
		at := slices.IndexFunc(people, func(p person) bool { return p.ID == id })
		if at < 0 {
			s.choose(c, a, http.StatusBadRequest, "Nobody here is called "+id+".", "")
			return
		}
		s.consent(c, a, people[at].Upstream)
		return
	}
	claims := form.Get("claims")
	if claims == "" {
		s.choose(c, a, http.StatusBadRequest, "Choose a person, or give claims.", "")
		return
	}
	up, err := parseUpstream([]byte(claims))
	if err != nil {
		s.choose(c, a, http.StatusBadRequest, "Claims: "+err.Error()+".", claims)
		return
	}
	s.consent(c, a, up)
}

func (s *simulator) consent(c call, a authorization, up upstream) {
	g := grant{
		provider: c.provider.key, clientID: a.query.Get("client_id"), redirectURI: a.query.Get("redirect_uri"),
		challenge: a.query.Get("code_challenge"), nonce: a.query.Get("nonce"), scope: a.scope,
		offline: c.provider.dialect.offline(a.query), authTime: s.dev.clock.Now(), upstream: up,
	}
	s.dev.log.Info("simulated log-in", "provider", c.provider.title, "person", up.text("sub", "login"))
	if !a.idToken {
		code := rand.Text()
		s.codes.put(code, g)
		s.deliver(c, a, url.Values{"code": {code}})
		return
	}
	token, err := s.idToken(c.provider, g, "")
	if err != nil {
		s.dev.log.Error("signing a simulated ID token", "error", err)
		s.deliver(c, a, url.Values{"error": {"server_error"}, "error_description": {"the ID token could not be signed"}})
		return
	}
	s.deliver(c, a, url.Values{"id_token": {token}})
}

// deliver sends the browser back with an answer (RFC 6749 §4.1.2; OAuth 2.0 Form Post Response Mode).
func (s *simulator) deliver(c call, a authorization, answer url.Values) {
	for name, values := range a.sentBack {
		answer[name] = values
	}
	target := *a.target
	switch a.mode {
	case "form_post":
		policy := authorizePolicy + "; script-src 'self'"
		s.dev.render(c.w, http.StatusOK, policy, "form-post.html", map[string]any{"Base": s.dev.base, "Target": target.String(), "Fields": answer})
		return
	case "fragment":
		// A fragment is appended as it is: url.URL would escape it once more.
		c.w.Header().Set("Location", target.String()+"#"+answer.Encode())
	default:
		query := target.Query()
		for name, values := range answer {
			query[name] = values
		}
		target.RawQuery = query.Encode()
		c.w.Header().Set("Location", target.String())
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	c.w.WriteHeader(http.StatusSeeOther)
}

// choose shows the page. Typed claims come back as they were.
func (s *simulator) choose(c call, a authorization, status int, problem, typed string) {
	page := chooserPage{
		Base: s.dev.base, Title: c.provider.title, ClientID: a.query.Get("client_id"), Error: problem, Scope: a.scope,
		Claims: typed, Editing: typed != "" || a.query.Has("edit"),
	}
	edited := a.query.Get("edit")
	for _, p := range s.people[c.provider.people] {
		text, err := p.JSON()
		if err != nil {
			s.dev.log.Error("encoding a simulated person", "person", p.ID, "error", err)
			continue
		}
		entry := chooserPerson{person: p, Edit: editLink(a.query, p.ID), Preferred: p.matches(a.query.Get("login_hint"))}
		if typed == "" && (page.Claims == "" && edited == "" || p.ID == edited || edited == "" && entry.Preferred) {
			page.Claims = text
		}
		page.People = append(page.People, entry)
	}
	slices.SortStableFunc(page.People, func(a, b chooserPerson) int {
		switch {
		case a.Preferred == b.Preferred:
			return 0
		case a.Preferred:
			return -1
		}
		return 1
	})
	s.dev.render(c.w, status, authorizePolicy, "idp.html", page)
}

// editLink is the same request with a person's claims opened for editing. It is relative, and its query is encoded here.
// It has no fragment, which browsers would carry along through every redirect to the app.
func editLink(query url.Values, id string) template.URL {
	changed := url.Values{}
	for name, values := range query {
		changed[name] = values
	}
	changed.Set("edit", id)
	return template.URL("?" + changed.Encode())
}

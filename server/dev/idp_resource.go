package dev

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// resource is a profile or API call with an access token. Addresses that the person's data lists answer with it at any
// host; the provider's own take only its own tokens.
func (s *simulator) resource(c call, does role) {
	token, err := bearerOf(c.r)
	if err != nil {
		s.dev.writeError(c.w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	g, ok := s.tokens.get(token)
	if !ok {
		s.refuseResource(c, refuseToken)
		return
	}
	value, listed := g.upstream.extraAt(c.address)
	switch {
	case !listed && does != roleUserinfo && does != roleExtra:
		s.dev.log.Warn("no simulated answer", "address", c.address)
		s.refuseResource(c, refuseAddress)
	case !listed && g.provider != c.provider.key:
		s.refuseResource(c, refuseToken) // another provider's token
	case does == roleUserinfo:
		s.dev.writeJSON(c.w, http.StatusOK, byScope(g.upstream.profile(), g.scope))
	case does == roleExtra && !c.provider.allowsExtra(g.scope):
		s.refuseResource(c, refuseScope)
	default:
		s.extra(c, value, listed)
	}
}

// extra answers what the person's data lists for an address; a list that it leaves out is empty.
func (s *simulator) extra(c call, value any, listed bool) {
	list, isList := value.([]any)
	if listed && !isList {
		s.dev.writeJSON(c.w, http.StatusOK, value)
		return
	}
	s.page(c, list)
}

func (p provider) allowsExtra(scope []string) bool {
	return len(p.extraNeeds) == 0 || slices.ContainsFunc(p.extraNeeds, func(s string) bool { return slices.Contains(scope, s) })
}

// bearerOf returns the access token of the header, of scheme Bearer or GitHub's token, else of the form or query
// (RFC 6750 §2).
func bearerOf(r *http.Request) (string, error) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if found && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "token")) {
		return strings.TrimSpace(token), nil
	}
	if err := r.ParseForm(); err != nil {
		return "", errors.New("the form can't be read or is too long")
	}
	return r.Form.Get("access_token"), nil
}

func (s *simulator) refuseResource(c call, why refusal) {
	a := c.provider.dialect.refusals[why]
	if a.status == http.StatusUnauthorized {
		c.w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer error=%q, error_description=%q", "invalid_token", a.description))
	}
	s.dev.writeJSON(c.w, a.status, c.provider.dialect.shape(a))
}

// page answers with one page of a list and a Link header to the next (GitHub REST API, "Using pagination": 30 a page, 100
// at most).
func (s *simulator) page(c call, list []any) {
	q := c.r.URL.Query()
	size := min(positive(q.Get("per_page"), 30), 100)
	number := positive(q.Get("page"), 1)
	start := len(list)
	if number-1 <= len(list)/size {
		start = min((number-1)*size, len(list))
	}
	end := min(start+size, len(list))
	if end < len(list) {
		next := url.Values{"per_page": {strconv.Itoa(size)}, "page": {strconv.Itoa(number + 1)}}
		c.w.Header().Set("Link", fmt.Sprintf("<https://%s?%s>; rel=%q", c.address, next.Encode(), "next"))
	}
	s.dev.writeJSON(c.w, http.StatusOK, append([]any{}, list[start:end]...))
}

func positive(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}

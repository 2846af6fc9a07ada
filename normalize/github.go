package normalize

import (
	"slices"
	"strings"
)

const githubEmailsCall = "GET https://api.github.com/user/emails"

// githubEmails picks the address. /user shows only the public one, which proves nothing; /user/emails says which
// addresses are verified, in pages (GitHub: List email addresses for the authenticated user).
func githubEmails(d *draft, in Input) {
	list, answered := githubEmailList(in.Extra)
	if answered {
		d.claims["emails"] = claim{value: list, field: "extra." + githubEmailsCall, from: own}
	}
	delete(d.claims, "email_verified")
	if best, ok := bestEmail(list); ok {
		d.claims["email"] = claim{value: best["email"], field: "extra." + githubEmailsCall + ".email", from: own}
		d.claims["email_verified"] = claim{value: best["verified"], field: "extra." + githubEmailsCall + ".verified", from: own}
		return
	}
	public := d.claims["email"]
	if isBlank(public.value) {
		// A null here means "private", not "none".
		delete(d.claims, "email")
		return
	}
	public.from = own
	d.claims["email"] = public
}

// githubEmailList joins the pages of the call, in the order of their addresses.
func githubEmailList(extra map[string]any) (list []any, answered bool) {
	var calls []string
	for call := range extra {
		if call == githubEmailsCall || strings.HasPrefix(call, githubEmailsCall+"?") {
			calls = append(calls, call)
		}
	}
	slices.Sort(calls)
	for _, call := range calls {
		if page, ok := extra[call].([]any); ok {
			list, answered = append(list, page...), true
		}
	}
	return list, answered
}

// bestEmail returns the verified primary address, else the primary one, else any verified one.
func bestEmail(list []any) (map[string]any, bool) {
	var best map[string]any
	rank := 0
	for _, e := range list {
		entry, ok := e.(map[string]any)
		if !ok {
			continue
		}
		if _, ok := text(entry["email"]); !ok {
			continue
		}
		r := 0
		if saysTrue(entry["verified"]) {
			r = 1
		}
		if saysTrue(entry["primary"]) {
			r += 2
		}
		if r > rank {
			best, rank = entry, r
		}
	}
	return best, rank > 0
}

package dev

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// shownMessages bounds the inbox page; /dev/mail.json has all.
const shownMessages = 50

// mailPolicy lets the HTML of mails, which inherits the page's policy in its sandboxed frame, use inline styles and
// pictures; scripts stay off.
const mailPolicy = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src http: https: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

func (d *Dev) mailJSON(w http.ResponseWriter, _ *http.Request) {
	d.writeJSON(w, http.StatusOK, d.outbox.Messages())
}

func (d *Dev) mailPage(w http.ResponseWriter, _ *http.Request) {
	messages := d.outbox.Messages()
	shown := messages[:min(len(messages), shownMessages)]
	d.render(w, http.StatusOK, mailPolicy, "mail.html", map[string]any{
		"Base": d.base, "Messages": shown, "Hidden": len(messages) - len(shown),
	})
}

// segment is a piece of text, or a link where URL is set.
type segment struct{ Text, URL string }

var link = regexp.MustCompile(`https?://[^\s<>"]+`)

// linkify cuts a mail's text at its web addresses, so that they can be followed.
func linkify(text string) []segment {
	var out []segment
	at := 0
	for _, found := range link.FindAllStringIndex(text, -1) {
		address := strings.TrimRight(text[found[0]:found[1]], ".,;:!?)'")
		out = append(out, segment{Text: text[at:found[0]]}, segment{address, address})
		at = found[0] + len(address)
	}
	return append(out, segment{Text: text[at:]})
}

type indexProvider struct {
	Connection, Title string
	People            []person
}

func (d *Dev) indexPage(w http.ResponseWriter, _ *http.Request) {
	var providers []indexProvider
	for _, c := range d.redirectConnections() {
		p, ok := providerOf(c)
		if ok {
			providers = append(providers, indexProvider{c.Name, p.title, d.sim.people[p.people]})
		}
	}
	client := d.demo()
	data := map[string]any{
		"Base": d.base, "Issuer": d.issuer, "Client": client, "Now": d.clock.Now().UTC(), "Offset": d.clock.Offset(),
		"Providers": providers, "Messages": len(d.outbox.Messages()), "Steps": []string{"5m", "1h", "24h", "168h"},
	}
	if client == DemoSPAClientID {
		data["Demo"] = map[string]string{
			"Email": DemoEmail, "Password": DemoPassword, "ManagementID": DemoManagementClientID, "ManagementSecret": DemoManagementClientSecret,
		}
	}
	d.render(w, http.StatusOK, csp, "index.html", data)
}

// providerOf returns the simulated provider of a connection, where there is one.
func providerOf(c ConnectionInfo) (provider, bool) {
	if c.Strategy == "oidc" {
		return configuredProvider(c), true
	}
	at := slices.IndexFunc(builtin[:], func(p provider) bool { return p.key == c.Strategy })
	if at < 0 {
		return provider{}, false
	}
	return builtin[at], true
}

func (d *Dev) appPage(w http.ResponseWriter, _ *http.Request) {
	type button struct{ Connection, Title string }
	var buttons []button
	for _, c := range d.redirectConnections() {
		title := c.Name
		if p, ok := providerOf(c); ok {
			title = p.title
		}
		buttons = append(buttons, button{c.Name, title})
	}
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' " + d.origin +
		"; frame-src 'self' " + d.origin + "; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
	d.render(w, http.StatusOK, policy, "app.html", map[string]any{
		"Base": d.base, "Issuer": d.issuer, "Client": d.demo(), "Buttons": buttons,
	})
}

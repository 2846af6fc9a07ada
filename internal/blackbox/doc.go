// Package blackbox is for tests that see the product as its users do: a process that listens, and HTTP.
//
//	Main ──► builds the binary at the first Start and removes it at the end
//	Start ──► Server (process of `latchkey dev`; Kill, Stop, Restart, Advance, Run, Logs)
//	App ──► authorize URLs, code exchange, refresh, userinfo ◄── Browser (cookies, redirects, forms)
//	Upstream ──► an OpenID provider whose every word the test chooses
//
// Nothing here sleeps or leaves the machine: readiness is polled within a bound, and time passes by Server.Advance. Tests
// that advance the clock need a server of their own, as codes and sessions of others would expire.
package blackbox

// Package dev is what `latchkey dev` adds to the server so that a developer needs nothing else: simulated identity
// providers, an inbox, a clock that can be moved, a demo app and the demo tenant it logs in to. None of it exists under
// `latchkey serve`.
//
// A login runs through it like this. The demo app (/dev/app) sends the browser to /authorize, as any app would. The person
// picks a provider on the hosted page; the connector's address https://HOST/PATH has been rewritten to
// ISSUER/dev/idp/HOST/PATH, so the browser arrives at [simulator], which shows whom the provider could vouch for and lets
// the developer edit every claim. The connector then fetches token, keys and profile from the same handler over loopback.
// Mails and text messages of the login land in [Outbox] (/dev/mail), and [Clock] (/dev/clock) lets a code or session expire
// without waiting.
//
// The providers are rows of a table (providers.go) over one implementation; people/ holds whom they know. The package
// imports no other surface: the command wires Clock into everything that asks for the time and Outbox into the senders.
package dev

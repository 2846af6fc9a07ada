// Package config reads how a process is to run: where it listens, which database it uses, which limits it keeps.
//
// One struct, [Config], names every key once: its field's comment, default and allowed values are the source of parsing,
// checking and of docs/config.md (made by config/gen). [Load] lays four layers over each other, the later ones winning:
// defaults, the YAML file, the environment, flags. It then checks the whole and reports every problem at once, each with
// the place that a person has to change.
//
// What an administrator configures while the server runs (applications, connections, …) is no business of this package:
// see package tenant.
package config

import "time"

// Config is the configuration of a process. A value that [Load] returned without an error has passed every check.
//
// Tags: `key` is the key's name, `default` its default as one would write it in the environment, `allowed` the closed
// list of its values, `min` and `max` its bounds.
type Config struct {
	// Address to listen on. Port 0 picks a free one, and the first log line names it.
	Listen string `key:"listen" default:"127.0.0.1:3000"`
	// Public URL: what tokens carry as `iss`. It always ends in `/` (added where it is missing). The Management API's
	// audience is this URL followed by `api/v2/`.
	Issuer string `key:"issuer" default:"http://localhost:3000/"`
	// Where everything that lasts is kept: `sqlite:PATH`, `sqlite::memory:` (refused by `latchkey serve`: it forgets
	// everything) or `postgres://USER:PASSWORD@HOST/DATABASE`.
	Database Secret `key:"database" default:"sqlite:latchkey.db"`
	// Where short-lived state is kept: `redis://…`, `rediss://…`, `redis+sentinel://…` or `redis+cluster://…`. Empty: in
	// the database.
	Sessions Secret `key:"sessions"`
	// Seals the tenant's configuration (with its client secrets) and the signing keys at rest: 32 bytes in base64. A
	// comma-separated list is a key ring: the first key seals, all of them open. `latchkey serve` needs it, here or in
	// `encryption_key_file`.
	EncryptionKey Secret `key:"encryption_key"`
	// File that holds the encryption key, or a key ring with one key a line.
	EncryptionKeyFile string `key:"encryption_key_file"`

	TLS TLS `key:"tls"`
	// TLS ends in front of this process, at a proxy that people reach over https.
	BehindTLSProxy bool `key:"behind_tls_proxy" default:"false"`
	// Networks of the proxies in front (CIDR or single addresses). The client's address is taken from `X-Forwarded-For`,
	// the request's id from `X-Request-Id` and its trace from `traceparent` only where one of these sent them.
	TrustedProxies Networks `key:"trusted_proxies"`

	Mail      Mail      `key:"mail"`
	SMS       SMS       `key:"sms"`
	Upstream  Upstream  `key:"upstream"`
	Limits    Limits    `key:"limits"`
	Lifetimes Lifetimes `key:"lifetimes"`
	Log       Log       `key:"log"`
	Metrics   Metrics   `key:"metrics"`
	Tracing   Tracing   `key:"tracing"`

	// `auto`: `serve`, `dev` and `tenant apply` bring the database to the newest schema themselves. `manual`: only
	// `latchkey migrate` does, and they refuse to start on an older one.
	Migrate string `key:"migrate" default:"auto" allowed:"auto,manual"`
	// Name of the tenant that this process serves: lower-case letters, digits and `-`, up to 63.
	Tenant  string  `key:"tenant" default:"default"`
	Avatars Avatars `key:"avatars"`

	// Keys is the key ring of EncryptionKey or EncryptionKeyFile, each of 32 bytes, the sealing one first. Empty where
	// neither is set.
	Keys Keys

	origins map[string]place
}

// TLS makes the process speak https itself. Both files are set or none.
type TLS struct {
	// File with the certificate chain, PEM, the server's own certificate first.
	Cert string `key:"cert"`
	// File with the certificate's private key, PEM.
	Key string `key:"key"`
}

// Mail is how mails leave.
type Mail struct {
	// Mail server: `smtp://USER:PASSWORD@HOST:587` (with STARTTLS where the server offers it) or `smtps://…` (TLS from
	// the first byte). Empty: mails are written to the log.
	SMTP Secret `key:"smtp"`
	// Sender of all mails, such as `Example <no-reply@example.com>`. Needed with `mail.smtp`.
	From string `key:"from"`
}

// SMS is how text messages leave.
type SMS struct {
	// `log` writes text messages to the log; there is no other way yet.
	Provider string `key:"provider" default:"log" allowed:"log"`
}

// Upstream is how the process reaches identity providers.
type Upstream struct {
	// Base URL of simulated identity providers: a request of a connector to `https://HOST/PATH?Q` goes to
	// `SIMULATOR/HOST/PATH?Q`, and so do browser redirects to identity providers. Only accepted by `latchkey dev`.
	Simulator string `key:"simulator"`
	// Outbound requests to loopback, private and link-local addresses are refused when they are dialed. `true` allows
	// all of them, a list of networks (CIDR or single addresses) those.
	AllowPrivateNetworks Private `key:"allow_private_networks" default:"false"`
	// Time that one request to an identity provider may take, its answer included.
	Timeout time.Duration `key:"timeout" default:"10s" min:"100ms" max:"2m"`
}

// Limits bound what one caller can make the process do.
type Limits struct {
	// Largest request body, in bytes, file uploads excepted.
	BodyBytes int64 `key:"body_bytes" default:"1048576" min:"1024" max:"67108864"`
	// Largest request head (request line and headers), in bytes.
	HeaderBytes int64 `key:"header_bytes" default:"32768" min:"4096" max:"1048576"`
	// Deepest nesting of a JSON body.
	JSONDepth int64 `key:"json_depth" default:"64" min:"8" max:"1000"`
	// Largest profile that an identity provider may give, in bytes.
	ProfileBytes int64 `key:"profile_bytes" default:"1048576" min:"1024" max:"1048576"`
	// Password hashes that are computed at the same time; each takes a processor and some memory. 0: one per processor.
	PasswordHashes int64 `key:"password_hashes" default:"0" min:"0" max:"1024"`
	// Time to read a request's head.
	HeaderTimeout time.Duration `key:"header_timeout" default:"10s" min:"100ms" max:"5m"`
	// Time to read a request and to answer it.
	RequestTimeout time.Duration `key:"request_timeout" default:"30s" min:"1s" max:"10m"`
	// Time that an idle connection is kept open.
	IdleTimeout time.Duration `key:"idle_timeout" default:"2m" min:"1s" max:"1h"`
	// Time that the process goes on serving after it was asked to stop, while /readyz says no: as long as load balancers take
	// to notice. shutdown_timeout begins after it.
	ShutdownDelay time.Duration `key:"shutdown_delay" default:"0s" min:"0s" max:"5m"`
	// Time that running requests get to finish when the process is asked to stop.
	ShutdownTimeout time.Duration `key:"shutdown_timeout" default:"20s" min:"0s" max:"10m"`
}

// Lifetimes are how long things on their way stay usable. Sessions and tokens have theirs in the tenant.
type Lifetimes struct {
	// A log-in that was begun and not finished.
	Transaction time.Duration `key:"transaction" default:"1h" min:"1m" max:"24h"`
	// An authorization code that no application redeemed (RFC 6749 §4.1.2 advises 10 minutes at most).
	Code time.Duration `key:"code" default:"1m" min:"5s" max:"10m"`
}

// Log is what the process writes to standard error.
type Log struct {
	// Least important messages that are written.
	Level string `key:"level" default:"info" allowed:"debug,info,warn,error"`
	// `json` for machines, `text` for people.
	Format string `key:"format" default:"json" allowed:"json,text"`
}

// Metrics are figures for Prometheus.
type Metrics struct {
	// Address to serve `/metrics` on, apart from the public one, over plain http and to whoever can reach it: the figures
	// name no person, but keep the port inside your network. Empty: nowhere.
	Listen string `key:"listen"`
}

// Tracing is where OpenTelemetry traces go.
type Tracing struct {
	// Collector that takes traces by OTLP over HTTP, such as `http://collector:4318`; `/v1/traces` is appended. What it
	// wants to be authenticated by stands in the variable `OTEL_EXPORTER_OTLP_HEADERS`. Empty: nothing is traced.
	OTLPEndpoint string `key:"otlp_endpoint"`
	// Share of requests that are traced. A request that a trusted proxy sent with a `traceparent` is traced where that says
	// so.
	SampleRatio float64 `key:"sample_ratio" default:"1" min:"0" max:"1"`
}

// Avatars are pictures for people who have none.
type Avatars struct {
	// Base URL of the fallback pictures named by two initials, without a `/` at its end.
	BaseURL string `key:"base_url" default:"https://cdn.auth0.com/avatars"`
}

// IsSet tells whether the file, the environment or a flag gave the key, even if it gave the default.
func (c *Config) IsSet(key string) bool {
	_, ok := c.origins[key]
	return ok
}

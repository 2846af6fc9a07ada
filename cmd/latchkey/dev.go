package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/devca"
	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/server/dev"
	"github.com/latchkey-id/latchkey/tenant"
)

// devCommand is `latchkey dev`.
type devCommand struct {
	configFlags
	Listen   string `help:"Address to listen on." placeholder:"ADDR"`
	Tenant   string `help:"Tenant file to use instead of the demo tenant." placeholder:"FILE" type:"path"`
	Upstream string `help:"URL that stands in for all identity providers instead of the built-in simulated ones." placeholder:"URL"`
	Data     string `help:"Folder to keep state in; without it state is gone when dev ends." placeholder:"DIR" type:"path"`
	TLS      bool   `help:"Serve https with a certificate of a local authority, whose own certificate's path is printed."`
}

// Help is shown by --help.
func (devCommand) Help() string {
	return "Example: latchkey dev --tenant tenant.yaml --data ./state\n\nEverything runs in this process and nothing leaves this machine."
}

// Run serves dev mode until ctx ends.
func (cmd *devCommand) Run(ctx context.Context, io streams) (err error) {
	dir := cmd.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "latchkey-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	c, err := cmd.configure(ctx, dir)
	if err != nil {
		return err
	}
	clock, outbox := dev.NewClock(time.Now), (*dev.Outbox)(nil)
	outbox = dev.NewOutbox(clock.Now)
	options := nodeOptions{log: newLogger(c, io.err), now: clock.Now}
	if err := cmd.secure(c, dir, io, &options); err != nil {
		return err
	}
	if options.simulator, err = url.Parse(c.Upstream.Simulator); err != nil {
		return err
	}
	options.dev = func(n *node) (http.Handler, error) {
		surface, err := dev.New(dev.Options{
			Issuer: c.Issuer, Clock: clock, Outbox: outbox,
			DemoClientID: func() string { return demoClient(n.tenant.Current(), c.Issuer+"dev/app") },
			Connections:  func() []dev.ConnectionInfo { return connectionInfos(n.tenant.Current()) }, Logger: options.log,
		})
		if err != nil {
			return nil, err
		}
		return surface.Handler(), nil
	}
	n, err := newNode(ctx, c, options)
	if err != nil {
		return err
	}
	if err := cmd.apply(ctx, n, io); err != nil {
		return errors.Join(err, n.close())
	}
	if err := cmd.announce(n, io); err != nil {
		return errors.Join(err, n.close())
	}
	return n.run(ctx)
}

// configure fills in what dev mode decides: a database and a key in dir, the built-in simulator, the issuer.
func (cmd *devCommand) configure(ctx context.Context, dir string) (*config.Config, error) {
	key, err := devKey(filepath.Join(dir, "encryption.key"))
	if err != nil {
		return nil, err
	}
	flags := map[string]string{"listen": cmd.Listen, "upstream.simulator": cmd.Upstream}
	c, err := cmd.load(config.Dev, flags)
	if err != nil {
		return nil, err
	}
	if len(c.Keys) == 0 {
		c.Keys = config.Keys{key}
	}
	if !c.IsSet("database") {
		c.Database = config.Secret("sqlite:" + filepath.Join(dir, "latchkey.db"))
	}
	if err := settleAddress(ctx, c, cmd.TLS); err != nil {
		return nil, err
	}
	if c.Upstream.Simulator == "" {
		// The simulated providers are this process: it is reached where it listens, whatever the issuer is.
		c.Upstream.Simulator = c.Issuer + "dev/idp"
	}
	if !c.IsSet("log.level") {
		c.Log.Level = "warn"
	}
	if !c.IsSet("log.format") {
		c.Log.Format = "text"
	}
	if !c.IsSet("upstream.allow_private_networks") {
		c.Upstream.AllowPrivateNetworks.Networks = loopback()
	}
	return c, nil
}

func loopback() config.Networks {
	return config.Networks{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// settleAddress picks the port now, where it was left open, and derives the issuer from the address where none is given.
func settleAddress(ctx context.Context, c *config.Config, secure bool) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if port == "0" {
		var listen net.ListenConfig
		probe, err := listen.Listen(ctx, "tcp", c.Listen)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		_, port, err = net.SplitHostPort(probe.Addr().String())
		if err := errors.Join(err, probe.Close()); err != nil {
			return err
		}
		c.Listen = net.JoinHostPort(host, port)
	}
	if c.IsSet("issuer") {
		return nil
	}
	if host == "" || host == "127.0.0.1" && !c.IsSet("listen") || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	c.Issuer = scheme + "://" + net.JoinHostPort(host, port) + "/"
	return nil
}

// devKey reads the key that seals dev mode's state, making it the first time.
func devKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return base64.StdEncoding.DecodeString(string(text))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := base64.RawURLEncoding.DecodeString(ids.Secret())
	if err != nil {
		return nil, err
	}
	// Written aside and moved into place: whoever ends the process in between must not leave half a key.
	if err := os.WriteFile(path+".new", []byte(base64.StdEncoding.EncodeToString(key)), 0o600); err != nil {
		return nil, err
	}
	return key, os.Rename(path+".new", path)
}

// secure sets up --tls and prints where the authority's certificate is. The server itself trusts the authority as well: the
// simulated providers are reached by https then.
func (cmd *devCommand) secure(c *config.Config, dir string, io streams, options *nodeOptions) error {
	if !cmd.TLS {
		return nil
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return err
	}
	authority, certificate, err := devca.Ensure(filepath.Join(dir, "tls"), []string{issuer.Hostname()}, time.Now())
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	if options.roots, err = x509.SystemCertPool(); err != nil {
		return fmt.Errorf("system's certificate authorities: %w", err)
	}
	if !options.roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", authority)
	}
	options.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	_, err = fmt.Fprintf(io.out, "%s\nis the certificate of the local authority. Make your tools trust it, such as by NODE_EXTRA_CA_CERTS or SSL_CERT_FILE.\n\n", authority)
	return err
}

// apply brings the tenant file, or the demo tenant, into the database.
func (cmd *devCommand) apply(ctx context.Context, n *node, io streams) error {
	file, err := cmd.file(n.config.Issuer)
	if err != nil {
		return err
	}
	changes, err := applyFile(ctx, n, file)
	if err != nil {
		return err
	}
	if cmd.Tenant != "" {
		return report(io, file, changes)
	}
	return nil
}

func (cmd *devCommand) file(issuer string) (*tenant.File, error) {
	if cmd.Tenant != "" {
		return tenant.ParseFile(cmd.Tenant, os.LookupEnv)
	}
	values, err := dev.DemoReplacements(issuer)
	if err != nil {
		return nil, err
	}
	lookup := func(name string) (string, bool) { value, ok := values[name]; return value, ok }
	return tenant.Parse("demo tenant", dev.DemoTenant(), nil, lookup)
}

// announce prints where everything is.
func (cmd *devCommand) announce(n *node, io streams) error {
	issuer := n.config.Issuer
	var text strings.Builder
	text.WriteString("Latchkey is running in dev mode.\n\n")
	for _, line := range [][2]string{
		{"Start here", issuer + "dev"},
		{"Demo app", issuer + "dev/app"},
		{"Inbox", issuer + "dev/mail"},
		{"Clock", issuer + "dev/clock"},
		{"Issuer", issuer},
		{"Discovery", issuer + ".well-known/openid-configuration"},
		{"Identity providers", n.config.Upstream.Simulator},
	} {
		fmt.Fprintf(&text, "  %-19s %s\n", line[0], line[1])
	}
	_, err := fmt.Fprintln(io.out, text.String())
	return err
}

// demoClient is the client of the demo app: the demo tenant's own, or the first single-page app that may return to it.
func demoClient(c *tenant.Config, callback string) string {
	if c.Clients[dev.DemoSPAClientID] != nil {
		return dev.DemoSPAClientID
	}
	for _, id := range slices.Sorted(maps.Keys(c.Clients)) {
		client := c.Clients[id]
		if client.Public() && client.AllowsGrant("authorization_code") && tenant.MatchCallback(client.Callbacks, callback) {
			return id
		}
	}
	return ""
}

func connectionInfos(c *tenant.Config) []dev.ConnectionInfo {
	var list []dev.ConnectionInfo
	for _, conn := range c.Connections {
		list = append(list, dev.ConnectionInfo{Name: conn.Name, Strategy: conn.Strategy, Options: conn.Options})
	}
	return list
}

// known are the strategies that this build has connectors for.
func known() map[string]bool {
	set := map[string]bool{}
	for _, name := range connectors.Strategies() {
		set[name] = true
	}
	return set
}

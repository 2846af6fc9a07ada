package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/observe"
	"github.com/latchkey-id/latchkey/outbound"
	"github.com/latchkey-id/latchkey/server"
	"github.com/latchkey-id/latchkey/server/authapi"
	"github.com/latchkey-id/latchkey/server/hosted"
	"github.com/latchkey-id/latchkey/server/mgmtapi"
	"github.com/latchkey-id/latchkey/server/oauth"
	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// serveCommand is `latchkey serve`.
type serveCommand struct {
	configFlags
	Listen string `help:"Address to listen on." placeholder:"ADDR"`
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return "Example: latchkey serve --config /etc/latchkey.yml\n\nIt refuses to start on an unsafe configuration and says why."
}

// Run serves until ctx ends.
func (cmd *serveCommand) Run(ctx context.Context, io streams) error {
	c, err := cmd.load(config.Serve, map[string]string{"listen": cmd.Listen})
	if err != nil {
		return err
	}
	n, err := newNode(ctx, c, nodeOptions{log: newLogger(c, io.err), now: time.Now})
	if err != nil {
		return err
	}
	return n.run(ctx)
}

// nodeOptions is what `serve` and `dev` do differently.
type nodeOptions struct {
	log       *slog.Logger
	now       func() time.Time
	simulator *url.URL
	roots     *x509.CertPool // authorities of identity providers; nil: the system's
	tls       *tls.Config
	// dev makes the surface of dev mode once the rest stands.
	dev func(*node) (http.Handler, error)
}

// node is a running server: everything it consists of, constructed here and nowhere else.
type node struct {
	config   *config.Config
	options  nodeOptions
	stores   *stores
	tenant   *tenant.Cache
	keys     *tokens.Keyring
	audit    *audit.Log
	login    *login.Service
	watching *watching
	listener net.Listener
	http     *http.Server
	stopping atomic.Bool
}

// Intervals of background work.
const (
	pollEvery  = time.Second // changes by other processes: tenant, keys
	purgeEvery = 10 * time.Second
	purgeBatch = 500
	keepEvents = 30 * 24 * time.Hour
)

// newNode opens the stores and builds the handler; the listener is bound, so that its address is known, and not yet
// served.
func newNode(ctx context.Context, c *config.Config, o nodeOptions) (_ *node, err error) {
	sealing, err := ring(c)
	if err != nil {
		return nil, err
	}
	n := &node{config: c, options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if n.stores, err = open(ctx, c, sealing, o.now, o.log); err != nil {
		return nil, err
	}
	if n.watching, err = newWatching(ctx, c, o.log); err != nil {
		return nil, err
	}
	n.watching.stores(n.stores)
	if n.tenant, err = tenant.NewCache(ctx, n.stores.config); err != nil {
		return nil, err
	}
	if _, err = n.tenant.Update(ctx, func(t *tenant.Config) error { tenant.EnsureManagementAPI(t, c.Issuer); return nil }); err != nil {
		return nil, err
	}
	n.keys = tokens.NewKeyring(n.stores.keys, o.now)
	if err = n.keys.Load(ctx); err != nil {
		return nil, err
	}
	n.audit = audit.NewLog(n.stores.events, o.now, o.log)
	handler, err := n.handler(sealing)
	if err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	if n.listener, err = listen.Listen(ctx, "tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	n.http = &http.Server{
		Handler: handler, TLSConfig: o.tls, ErrorLog: slog.NewLogLogger(o.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: c.Limits.HeaderTimeout, ReadTimeout: c.Limits.RequestTimeout, WriteTimeout: c.Limits.RequestTimeout,
		IdleTimeout: c.Limits.IdleTimeout, MaxHeaderBytes: int(c.Limits.HeaderBytes),
	}
	return n, nil
}

// handler wires the surfaces.
func (n *node) handler(sealing *seal.Ring) (http.Handler, error) {
	c, now := n.config, n.options.now
	outside, err := n.outside()
	if err != nil {
		return nil, err
	}
	hasher, err := passwords.New(passwords.Config{Concurrency: concurrency(c.Limits.PasswordHashes)})
	if err != nil {
		return nil, err
	}
	n.watching.metrics.Passwords(func() observe.Queue { return observe.Queue(hasher.Stats()) })
	opaque, err := tokens.NewOpaque(sealing, now)
	if err != nil {
		return nil, err
	}
	pages, err := n.pages(sealing)
	if err != nil {
		return nil, err
	}
	users, short, grants := n.stores.users, n.stores.short, n.stores.grants
	registry := connectors.NewRegistry(connectors.Deps{
		Outside: connectors.Outside{Client: outside, Now: now},
		Hasher:  hasher, Accounts: login.Accounts{Users: users}, Log: n.options.log,
	})
	transactions := sessions.NewBox[sessions.Transaction](short, sessions.KindTransaction, c.Lifetimes.Transaction, now)
	sso := sessions.NewBox[sessions.Session](short, sessions.KindSession, c.Lifetimes.Transaction, now)
	n.login = &login.Service{
		Users: users, Tenant: n.tenant, Connectors: registry, Sessions: sso, Audit: n.audit, Avatars: c.Avatars.BaseURL, Now: now,
	}
	gate := login.Gate{Users: users, Tenant: n.tenant, Grants: grants}
	surfaces := []server.Surface{
		&oauth.Surface{
			Issuer: c.Issuer, Tenant: n.tenant, Users: users, Login: n.login, Gate: gate, Grants: grants,
			Transactions: transactions, Codes: sessions.NewBox[sessions.Code](short, sessions.KindCode, c.Lifetimes.Code, now),
			Assertions: sessions.NewBox[bool](short, sessions.KindAssertion, c.Lifetimes.Transaction, now),
			Keys:       n.keys, Opaque: opaque, Audit: n.audit, Pages: pages, Cookies: pages.Cookies, Now: now,
		},
		&hosted.Surface{
			Issuer: c.Issuer, Tenant: n.tenant, Users: users, Login: n.login, Connectors: registry, Transactions: transactions,
			Upstreams: sessions.NewBox[sessions.Upstream](short, sessions.KindUpstream, c.Lifetimes.Transaction, now),
			Audit:     n.audit, Pages: pages, Cookies: pages.Cookies, Now: now, TransactionTTL: c.Lifetimes.Transaction,
		},
		&authapi.Surface{Tenant: n.tenant, Login: n.login},
		&mgmtapi.Surface{
			Issuer: c.Issuer, Tenant: n.tenant, Users: users, Login: n.login, Gate: gate, Grants: grants, Sessions: sso,
			Keys: n.keys, Connectors: registry, Audit: n.audit, Avatars: c.Avatars.BaseURL, Now: now,
		},
	}
	options := server.Options{
		Edge: web.Edge{
			Logger: n.options.log, Trusted: c.TrustedProxies, HTTPS: pages.Cookies.Secure, MaxBody: c.Limits.BodyBytes, Now: time.Now,
			Observers: n.watching.observers(),
		},
		Pages: pages, Surfaces: surfaces, Ready: n.ready,
	}
	if n.options.dev != nil {
		if options.Dev, err = n.options.dev(n); err != nil {
			return nil, err
		}
	}
	return server.New(options), nil
}

func (n *node) outside() (*outbound.Client, error) {
	up := n.config.Upstream
	return outbound.New(outbound.Options{
		AllowPrivate: up.AllowPrivateNetworks.Networks, AllowAllPrivate: up.AllowPrivateNetworks.All,
		Simulator: n.options.simulator, RootCAs: n.options.roots, Timeout: up.Timeout, MaxBody: n.config.Limits.ProfileBytes, UserAgent: "latchkey/" + version(),
		Around: n.watching.around(),
	})
}

func (n *node) pages(sealing *seal.Ring) (*page.Kit, error) {
	all, err := views.New(views.Options{})
	if err != nil {
		return nil, err
	}
	key, err := sealing.Derive("form tokens")
	if err != nil {
		return nil, err
	}
	cookies := web.Cookies{Secure: strings.HasPrefix(n.config.Issuer, "https:")}
	return &page.Kit{Views: all, Tenant: n.tenant, Cookies: cookies, Key: key}, nil
}

func concurrency(configured int64) int {
	if configured > 0 {
		return int(configured)
	}
	return runtime.GOMAXPROCS(0)
}

// ready is what /readyz asks.
func (n *node) ready(ctx context.Context) error {
	if n.stopping.Load() {
		return errors.New("shutting down")
	}
	return n.stores.ping(ctx)
}

// run serves until ctx ends, then lets running requests finish.
func (n *node) run(ctx context.Context) error {
	n.options.log.Info("listening", "address", n.listener.Addr().String(), "issuer", n.config.Issuer, "version", version())
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(n.serve)
	group.Go(func() error {
		<-groupCtx.Done()
		return n.shutdown(ctx)
	})
	group.Go(func() error { n.tenant.Run(groupCtx, pollEvery, n.warn("tenant can't be read")); return nil })
	group.Go(func() error { n.keepKeys(groupCtx); return nil })
	group.Go(func() error { n.watch(groupCtx); return nil })
	group.Go(func() error { n.purge(groupCtx); return nil })
	// Scrapes are answered until close: a node that finishes its last requests is worth watching.
	scraping := make(chan struct{})
	go func() { defer close(scraping); n.watching.serve() }()
	err := group.Wait()
	err = errors.Join(err, n.close())
	<-scraping
	return err
}

func (n *node) serve() error {
	var err error
	if n.options.tls != nil {
		err = n.http.ServeTLS(n.listener, "", "")
	} else {
		err = n.http.Serve(n.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutdown turns readiness off, goes on serving until load balancers have seen it where the process was asked to stop (stop
// is done), and lets running requests finish.
func (n *node) shutdown(stop context.Context) error {
	n.stopping.Store(true)
	if stop.Err() != nil {
		<-time.After(n.config.Limits.ShutdownDelay)
	}
	ctx, cancel := context.WithTimeout(context.Background(), n.config.Limits.ShutdownTimeout)
	defer cancel()
	if err := n.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("requests were cut off: %w", err)
	}
	return nil
}

// close ends what newNode made, in the opposite order: no request comes in any more, the last events are stored, the last
// traces sent, and only then the stores end.
func (n *node) close() error {
	var errs []error
	if n.listener != nil {
		errs = append(errs, closed(n.listener))
	}
	if n.audit != nil {
		n.audit.Close()
	}
	if n.watching != nil {
		errs = append(errs, n.watching.close())
	}
	if n.stores != nil {
		errs = append(errs, n.stores.close())
	}
	return errors.Join(errs...)
}

func (n *node) warn(text string) func(error) {
	return func(err error) { n.options.log.Warn(text, "error", err) }
}

// watch hears of changes by other nodes at once, where the store can tell; asking regularly covers what is missed.
func (n *node) watch(ctx context.Context) {
	if n.stores.watch == nil {
		return
	}
	err := n.stores.watch(ctx, func(string) {
		if err := errors.Join(n.tenant.Refresh(ctx), n.keys.Reload(ctx)); err != nil && ctx.Err() == nil {
			n.warn("a change by another node can't be read")(err)
		}
	})
	if err != nil && ctx.Err() == nil {
		n.warn("changes by other nodes are not announced")(err)
	}
}

// keepKeys makes the next signing key once the server is up, and sees rotations by other processes.
func (n *node) keepKeys(ctx context.Context) {
	if err := n.keys.Prepare(ctx); err != nil && ctx.Err() == nil {
		n.warn("next signing key can't be made")(err)
	}
	n.every(ctx, pollEvery, func() {
		if err := n.keys.Reload(ctx); err != nil && ctx.Err() == nil {
			n.warn("signing keys can't be read")(err)
		}
	})
}

// purge removes what has ended.
func (n *node) purge(ctx context.Context) {
	n.every(ctx, purgeEvery, func() {
		now := n.options.now()
		n.drain(ctx, "expired state can't be removed", func() (int, error) { return n.stores.purger.Purge(ctx, now, purgeBatch) })
		n.drain(ctx, "old events can't be removed", func() (int, error) {
			return n.stores.events.DeleteBefore(ctx, now.Add(-keepEvents), purgeBatch)
		})
	})
}

// drain removes portion by portion, each small enough for requests to get in between, until nothing is left.
func (n *node) drain(ctx context.Context, complaint string, remove func() (int, error)) {
	for ctx.Err() == nil {
		removed, err := remove()
		if err != nil && ctx.Err() == nil {
			n.warn(complaint)(err)
		}
		if err != nil || removed < purgeBatch {
			return
		}
	}
}

func (n *node) every(ctx context.Context, interval time.Duration, work func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			work()
		}
	}
}

func newLogger(c *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	// The allowed values are slog's own names; config has checked them.
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

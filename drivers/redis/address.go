package redis

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// address is what a URL says.
type address struct {
	hosts              []string // host:port
	tls                bool
	cluster            bool
	master             string // the name that Sentinels know the servers by; empty without Sentinels
	db                 int
	username, password string

	sentinelUsername, sentinelPassword string
}

// parse reads the URL of [Options]. net/url has no place for several hosts. Errors never quote the text.
func parse(text string) (address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return address{}, errors.New("has no scheme")
	}
	var a address
	family, mode, moded := strings.Cut(scheme, "+")
	switch family {
	case "redis":
	case "rediss":
		a.tls = true
	default:
		return address{}, errors.New("scheme is neither redis nor rediss")
	}
	if moded && mode != "sentinel" && mode != "cluster" {
		return address{}, errors.New("behind the + of the scheme is neither sentinel nor cluster")
	}
	if strings.Contains(rest, "#") {
		return address{}, errors.New("has a fragment; write # as %23")
	}
	a.cluster = mode == "cluster"
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		var err error
		if a.username, a.password, err = credentials(authority[:at]); err != nil {
			return address{}, err
		}
		authority = authority[at+1:]
	}
	if err := a.setHosts(authority, mode); err != nil {
		return address{}, err
	}
	if err := a.setPath(path, mode); err != nil {
		return address{}, err
	}
	return a, a.setQuery(query, mode)
}

func credentials(userinfo string) (username, password string, err error) {
	user, pass, _ := strings.Cut(userinfo, ":")
	if username, err = url.PathUnescape(user); err == nil {
		password, err = url.PathUnescape(pass)
	}
	switch {
	case err != nil:
		return "", "", errors.New("user or password is not percent-encoded")
	case username != "" && password == "":
		return "", "", errors.New("has a user without a password; a password alone is written :PASSWORD@")
	}
	return username, password, nil
}

func (a *address) setHosts(authority, mode string) error {
	port := "6379"
	if mode == "sentinel" {
		port = "26379"
	}
	for host := range strings.SplitSeq(authority, ",") {
		joined, err := hostPort(host, port)
		if err != nil {
			return err
		}
		a.hosts = append(a.hosts, joined)
	}
	if mode == "" && len(a.hosts) > 1 {
		return errors.New("has several hosts, which redis+sentinel or redis+cluster are for")
	}
	return nil
}

// hostPort gives a host the port where it has none. An IPv6 address stands in brackets.
func hostPort(text, port string) (string, error) {
	host := text
	bare := strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]")
	switch {
	case bare:
		host = text[1 : len(text)-1]
	case strings.Contains(text, ":"):
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", errors.New("a host is not of the form HOST or HOST:PORT")
		}
	}
	if host == "" || strings.ContainsAny(host, " []@%\\\t\r\n\x00") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", errors.New("a host is missing or has no usable form")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("a port is no number from 1 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

// setPath reads /DB, or /MASTER[/DB] before Sentinels.
func (a *address) setPath(path, mode string) error {
	db := path
	if mode == "sentinel" {
		var name string
		name, db, _ = strings.Cut(path, "/")
		master, err := url.PathUnescape(name)
		if err != nil || master == "" {
			return errors.New("lacks the name of the Sentinels' master: redis+sentinel://HOSTS/MASTER")
		}
		a.master = master
	}
	if db == "" {
		return nil
	}
	n, err := strconv.ParseUint(db, 10, 31)
	if err != nil {
		return errors.New("the database is no number")
	}
	if a.cluster && n != 0 {
		return errors.New("a Cluster has database 0 only")
	}
	a.db = int(n)
	return nil
}

func (a *address) setQuery(query, mode string) error {
	if mode == "sentinel" {
		a.sentinelUsername, a.sentinelPassword = a.username, a.password
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("parameters are not percent-encoded")
	}
	for name, list := range values {
		if mode != "sentinel" || name != "sentinel_username" && name != "sentinel_password" {
			return fmt.Errorf("parameter %.40q is not known here", name)
		}
		if len(list) != 1 {
			return fmt.Errorf("parameter %s stands there twice", name)
		}
	}
	if len(values) > 0 {
		a.sentinelUsername, a.sentinelPassword = values.Get("sentinel_username"), values.Get("sentinel_password")
	}
	return nil
}

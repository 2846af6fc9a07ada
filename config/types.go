package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
)

const hidden = "***"

// Secret is a text that must not reach logs, errors or pages: fmt, encoding/json and log/slog show "***" in its place.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) mask() string {
	if s == "" {
		return ""
	}
	return hidden
}

// String returns "***", or "" for an empty secret.
func (s Secret) String() string { return s.mask() }

// Format hides the secret from every verb, the ill-fitting ones included (they would print it as it is).
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.mask())) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.mask()), nil }

// LogValue hides the secret from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.mask()) }

// Keys are encryption keys. Like a [Secret] they don't show themselves.
type Keys [][]byte

func (k Keys) mask() string { return fmt.Sprintf("%d keys", len(k)) }

// String tells how many keys there are.
func (k Keys) String() string { return k.mask() }

// Format hides the keys from every verb.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.mask())) }

// MarshalText hides the keys from encoders.
func (k Keys) MarshalText() ([]byte, error) { return []byte(k.mask()), nil }

// LogValue hides the keys from log/slog.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.mask()) }

// Networks is a list of address ranges.
type Networks []netip.Prefix

// Contains tells whether the address lies in one of the ranges. IPv4 addresses in IPv6 form count as IPv4.
func (n Networks) Contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, prefix := range n {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Private says which loopback, private and link-local addresses outbound requests may reach.
type Private struct {
	All      bool     `json:"all"`
	Networks Networks `json:"networks,omitempty"`
}

// Allows tells whether the address may be reached although it isn't public.
func (p Private) Allows(addr netip.Addr) bool { return p.All || p.Networks.Contains(addr) }

func parseNetworks(items []string) (Networks, error) {
	var list Networks
	for _, item := range items {
		prefix, err := parseNetwork(item)
		if err != nil {
			return nil, err
		}
		list = append(list, prefix)
	}
	return list, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network", text)
	}
	if prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 network in IPv6 form; write it as IPv4", text)
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set behind its mask; the network is %s", text, prefix.Masked())
	}
	return prefix, nil
}

// splitList takes a list as the environment and flags give it: comma-separated, blanks around items ignored.
func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

package outbound

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// allowance says which addresses may be reached.
type allowance struct {
	prefixes []netip.Prefix
	all      bool
}

// control is a net.Dialer's Control: it sees the resolved address of each attempt, before it connects.
func (a allowance) control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, address)
	}
	if !a.permits(target.Addr()) {
		return fmt.Errorf("%w: %s", ErrAddress, target.Addr())
	}
	return nil
}

func (a allowance) permits(address netip.Addr) bool {
	address = address.WithZone("")
	plain := embedded(address)
	for _, prefix := range a.prefixes {
		if prefix.Contains(plain) || prefix.Contains(address) {
			return true
		}
	}
	if inside(plain, metadata()) {
		return false
	}
	return a.all || public(plain)
}

// embedded returns the IPv4 address that an IPv6 address stands for, because a packet to it may end there; else the
// address itself.
func embedded(address netip.Addr) netip.Addr {
	address = address.Unmap()
	if !address.Is6() {
		return address
	}
	bytes := address.As16()
	last := netip.AddrFrom4([4]byte(bytes[12:]))
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(address): // NAT64 (RFC 6052 §2.1)
		return last
	case netip.MustParsePrefix("2002::/16").Contains(address): // 6to4 (RFC 3056 §2)
		return netip.AddrFrom4([4]byte(bytes[2:6]))
	case netip.MustParsePrefix("::ffff:0:0:0/96").Contains(address): // translated (RFC 2765 §2.1)
		return last
	case netip.MustParsePrefix("::/96").Contains(address) && !address.IsUnspecified() && !address.IsLoopback():
		return last // IPv4-compatible (RFC 4291 §2.5.5.1)
	}
	return address
}

func public(address netip.Addr) bool {
	return address.IsGlobalUnicast() && !address.IsPrivate() && !inside(address, reserved())
}

// metadata are the addresses at which clouds tell a machine its secrets.
func metadata() []string {
	return []string{"169.254.169.254/32", "fd00:ec2::254/128", "100.100.100.200/32"}
}

// reserved are the ranges that lead nowhere public beyond those that netip knows (RFC 6890 and the IANA registries of
// special-purpose addresses).
func reserved() []string {
	return []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
	}
}

func inside(address netip.Addr, ranges []string) bool {
	return slices.ContainsFunc(ranges, func(r string) bool { return netip.MustParsePrefix(r).Contains(address) })
}

package outbound

import (
	"errors"
	"net/netip"
	"testing"
)

func TestWhereAConnectionMayGo(t *testing.T) {
	closed := allowance{}
	for address, want := range map[string]bool{
		"93.184.215.14:443": true, "[2606:2800:21f:cb07::1]:443": true, "100.63.255.255:80": true, "100.128.0.0:80": true,
		"172.15.255.255:80": true, "172.32.0.1:80": true, "[64:ff9b::5db8:d70e]:443": true, "[2002:5db8:d70e::1]:443": true,
		"[::ffff:93.184.215.14]:443": true,

		"127.0.0.1:80": false, "127.255.255.254:80": false, "[::1]:80": false, "0.0.0.0:80": false, "[::]:80": false,
		"0.1.2.3:80": false, "10.0.0.1:80": false, "172.16.0.1:80": false, "172.31.255.255:80": false, "192.168.1.1:80": false,
		"169.254.169.254:80": false, "169.254.1.1:80": false, "100.64.0.1:80": false, "100.127.255.255:80": false,
		"100.100.100.200:80": false, "224.0.0.1:80": false, "239.1.2.3:80": false, "240.0.0.1:80": false,
		"255.255.255.255:80": false, "192.0.0.8:80": false, "192.0.2.1:80": false, "198.18.0.1:80": false,
		"198.51.100.1:80": false, "203.0.113.1:80": false,
		"[fe80::1%eth0]:80": false, "[fe80::1]:80": false, "[fc00::1]:80": false, "[fd00:ec2::254]:80": false, "[ff02::1]:80": false,
		"[fec0::1]:80": false, "[2001:db8::1]:80": false, "[2001::1]:80": false, "[100::1]:80": false,
		"[::ffff:127.0.0.1]:80": false, "[::ffff:169.254.169.254]:80": false, "[::ffff:0:10.0.0.1]:80": false,
		"[::127.0.0.1]:80": false, "[64:ff9b::7f00:1]:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "[64:ff9b:1::a00:1]:80": false,
		"[2002:7f00:1::]:80": false, "[2002:a9fe:a9fe::1]:80": false, "[2002:c0a8:101::1]:80": false,
		"localhost:80": false, "": false, "/tmp/socket": false,
	} {
		err := closed.control("tcp", address, nil)
		if (err == nil) != want || (err != nil && !errors.Is(err, ErrAddress)) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestAllowedAddresses(t *testing.T) {
	all := allowance{all: true}
	listed := allowance{prefixes: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16"), netip.MustParsePrefix("169.254.169.254/32"),
	}}
	for _, c := range []struct {
		address         string
		ifAll, ifListed bool
	}{
		{"127.0.0.1", true, false},
		{"10.1.2.3", true, true},
		{"10.2.0.1", true, false},
		{"::ffff:10.1.2.3", true, true},
		{"64:ff9b::a01:203", true, true},
		{"fd12::1", true, true},
		{"fd13::1", true, false},
		{"93.184.215.14", true, true},
		{"169.254.169.254", false, true},
		{"::ffff:169.254.169.254", false, true},
		{"fd00:ec2::254", false, false},
	} {
		address := netip.MustParseAddr(c.address)
		if got := all.permits(address); got != c.ifAll {
			t.Errorf("%s with all allowed: %v", address, got)
		}
		if got := listed.permits(address); got != c.ifListed {
			t.Errorf("%s with some allowed: %v", address, got)
		}
	}
}

package connectors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/outbound"
)

// Outside is what connectors need of the world: the guarded client, and the clock.
type Outside struct {
	Client *outbound.Client
	Now    func() time.Time
}

// bearer are the headers of a request with an access token (RFC 6750 §2.1).
func bearer(accessToken string) http.Header {
	return http.Header{"Authorization": {"Bearer " + accessToken}}
}

// fill puts a document that was read strictly into a struct with json tags.
func fill(target, document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, target)
}

// checkAddress accepts https addresses, and http ones of this machine: a provider under test. Whether loopback may be
// reached at all is the HTTP client's decision.
func checkAddress(what, address string) error {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return errors.New(what + " is missing")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%s is not an absolute URL", what)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s must be an https address", what)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

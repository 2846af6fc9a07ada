package tokens

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/internal/strictjson"
)

var (
	// ErrInvalid says that a token is not one of ours, not meant for this use, or damaged. What is wrapped around it says
	// why, without repeating the token.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired says that a token was good until its time was over.
	ErrExpired = errors.New("expired token")
)

const (
	// maxToken is the size in bytes of the largest token that is looked at.
	maxToken = 64 << 10
	// maxClaimDepth is how deep arrays and objects in a token may nest.
	maxClaimDepth = 512
)

// VerifyOptions says which tokens are accepted. Issuer, Audience and Algs are needed: a token that would be accepted for
// lack of one of them is refused.
type VerifyOptions struct {
	Issuer   string   // compared as it is, with its trailing slash
	Audience string   // must be aud or one of it
	Algs     []string // of RS256, PS256, ES256
	Types    []string // typ headers, without "application/", in any case; none means DefaultType
	Leeway   time.Duration
}

// Verify checks a token that this ring signed, and returns its claims with numbers as json.Number; they are shared with
// other callers and must not be changed. The token's own header
// never brings a key: jwk, jku, x5u and every other parameter but alg, kid and typ make it invalid (RFC 8725 §3).
// Errors: ErrInvalid, ErrExpired.
func (k *Keyring) Verify(token string, opt VerifyOptions) (map[string]any, error) {
	if opt.Issuer == "" || opt.Audience == "" || len(opt.Algs) == 0 {
		return nil, invalid("issuer, audience and algorithms to accept aren't known")
	}
	claims, err := k.verifySigned(token, opt)
	if err != nil {
		return nil, err
	}
	if !hasAudience(claims["aud"], opt.Audience) {
		return nil, invalid("meant for another audience")
	}
	if err := checkTimes(claims, k.now(), opt.Leeway); err != nil {
		return nil, err
	}
	return claims, nil
}

// VerifyHint checks an ID token that a client hands back as id_token_hint: it must be one of ours, but may have expired
// (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2). The caller compares its audience with the client.
// Errors: ErrInvalid.
func (k *Keyring) VerifyHint(token, issuer string) (map[string]any, error) {
	if issuer == "" {
		return nil, invalid("the issuer to accept isn't known")
	}
	claims, err := k.verifySigned(token, VerifyOptions{Issuer: issuer, Algs: []string{RS256, PS256, ES256}})
	if err != nil {
		return nil, err
	}
	if err := checkTimes(claims, k.now(), 0); err != nil && !errors.Is(err, ErrExpired) {
		return nil, err
	}
	return claims, nil
}

// verifySigned checks everything but audience and time.
func (k *Keyring) verifySigned(token string, opt VerifyOptions) (map[string]any, error) {
	v, err := k.signed(token)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(opt.Algs, v.alg) {
		return nil, invalid("algorithm is not accepted")
	}
	if !acceptsType(opt.Types, v.typ) {
		return nil, invalid("another type of token")
	}
	if v.claims["iss"] != opt.Issuer {
		return nil, invalid("another issuer")
	}
	return v.claims, nil
}

// signed returns what a key of ours signed, whatever it is for.
func (k *Keyring) signed(token string) (*verified, error) {
	keys, sum := k.current(), sha256.Sum256([]byte(token))
	if v := keys.seen.find(sum); v != nil {
		return v, nil
	}
	header, err := readHeader(token)
	if err != nil {
		return nil, err
	}
	for name := range header {
		if name != "alg" && name != "kid" && name != "typ" {
			return nil, invalid("unexpected header parameter")
		}
	}
	v := &verified{sum: sum}
	v.alg, _ = header["alg"].(string)
	v.typ, _ = header["typ"].(string)
	kid, _ := header["kid"].(string)
	key := keys.verifying[kid]
	if key == nil {
		return nil, invalid("unknown key")
	}
	if !slices.Contains(signs(key.stored.Alg), v.alg) {
		return nil, invalid("algorithm is not accepted")
	}
	if v.claims, err = checkSignature(token, v.alg, key.public); err != nil {
		return nil, err
	}
	keys.seen.keep(v)
	return v, nil
}

func acceptsType(types []string, typ string) bool {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	if len(types) == 0 {
		return strings.EqualFold(typ, DefaultType)
	}
	return slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, typ) })
}

// readHeader checks a signed token's form and returns its header, which nobody vouches for yet: it only serves to choose
// among known keys.
func readHeader(token string) (map[string]any, error) {
	if !wellFormed(token, 3) {
		return nil, invalid("not a signed token")
	}
	part, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, invalid("not a signed token")
	}
	header, err := strictjson.DecodeObject(bytes.NewReader(text), maxToken, 8)
	if err != nil {
		return nil, invalid("its header is no JSON object")
	}
	return header, nil
}

// wellFormed says whether token has that many parts and each is the one base64url text of its bytes (RFC 7515 §2): no
// line breaks, no bits left over. A token thus has one spelling.
func wellFormed(token string, parts int) bool {
	if len(token) > maxToken || strings.Count(token, ".") != parts-1 || strings.ContainsAny(token, "\r\n") {
		return false
	}
	strict := base64.RawURLEncoding.Strict()
	for part := range strings.SplitSeq(token, ".") {
		if _, err := strict.DecodeString(part); err != nil {
			return false
		}
	}
	return true
}

// checkSignature returns the claims if the signature is that of the key.
func checkSignature(token, alg string, public crypto.PublicKey) (map[string]any, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return nil, invalid("not a signed token")
	}
	payload, err := signed.Verify(public)
	if err != nil {
		return nil, invalid("wrong signature")
	}
	claims, err := strictjson.DecodeObject(bytes.NewReader(payload), maxToken, maxClaimDepth)
	if err != nil {
		return nil, invalid("its claims are no JSON object with each name once")
	}
	return claims, nil
}

// hasAudience says whether aud, a string or an array of strings, has one of the wanted values.
func hasAudience(aud any, wanted ...string) bool {
	switch aud := aud.(type) {
	case string:
		return slices.Contains(wanted, aud)
	case []any:
		return slices.ContainsFunc(aud, func(v any) bool {
			s, ok := v.(string)
			return ok && slices.Contains(wanted, s)
		})
	}
	return false
}

// checkTimes checks exp, which must be there, and nbf and iat, which may (RFC 7519 §4.1.4–4.1.6).
func checkTimes(claims map[string]any, now time.Time, leeway time.Duration) error {
	for _, name := range []string{"nbf", "iat"} {
		if _, ok := claims[name]; !ok {
			continue
		}
		at, ok := claimTime(claims[name])
		if !ok {
			return invalid(name + " is no time")
		}
		if at.After(now.Add(leeway)) {
			return invalid(name + " is in the future")
		}
	}
	exp, ok := claimTime(claims["exp"])
	if !ok {
		return invalid("exp is no time")
	}
	if !now.Before(exp.Add(leeway)) {
		return ErrExpired
	}
	return nil
}

// maxTime keeps times where time.Time can compute with them; it is in the year 36812.
const maxTime = 1 << 40

// claimTime reads seconds since 1970, which others write with a fraction (NumericDate, RFC 7519 §2).
func claimTime(v any) (time.Time, bool) {
	number, ok := v.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || math.Abs(seconds) > maxTime {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

func invalid(why string) error { return fmt.Errorf("%w: %s", ErrInvalid, why) }

// Package devca makes the certificates for `latchkey dev --tls`: a certificate authority of this machine, which developers
// add to their trust store or hand to a client (NODE_EXTRA_CA_CERTS, curl --cacert), and a server certificate issued by it.
// Both live in one folder and are reused while they are good, so that the authority has to be trusted only once.
package devca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	serverLife    = 397 * 24 * time.Hour // some clients refuse server certificates that live longer
	renewBefore   = 30 * 24 * time.Hour
	backdated     = time.Hour // for clients whose clock is behind
)

// localHosts are in every server certificate.
var localHosts = [...]string{"localhost", "127.0.0.1", "::1"}

type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Ensure returns the path of the authority's certificate (PEM) and a server certificate for localhost, 127.0.0.1, ::1 and
// hosts, which are names or addresses without a port. It makes what dir lacks, and what will end within thirty days or
// lacks a host; dir is created where it is missing. Key files are readable by their owner only. An authority that can't be
// read is an error, since a silent new one would no longer be trusted.
func Ensure(dir string, hosts []string, now time.Time) (caPath string, server tls.Certificate, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", tls.Certificate{}, fmt.Errorf("certificate folder: %w", err)
	}
	caPath = filepath.Join(dir, "ca.pem")
	caKeyPath := filepath.Join(dir, "ca-key.pem")
	ca, err := load(caPath, caKeyPath)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && now.After(ca.cert.NotAfter.Add(-renewBefore)):
		if ca, err = makeAuthority(now); err == nil {
			err = save(ca, caPath, caKeyPath)
		}
	case err == nil && !ca.cert.IsCA:
		err = fmt.Errorf("%s is not the certificate of an authority", caPath)
	}
	if err != nil {
		return "", tls.Certificate{}, fmt.Errorf("local certificate authority: %w", err)
	}
	leaf, err := ensureServer(dir, ca, slices.Concat(localHosts[:], hosts), now)
	if err != nil {
		return "", tls.Certificate{}, fmt.Errorf("local server certificate: %w", err)
	}
	server = tls.Certificate{Certificate: [][]byte{leaf.cert.Raw, ca.cert.Raw}, PrivateKey: leaf.key, Leaf: leaf.cert}
	return caPath, server, nil
}

// ensureServer remakes a server certificate that is not good for whatever reason: nobody has come to trust it by itself.
func ensureServer(dir string, ca pair, hosts []string, now time.Time) (pair, error) {
	certPath, keyPath := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem")
	leaf, err := load(certPath, keyPath)
	if err == nil && usable(leaf.cert, ca.cert, hosts, now) {
		return leaf, nil
	}
	if leaf, err = makeServer(ca, hosts, now); err != nil {
		return pair{}, err
	}
	return leaf, save(leaf, certPath, keyPath)
}

func usable(cert, ca *x509.Certificate, hosts []string, now time.Time) bool {
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter.Add(-renewBefore)) || cert.CheckSignatureFrom(ca) != nil {
		return false
	}
	return !slices.ContainsFunc(hosts, func(host string) bool { return cert.VerifyHostname(host) != nil })
}

func makeAuthority(now time.Time) (pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Latchkey local development CA", Organization: []string{"Latchkey"}},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return issue(template, nil)
}

func makeServer(ca pair, hosts []string, now time.Time) (pair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost", Organization: []string{"Latchkey"}},
		NotBefore:   now.Add(-backdated),
		NotAfter:    now.Add(serverLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return issue(template, &ca)
}

// issue signs the template with a new P-256 key, by itself where there is no issuer.
func issue(template *x509.Certificate, issuer *pair) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	// 127 random bits: positive and at most 20 octets (RFC 5280 §4.1.2.2).
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return pair{}, err
	}
	parent := &pair{template, key}
	if issuer != nil {
		parent = issuer
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		return pair{}, err
	}
	cert, err := x509.ParseCertificate(raw)
	return pair{cert, key}, err
}

// load returns a certificate and its key. The error is fs.ErrNotExist only where neither file is there.
func load(certPath, keyPath string) (pair, error) {
	certPEM, certErr := os.ReadFile(certPath)
	keyPEM, keyErr := os.ReadFile(keyPath)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		return pair{}, certErr
	}
	if certErr != nil || keyErr != nil {
		// Told and not wrapped: where one of them is missing, it would be fs.ErrNotExist and the other be written over.
		reason := errors.Join(certErr, keyErr).Error()
		return pair{}, fmt.Errorf("%s and its key can't both be read; remove both to have new ones made: %s", certPath, reason)
	}
	loaded, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return pair{}, fmt.Errorf("%s: %w; remove it and its key to have new ones made", certPath, err)
	}
	key, ok := loaded.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return pair{}, fmt.Errorf("%s: its key is not an ECDSA key", certPath)
	}
	return pair{loaded.Leaf, key}, nil
}

// save writes the key before the certificate, each in one step: a certificate on disk always has its key.
func save(p pair, certPath, keyPath string) error {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return err
	}
	if err := replace(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	return replace(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}), 0o644)
}

// replace puts a file in place in one step, so that no reader sees half of it.
func replace(path string, data []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, writeErr := file.Write(data)
	if err := errors.Join(writeErr, file.Chmod(mode), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), path)
}

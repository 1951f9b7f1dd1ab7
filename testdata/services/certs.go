package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority signs certificates; it lives only while they are made.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// makeCerts fills a folder with what both servers and their clients need:
// ca.pem, server.pem/.key/.keystore.pem, client.pem/.key, and an authority that
// signed none of these with a client of its own: other-ca.pem, other-client.pem/.key.
func makeCerts(dir string) error {
	half := dir + ".part"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := os.MkdirAll(half, 0o755); err != nil {
		return err
	}
	for _, prefix := range []string{"", "other-"} {
		ca, err := newAuthority(filepath.Join(half, prefix+"ca.pem"), prefix+"example test CA")
		if err != nil {
			return err
		}
		if err := ca.issue(half, prefix+"client", "client"); err != nil {
			return err
		}
		if prefix != "" {
			continue
		}
		if err := ca.issue(half, "server", "localhost"); err != nil {
			return err
		}
	}
	if err := keystore(half, "server.key", "server.pem", "ca.pem"); err != nil {
		return err
	}
	return os.Rename(half, dir)
}

func newAuthority(path, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template(name)
	t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{key, cert}, writePEM(path, "CERTIFICATE", der, 0o644)
}

// issue writes NAME.pem and NAME.key, good for servers on this machine and for clients.
func (a *authority) issue(dir, name, subject string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := template(subject)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames, t.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, name+".key"), "PRIVATE KEY", pkcs8, 0o600); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, name+".pem"), "CERTIFICATE", der, 0o644)
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // rand.Reader never fails
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
	}
}

// keystore joins files into the one that Kafka reads as its key store.
func keystore(dir string, parts ...string) error {
	var all []byte
	for _, name := range parts {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		all = append(all, b...)
	}
	return os.WriteFile(filepath.Join(dir, "server.keystore.pem"), all, 0o600)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

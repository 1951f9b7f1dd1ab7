package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

// authority signs certificates for one test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.key, a.cert = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign writes NAME.pem and NAME.key and gives what is in them.
func (a *authority) sign(t testing.TB, name string, c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name + ".example"}
	c.NotBefore = time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// server gives a broker's side of TLS, with a certificate for these hosts.
func (a *authority) server(t testing.TB, until time.Time, hosts ...string) *tls.Config {
	t.Helper()
	c := &x509.Certificate{NotAfter: until}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	a.sign(t, "server", c)
	pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool}
}

func TestLoginsAndCertificates(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	a.sign(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	good := a.server(t, time.Time{}, "127.0.0.1", "localhost")
	strict := good.Clone()
	strict.ClientAuth = tls.RequireAndVerifyClientCert
	expired := a.server(t, time.Now().Add(-time.Minute), "127.0.0.1")
	elsewhere := a.server(t, time.Time{}, "broker.example")
	trust := &TLS{CA: a.path("ca.pem")}
	user := func(mechanism, password string) *SASL {
		return &SASL{Mechanism: mechanism, User: "alice", Password: engine.Hidden(password)}
	}
	sasl := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "alice", "alice-secret"), kfake.Superuser("SCRAM-SHA-256", "alice", "alice-secret"), kfake.Superuser("SCRAM-SHA-512", "alice", "alice-secret")}
	for name, c := range map[string]struct {
		server *tls.Config
		sasl   bool
		tls    *TLS
		login  *SASL
		text   string // "": it works
	}{
		"private authority":   {good, false, trust, nil, ""},
		"client certificate":  {strict, false, &TLS{CA: a.path("ca.pem"), Cert: a.path("client.pem"), Key: a.path("client.key")}, nil, ""},
		"given name":          {elsewhere, false, &TLS{CA: a.path("ca.pem"), ServerName: "broker.example"}, nil, ""},
		"plain over tls":      {good, true, trust, user("plain", "alice-secret"), ""},
		"scram-sha-256":       {nil, true, nil, user("scram-sha-256", "alice-secret"), ""},
		"scram-sha-512":       {nil, true, nil, user("scram-sha-512", "alice-secret"), ""},
		"unknown authority":   {good, false, &TLS{CA: stranger.path("ca.pem")}, nil, "signed by an authority that is not trusted: name its certificate in tls.ca"},
		"another name":        {elsewhere, false, trust, nil, "certificate is for another name (broker.example): set tls.server_name"},
		"expired":             {expired, false, trust, nil, "certificate is not valid: x509: certificate has expired"},
		"no certificate":      {strict, false, trust, nil, "refuses our side of TLS (certificate required): check tls.cert and tls.key"},
		"wrong password":      {nil, true, nil, user("plain", "wrong-secret"), "does not accept the login: check sasl.user, sasl.password and sasl.mechanism"},
		"wrong scram":         {nil, true, nil, user("scram-sha-512", "wrong-secret"), "does not accept the login"},
		"login not asked for": {nil, false, nil, user("plain", "alice-secret"), "does not accept the login"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, topic)}
			if c.server != nil {
				opts = append(opts, kfake.TLS(c.server))
			}
			if c.sasl {
				opts = append(opts, sasl...)
			}
			cluster, err := kfake.NewCluster(opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			conf := Config{Brokers: cluster.ListenAddrs(), TLS: c.tls, SASL: c.login}
			s := open(t, SourceConfig{Config: conf, Group: "g", Topics: []Topic{{Name: topic}}, SessionTimeout: 6 * time.Second}, Options{})
			sink, err := NewSink(SinkConfig{Config: conf, Topic: topic}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			n, err := sink.Deliver(t.Context(), contract.Transitions(1))
			if c.text == "" {
				if n != 1 || err != nil {
					t.Fatalf("Deliver: %d, %v", n, err)
				}
				(&seen{}).records(t, s, 1)
				return
			}
			if engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "secret") {
				t.Errorf("Deliver: kind %q: %v", engine.KindOf(err), err)
			}
			wantFatal(t, s, c.text)
			if f := s.Check(t.Context())[0]; f.Err == nil || !strings.Contains(f.Err.Error(), c.text) {
				t.Errorf("Check: %+v", f)
			}
		})
	}
}

func TestUnreadableFilesAreNamed(t *testing.T) {
	a := newAuthority(t)
	for name, c := range map[string]TLS{
		"tls.ca":   {CA: a.path("missing.pem")},
		"holds no": {CA: a.path("ca.key")},
		"tls.cert": {Cert: a.path("ca.pem"), Key: a.path("missing.key")},
	} {
		_, err := NewSink(SinkConfig{Config: Config{Brokers: []string{"192.0.2.1:9092"}, TLS: &c}, Topic: topic}, Options{})
		if engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: kind %q: %v", c, engine.KindOf(err), err)
		}
	}
}

// A client that speaks plain text to a TLS port is only cut off; the error must
// still point at the port.
func TestPlainTextOnATLSPortIsExplained(t *testing.T) {
	a := newAuthority(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(a.server(t, time.Time{}, "127.0.0.1")))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	r, err := newRemote(Config{Brokers: cluster.ListenAddrs()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, ok := r.checkBrokers(t.Context())
	if ok || engine.KindOf(found[0].Err) != engine.Temporary || !strings.Contains(found[0].Err.Error(), "one side speaks TLS (tls) or wants a login (sasl) and the other does not") {
		t.Errorf("found %+v", found)
	}
	_, err = (&kafkago.Dialer{}).DialContext(t.Context(), "tcp", cluster.ListenAddrs()[0])
	if err != nil {
		t.Errorf("dialing alone must not fail: %v", err)
	}
}

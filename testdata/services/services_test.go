package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// env gives what start printed; without it the test has nothing to talk to.
func env(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set: export what testdata/services/start prints", name)
	}
	return v
}

func TestKafkaLetsInWhoMayComeIn(t *testing.T) {
	certs := env(t, "REFLEX_TEST_CERTS")
	ca, other := trust(t, certs, "ca"), trust(t, certs, "other-ca")
	client, stranger := trust(t, certs, "ca", "client"), trust(t, certs, "ca", "other-client")
	sha256, sha512 := scrammed(t, scram.SHA256, "alice", "alice-secret"), scrammed(t, scram.SHA512, "alice", "alice-secret")
	saslPort, sslPort := env(t, "REFLEX_TEST_KAFKA_SASL_SSL"), env(t, "REFLEX_TEST_KAFKA_SSL")
	rows := []struct {
		name, addr string
		tls        *tls.Config
		login      sasl.Mechanism
		refused    string // part of the error; "" is let in
	}{
		{"plain text", env(t, "REFLEX_TEST_KAFKA"), nil, nil, ""},
		{"PLAIN", saslPort, ca, plain.Mechanism{Username: "alice", Password: "alice-secret"}, ""},
		{"SCRAM-SHA-256", saslPort, ca, sha256, ""},
		{"SCRAM-SHA-512", saslPort, ca, sha512, ""},
		{"wrong password", saslPort, ca, plain.Mechanism{Username: "alice", Password: "wrong"}, "SASL Authentication Failed"},
		{"no login", saslPort, ca, nil, "EOF"},
		{"unknown authority", saslPort, other, sha256, "unknown authority"},
		{"client certificate", sslPort, client, nil, ""},
		{"no client certificate", sslPort, ca, nil, "bad certificate"},
		{"a stranger's client certificate", sslPort, stranger, nil, "tls"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			d := kafka.Dialer{TLS: r.tls, SASLMechanism: r.login, Timeout: 10 * time.Second}
			conn, err := d.Dial("tcp", r.addr)
			if err == nil {
				defer conn.Close()
				_, err = conn.Brokers()
			}
			if r.refused == "" && err != nil || r.refused != "" && (err == nil || !strings.Contains(err.Error(), r.refused)) {
				t.Errorf("got %v, want %q", err, r.refused)
			}
		})
	}
}

func TestElasticLetsInWhoMayComeIn(t *testing.T) {
	certs, url, password := env(t, "REFLEX_TEST_CERTS"), env(t, "REFLEX_TEST_ELASTIC_TLS"), env(t, "REFLEX_TEST_ELASTIC_PASSWORD")
	ca := trust(t, certs, "ca")
	rows := []struct {
		name, url, user, password string
		tls                       *tls.Config
		want                      string
	}{
		{"plain", env(t, "REFLEX_TEST_ELASTIC"), "", "", nil, "200"},
		{"admin", url, "admin", password, ca, "200"},
		{"reflex", url, "reflex", password, ca, "200"},
		{"nobody", url, "", "", ca, "401"},
		{"wrong password", url, "admin", "wrong", ca, "401"},
		{"unknown authority", url, "admin", password, trust(t, certs, "other-ca"), "unknown authority"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			code, body := call(t, r.tls, r.user, r.password, "GET", r.url+"/_cluster/health", "")
			if got := fmt.Sprint(code, " ", body); !strings.Contains(got, r.want) {
				t.Errorf("got %s, want %s", got, r.want)
			}
		})
	}
}

// TestKilledServersKeepWhatTheyAcknowledged also tries the helpers that the
// crash tests use. Nothing else runs against the servers meanwhile.
func TestKilledServersKeepWhatTheyAcknowledged(t *testing.T) {
	helpers, broker, url := env(t, "REFLEX_TEST_SERVICES"), env(t, "REFLEX_TEST_KAFKA"), env(t, "REFLEX_TEST_ELASTIC")
	topic := fmt.Sprintf("kept-%d", time.Now().UnixNano())
	createTopic(t, broker, topic)
	w := &kafka.Writer{Addr: kafka.TCP(broker), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	defer w.Close()
	try(t, func(ctx context.Context) error { return w.WriteMessages(ctx, kafka.Message{Value: []byte("kept")}) })
	doc := url + "/" + topic + "/_doc/1"
	if code, body := call(t, nil, "", "", "PUT", doc, `{"kept":true}`); code != 201 {
		t.Fatalf("index: %d %s", code, body)
	}

	for _, name := range []string{"kafka", "elastic"} {
		helper(t, helpers, name, "kill")
	}
	if conn, err := kafka.Dial("tcp", broker); err == nil {
		conn.Close()
		t.Error("a killed Kafka takes connections")
	}
	if code, body := call(t, nil, "", "", "GET", doc, ""); code != 0 {
		t.Errorf("a killed Elasticsearch answers %d %s", code, body)
	}
	for _, name := range []string{"kafka", "elastic"} {
		helper(t, helpers, name, "start")
	}

	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, MaxWait: 100 * time.Millisecond})
	defer r.Close()
	try(t, func(ctx context.Context) error {
		m, err := r.ReadMessage(ctx)
		if err == nil && string(m.Value) != "kept" {
			t.Fatalf("read %q", m.Value)
		}
		return err
	})
	if code, body := call(t, nil, "", "", "GET", doc, ""); code != 200 {
		t.Errorf("get: %d %s", code, body)
	}
}

func TestPausedElasticHangs(t *testing.T) {
	helpers, url := env(t, "REFLEX_TEST_SERVICES"), env(t, "REFLEX_TEST_ELASTIC")
	helper(t, helpers, "elastic", "pause")
	defer helper(t, helpers, "elastic", "resume")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", url+"/_cluster/health", nil)
	if resp, err := http.DefaultClient.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v; want no answer in time", resp, err)
	}
}

func helper(t *testing.T, dir, name, verb string) {
	t.Helper()
	if out, err := exec.Command(filepath.Join(dir, name), verb).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, verb, err, out)
	}
}

// try calls f until it succeeds, for half a minute at most.
func try(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func createTopic(t *testing.T, broker, topic string) {
	t.Helper()
	c := &kafka.Client{Addr: kafka.TCP(broker), Timeout: 10 * time.Second}
	resp, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}})
	if err == nil {
		err = resp.Errors[topic]
	}
	if err != nil {
		t.Fatalf("create %s: %v", topic, err)
	}
}

// trust gives TLS settings that trust one authority and, when named, show a certificate.
func trust(t *testing.T, dir, ca string, own ...string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(dir, ca+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AppendCertsFromPEM(pem)
	for _, name := range own {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c
}

func scrammed(t *testing.T, a scram.Algorithm, user, password string) sasl.Mechanism {
	t.Helper()
	m, err := scram.Mechanism(a, user, password)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// call makes one HTTP request; code 0 is no answer, and the text says why.
func call(t *testing.T, c *tls.Config, user, password, method, url, body string) (code int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if req.Header.Set("Content-Type", "application/json"); user != "" {
		req.SetBasicAuth(user, password)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

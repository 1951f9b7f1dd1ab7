package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/seed-843b225c/reflex/engine"
)

// patience bounds one request to a broker, and one dial.
const patience = 5 * time.Second

// DialFunc opens a network connection; nil is the system's.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// remote is a cluster as configured: it opens connections and keeps none.
type remote struct {
	brokers []string
	dialer  *kafkago.Dialer
}

// newRemote reads the files that c names.
func newRemote(c Config, dial DialFunc) (*remote, error) {
	id := c.ClientID
	if id == "" {
		id = "reflex"
	}
	d := &kafkago.Dialer{ClientID: id, Timeout: patience, DialFunc: widened(dial)}
	var err error
	if d.TLS, err = tlsConfig(c.TLS); err != nil {
		return nil, err
	}
	if d.SASLMechanism, err = login(c.SASL); err != nil {
		return nil, err
	}
	return &remote{brokers: c.Brokers, dialer: d}, nil
}

func tlsConfig(c *TLS) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fatal(fmt.Errorf("tls.ca: %w", err))
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fatal(fmt.Errorf("tls.ca: %s holds no certificate in PEM form", c.CA))
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fatal(fmt.Errorf("tls.cert %s with tls.key %s: %w", c.Cert, c.Key, err))
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

func login(c *SASL) (sasl.Mechanism, error) {
	if c == nil {
		return nil, nil
	}
	algorithm := scram.SHA512
	switch c.Mechanism {
	case "plain":
		return plain.Mechanism{Username: c.User, Password: c.Password.Reveal()}, nil
	case "scram-sha-256":
		algorithm = scram.SHA256
	}
	m, err := scram.Mechanism(algorithm, c.User, c.Password.Reveal())
	if err != nil {
		return nil, fatal(errors.New("sasl: user or password holds characters that SCRAM forbids"))
	}
	return m, nil
}

// dial connects and logs in to the first broker that answers.
func (r *remote) dial(ctx context.Context) (*kafkago.Conn, error) {
	var last error
	for _, b := range r.brokers {
		conn, err := r.dialer.DialContext(ctx, "tcp", b)
		if err == nil {
			return conn, nil
		}
		last = explain("kafka "+b, err)
		if engine.KindOf(last) == engine.Fatal || ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

// dialLeader connects to the broker that leads a partition now.
func (r *remote) dialLeader(ctx context.Context, topic string, partition int32) (*kafkago.Conn, error) {
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	what := fmt.Sprintf("kafka %s: topic %s", conn.RemoteAddr(), topic)
	_ = conn.SetDeadline(time.Now().Add(patience))
	ps, err := conn.ReadPartitions(topic)
	if err != nil {
		return nil, explain(what, err)
	}
	for _, p := range ps {
		switch {
		case p.ID != int(partition):
		case p.Leader.Host == "":
			return nil, temporary(fmt.Errorf("%s: partition %d has no leader now: it is tried again", what, partition))
		default:
			leader, err := r.dialer.DialPartition(ctx, "tcp", conn.RemoteAddr().String(), p)
			if err != nil {
				return nil, explain(fmt.Sprintf("kafka %s:%d, leader of %s[%d]", p.Leader.Host, p.Leader.Port, topic, partition), err)
			}
			return leader, nil
		}
	}
	return nil, temporary(fmt.Errorf("%s: partition %d is not there: it is tried again", what, partition))
}

// client gives a client with its own connections and fresh metadata of these
// topics: only what is asked for by name is said to be forbidden, in a list of all
// topics it is just missing. done closes the connections.
func (r *remote) client(topics ...string) (c *kafkago.Client, done func()) {
	t := &kafkago.Transport{
		Dial: r.dialer.DialFunc, DialTimeout: patience, TLS: r.dialer.TLS, SASL: r.dialer.SASLMechanism,
		ClientID: r.dialer.ClientID, MetadataTTL: 5 * time.Second, MetadataTopics: topics,
	}
	return &kafkago.Client{Addr: kafkago.TCP(r.brokers...), Transport: t, Timeout: patience}, t.CloseIdleConnections
}

// request asks for the records from an offset on. An error shows in the batch.
func request(conn *kafkago.Conn, offset int64, size int, wait time.Duration) *kafkago.Batch {
	_, _ = conn.Seek(offset, kafkago.SeekAbsolute|kafkago.SeekDontCheck) // without a check it cannot fail
	_ = conn.SetReadDeadline(time.Now().Add(wait + patience))
	return conn.ReadBatchWith(kafkago.ReadBatchConfig{MinBytes: 1, MaxBytes: size, MaxWait: wait})
}

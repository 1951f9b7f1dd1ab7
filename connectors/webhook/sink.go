package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/engine"
)

// Options are what a Sink needs of the rest. The zero Options are usable.
type Options struct {
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: none
	Now     func() time.Time      // nil: time.Now
}

// Sink posts transitions. One goroutine calls Deliver.
type Sink struct {
	config Config
	least  engine.Level
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	posts  *prometheus.CounterVec
}

var (
	_ engine.Sink    = (*Sink)(nil)
	_ engine.Checker = (*Sink)(nil)
)

// Bounds of one request.
const (
	maxCount = 100
	maxBytes = 1 << 20 // a single larger transition goes alone
)

// New makes a sink of valid settings and reads its certificates. It calls nobody.
func New(c Config, o Options) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, &engine.Error{Kind: engine.Fatal, Err: err}
	}
	conf, err := c.tls()
	if err != nil {
		return nil, &engine.Error{Kind: engine.Fatal, Err: err}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = conf
	s := &Sink{config: c, log: o.Log, now: o.Now, posts: newPosts(o.Metrics)}
	s.least, _ = engine.ParseLevel(c.MinLevel) // unset: 0, which is below all
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	// A redirect would carry alerts, headers and signature to another place.
	s.client = &http.Client{Transport: transport, Timeout: cmp.Or(c.Timeout, defaultTimeout),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s, nil
}

func (c *Config) tls() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("webhook: ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("webhook: ca: %s holds no certificate in PEM form", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("webhook: cert %s, key %s: %w", c.Cert, c.Key, err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

func newPosts(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "reflex_webhook_requests_total",
		Help: "Requests to webhooks by outcome: ok, temporary, bad input, fatal, unknown."}, []string{"outcome"})
	if r == nil {
		return c
	}
	err := r.Register(c)
	if are, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := are.ExistingCollector.(*prometheus.CounterVec); ok {
			return same // of another webhook in the process
		}
	}
	return c
}

// Close lets go of idle connections.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Deliver posts transitions in requests of at most 100 and about 1 MB. A
// request that is refused for what it holds is sent again in halves, so that
// one bad transition is found and the others arrive.
func (s *Sink) Deliver(ctx context.Context, ts []engine.Transition) (int, error) {
	docs, broken := s.encode(ts)
	for from := 0; from < len(docs); {
		n := chunk(docs[from:])
		accepted, err := s.send(ctx, docs[from:from+n])
		if from += accepted; err != nil {
			return from, err
		}
	}
	return len(docs), broken
}

// encode makes the documents, nil where MinLevel keeps one back. It ends before
// a transition that cannot be encoded, and says why.
func (s *Sink) encode(ts []engine.Transition) ([][]byte, error) {
	docs := make([][]byte, 0, len(ts))
	for i := range ts {
		if level(&ts[i]) < s.least {
			docs = append(docs, nil)
			continue
		}
		doc, err := json.Marshal(ts[i].ECS())
		if err != nil {
			return docs, &engine.Error{Kind: engine.BadInput, Err: fmt.Errorf("webhook: encode transition %s: %w", ts[i].DocumentID(), err)}
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

func level(t *engine.Transition) engine.Level {
	if t.Alert != nil {
		return t.Alert.Level
	}
	return t.Incident.Level
}

// chunk says how many documents one request takes, at least one.
func chunk(docs [][]byte) int {
	size := 0
	for i, d := range docs {
		if size += len(d) + 1; i > 0 && size > maxBytes || i == maxCount {
			return i
		}
	}
	return len(docs)
}

// send posts documents, in halves when what they hold is refused.
func (s *Sink) send(ctx context.Context, docs [][]byte) (accepted int, err error) {
	body := array(docs)
	if body == nil {
		return len(docs), nil
	}
	err = s.post(ctx, body)
	s.posts.WithLabelValues(outcome(err)).Inc()
	if engine.KindOf(err) != engine.BadInput || len(docs) == 1 {
		if err == nil {
			accepted = len(docs)
		}
		return accepted, err
	}
	half := len(docs) / 2
	accepted, err = s.send(ctx, docs[:half])
	if err != nil {
		return accepted, err
	}
	n, err := s.send(ctx, docs[half:])
	return accepted + n, err
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return engine.KindOf(err).String()
}

// array joins documents as a JSON array; nil when there is none.
func array(docs [][]byte) []byte {
	var b []byte
	for _, d := range docs {
		if d == nil {
			continue
		}
		if b == nil {
			b = []byte{'['}
		} else {
			b = append(b, ',')
		}
		b = append(b, d...)
	}
	if b == nil {
		return nil
	}
	return append(b, ']')
}

func (s *Sink) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return &engine.Error{Kind: engine.Fatal, Err: errors.New("webhook: url: no request can be made of it")}
	}
	for name, value := range s.config.Headers {
		req.Header.Set(name, value.Reveal())
	}
	req.Header.Set("Content-Type", "application/json")
	if s.config.Secret != "" {
		stamp := strconv.FormatInt(s.now().Unix(), 10)
		req.Header.Set(HeaderTimestamp, stamp)
		req.Header.Set(HeaderSignature, sign(s.config.Secret.Reveal(), stamp, body))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return judgeNetwork(ctx, "webhook: post", err)
	}
	defer resp.Body.Close()
	return s.judge(resp)
}

package kafka

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Config says how to reach a cluster. It is part of every other configuration here.
type Config struct {
	Brokers  []string `yaml:"brokers"`   // host:port; some of them are enough, the rest is learned
	TLS      *TLS     `yaml:"tls"`       // nil: plain text
	SASL     *SASL    `yaml:"sasl"`      // nil: no login
	ClientID string   `yaml:"client_id"` // what the broker's logs call us; default "reflex"
}

// TLS names PEM files. All may be empty: TLS with the system's authorities.
type TLS struct {
	CA         string `yaml:"ca"`          // authorities to trust instead of the system's
	Cert       string `yaml:"cert"`        // client certificate, with Key
	Key        string `yaml:"key"`         // its private key
	ServerName string `yaml:"server_name"` // the name to verify instead of the broker's host
}

// SASL is a login.
type SASL struct {
	Mechanism string        `yaml:"mechanism"` // plain, scram-sha-256 or scram-sha-512
	User      string        `yaml:"user"`
	Password  engine.Hidden `yaml:"password"`
}

// Topic is an input topic and what it holds.
type Topic struct {
	Name   string `yaml:"name"`
	Format string `yaml:"format"` // a format's name, or auto (the default)
}

// SourceConfig configures a Source. Zero values stand for the defaults named here.
type SourceConfig struct {
	Config `yaml:",inline"`
	Group  string  `yaml:"group"`
	Topics []Topic `yaml:"topics"`
	// Start is where a partition begins that neither the store nor the group
	// has a position for: oldest, newest, or a time (RFC 3339). Default oldest:
	// what was logged before the engine first came up is no less an attack, and
	// a backlog costs time once; newest is blind to it for ever. A partition that
	// is added to a topic which is read already begins at its oldest record.
	Start string `yaml:"start"`
	// Fetch is the most bytes of one fetch, as sent by the broker; one larger
	// record batch still comes whole. Default 1 MiB.
	Fetch int `yaml:"fetch"`
	// Buffer is the most bytes of record data, over all partitions, that are
	// queued or handed out and not released. Default 16 MiB: more is no faster.
	Buffer int `yaml:"buffer"`
	// SessionTimeout is after how long without a sign of life the group gives
	// our partitions away; it also bounds how long reading rests after a broker
	// restart. Default 6 s, the least a broker allows by default.
	SessionTimeout time.Duration `yaml:"session_timeout"`
	// StallAfter is how long a partition may stand still below its end before
	// that is said. Default 30 s.
	StallAfter time.Duration `yaml:"stall_after"`
	// SkipStuck steps over offsets that cannot be read. Default false: the
	// partition waits and says so, because a person should decide what is lost.
	SkipStuck bool `yaml:"skip_stuck"`
}

// SinkConfig configures a Sink: one message a transition.
type SinkConfig struct {
	Config `yaml:",inline"`
	Topic  string `yaml:"topic"`
}

// DeadLetterConfig configures a DeadLetter.
type DeadLetterConfig struct {
	Config `yaml:",inline"`
	Topic  string `yaml:"topic"`
}

// RangeConfig names a stretch of topics by the time of their records: those
// from the first record at or after Since up to the first at or after Until.
type RangeConfig struct {
	Config `yaml:",inline"`
	Topics []Topic
	Since  time.Time // zero: from the oldest record
	Until  time.Time // zero: up to what is there when the range is made
}

const (
	oldest = "oldest"
	newest = "newest"

	minFetch  = 64 << 10
	minBuffer = 1 << 20
)

// mechanisms are the known logins, as configured.
var mechanisms = []string{"plain", "scram-sha-256", "scram-sha-512"}

// Validate joins every mistake; each names its key.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: none is given: name at least one as host:port"))
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			errs = append(errs, fmt.Errorf("brokers: %q is not host:port", b))
		}
	}
	if t := c.TLS; t != nil && (t.Cert == "") != (t.Key == "") {
		errs = append(errs, errors.New("tls: cert and key belong together: give both or neither"))
	}
	if s := c.SASL; s != nil {
		if !slices.Contains(mechanisms, s.Mechanism) {
			errs = append(errs, fmt.Errorf("sasl.mechanism: %q is none of %s", s.Mechanism, strings.Join(mechanisms, ", ")))
		}
		if s.User == "" {
			errs = append(errs, errors.New("sasl.user: is empty"))
		}
		if s.Password == "" {
			errs = append(errs, errors.New("sasl.password: is empty: is its environment variable or file set?"))
		}
	}
	return errors.Join(errs...)
}

// Validate joins every mistake.
func (c *SourceConfig) Validate() error {
	errs := []error{c.Config.Validate(), validTopics(c.Topics)}
	if c.Group == "" {
		errs = append(errs, errors.New("group: is empty: the group's name is where Kafka keeps our positions"))
	}
	if _, err := parseStart(c.Start); err != nil {
		errs = append(errs, err)
	}
	if c.Fetch != 0 && c.Fetch < minFetch {
		errs = append(errs, fmt.Errorf("fetch: %d is less than %d bytes", c.Fetch, minFetch))
	}
	if c.Buffer != 0 && c.Buffer < minBuffer {
		errs = append(errs, fmt.Errorf("buffer: %d is less than %d bytes", c.Buffer, minBuffer))
	}
	if c.SessionTimeout < 0 || c.SessionTimeout > 0 && c.SessionTimeout < time.Second {
		errs = append(errs, fmt.Errorf("session_timeout: %s is less than a second", c.SessionTimeout))
	}
	if c.StallAfter < 0 {
		errs = append(errs, fmt.Errorf("stall_after: %s is negative", c.StallAfter))
	}
	return errors.Join(errs...)
}

// Validate joins every mistake.
func (c *SinkConfig) Validate() error { return validOut(&c.Config, c.Topic) }

// Validate joins every mistake.
func (c *DeadLetterConfig) Validate() error { return validOut(&c.Config, c.Topic) }

func validOut(c *Config, topic string) error {
	return errors.Join(c.Validate(), validName("topic", topic))
}

// Validate joins every mistake.
func (c *RangeConfig) Validate() error {
	errs := []error{c.Config.Validate(), validTopics(c.Topics)}
	if !c.Since.IsZero() && !c.Until.IsZero() && !c.Since.Before(c.Until) {
		errs = append(errs, fmt.Errorf("since: %s is not before until, %s", c.Since.Format(time.RFC3339), c.Until.Format(time.RFC3339)))
	}
	return errors.Join(errs...)
}

func validTopics(topics []Topic) error {
	var errs []error
	if len(topics) == 0 {
		errs = append(errs, errors.New("topics: none is given: name at least one"))
	}
	seen := map[string]bool{}
	for _, t := range topics {
		if err := validName("topics", t.Name); err != nil {
			errs = append(errs, err)
		} else if seen[t.Name] {
			errs = append(errs, fmt.Errorf("topics: %s is named twice", t.Name))
		}
		seen[t.Name] = true
	}
	return errors.Join(errs...)
}

// validName checks a topic's name as a broker would.
func validName(key, name string) error {
	ok := name != "" && len(name) <= 249 && name != "." && name != ".."
	for _, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	}
	if !ok {
		return fmt.Errorf("%s: %q is no topic's name: letters, digits, '.', '_' and '-', at most 249", key, name)
	}
	return nil
}

// parseStart gives the time to start at; zero for oldest, and a time far ahead
// for newest.
func parseStart(s string) (time.Time, error) {
	switch s {
	case "", oldest:
		return time.Time{}, nil
	case newest:
		return endOfTime, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("start: %q is neither oldest nor newest nor a time like 2026-03-02T10:00:00Z", s)
	}
	return t, nil
}

// endOfTime is behind every record.
var endOfTime = time.Unix(1<<40, 0)

// withDefaults gives the configuration with every zero value replaced.
func (c SourceConfig) withDefaults() SourceConfig {
	c.Topics = slices.Clone(c.Topics)
	if c.Fetch == 0 {
		c.Fetch = 1 << 20
	}
	if c.Buffer == 0 {
		c.Buffer = 16 << 20
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = 6 * time.Second
	}
	if c.StallAfter == 0 {
		c.StallAfter = 30 * time.Second
	}
	return c
}

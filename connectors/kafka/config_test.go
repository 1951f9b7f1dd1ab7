package kafka

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

func TestValidateJoinsEveryMistake(t *testing.T) {
	c := SourceConfig{
		Config: Config{Brokers: []string{"192.0.2.1:9092", "no-port"}, TLS: &TLS{Cert: "c.pem"}, SASL: &SASL{Mechanism: "gssapi"}},
		Topics: []Topic{{Name: "a b"}, {Name: "x"}, {Name: "x"}}, Start: "yesterday", Fetch: 1, Buffer: 1, SessionTimeout: time.Millisecond, StallAfter: -1,
	}
	err := c.Validate()
	for _, text := range []string{
		`brokers: "no-port" is not host:port`, "tls: cert and key belong together", `sasl.mechanism: "gssapi" is none of plain, scram-sha-256, scram-sha-512`,
		"sasl.user: is empty", "sasl.password: is empty", `topics: "a b" is no topic's name`, "topics: x is named twice", "group: is empty",
		`start: "yesterday" is neither oldest nor newest nor a time`, "fetch: 1 is less than", "buffer: 1 is less than", "session_timeout: 1ms is less than", "stall_after: -1ns is negative",
	} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v\ndoes not say %q", err, text)
		}
	}
	if _, err := NewSource(c, Options{}); engine.KindOf(err) != engine.Fatal {
		t.Errorf("NewSource: kind %q", engine.KindOf(err))
	}
	for name, err := range map[string]error{
		"empty source": (&SourceConfig{}).Validate(), "empty sink": (&SinkConfig{}).Validate(), "empty dead letter": (&DeadLetterConfig{}).Validate(),
		"range": (&RangeConfig{Config: Config{Brokers: []string{"192.0.2.1:9092"}}, Topics: []Topic{{Name: "x"}}, Since: time.Unix(9, 0), Until: time.Unix(8, 0)}).Validate(),
	} {
		if err == nil {
			t.Errorf("%s is found valid", name)
		}
	}
}

func TestValidConfigurations(t *testing.T) {
	base := Config{Brokers: []string{"broker.example:9092", "[2001:db8::1]:9092"}, TLS: &TLS{}, SASL: &SASL{Mechanism: "scram-sha-512", User: "u", Password: "example"}}
	for _, start := range []string{"", "oldest", "newest", "2026-03-02T10:00:00Z", "2026-03-02T10:00:00+01:00"} {
		c := SourceConfig{Config: base, Group: "g", Topics: []Topic{{Name: "a.b_c-D9"}}, Start: start}
		if err := c.Validate(); err != nil {
			t.Errorf("start %q: %v", start, err)
		}
	}
	if err := errors.Join((&SinkConfig{Config: base, Topic: "t"}).Validate(), (&DeadLetterConfig{Config: base, Topic: "t"}).Validate(),
		(&RangeConfig{Config: base, Topics: []Topic{{Name: "t"}}, Since: time.Unix(1, 0)}).Validate()); err != nil {
		t.Error(err)
	}
}

func TestTroubleIsToldOnceInAWhile(t *testing.T) {
	var ts troubles
	now := time.Unix(1000, 0)
	a, b := errors.New("a"), errors.New("b")
	for _, err := range []error{a, a, b} {
		ts.add(err, now)
	}
	ts.add(a, now.Add(sayAgain-1))
	ts.add(a, now.Add(sayAgain))
	var got []string
	for err := ts.next(); err != nil; err = ts.next() {
		if engine.KindOf(err) != engine.Temporary {
			t.Errorf("%v has kind %q", err, engine.KindOf(err))
		}
		got = append(got, err.Error())
	}
	if s := strings.Join(got, " "); s != "a b a" {
		t.Errorf("told are %q", s)
	}
}

func TestFatalAnswersHaveToLast(t *testing.T) {
	now := time.Unix(1000, 0)
	denied, other := fatal(errors.New("denied")), temporary(errors.New("down"))
	var j judge
	for i, c := range []struct {
		after  time.Duration
		err    error
		counts bool
	}{
		{0, denied, false}, {9 * time.Second, denied, false}, {10 * time.Second, denied, true}, {11 * time.Second, other, false},
		{12 * time.Second, denied, false}, {13 * time.Second, nil, false}, {23 * time.Second, denied, false}, {33 * time.Second, denied, true},
		{40 * time.Second, nil, false}, {41 * time.Second, fatal(errCompacted), true},
	} {
		if got := j.counts(c.err, now.Add(c.after), 10*time.Second); got != c.counts {
			t.Errorf("%d: %v at %s counts: %v", i, c.err, c.after, got)
		}
	}
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

// The tests below run against a real broker, which REFLEX_TEST_KAFKA names;
// REFLEX_TEST_KAFKA_SSL and REFLEX_TEST_KAFKA_SASL_SSL name its other ports and
// REFLEX_TEST_CERTS the folder with ca.pem, client.pem and client.key.

func need(t testing.TB, names ...string) []string {
	t.Helper()
	var out []string
	for _, name := range names {
		v := os.Getenv(name)
		if v == "" {
			t.Skipf("%s is not set: no real broker to test against", name)
		}
		out = append(out, v)
	}
	return out
}

var serial atomic.Int64

// fresh gives a name that no earlier test or run has used.
func fresh(kind string) string {
	return fmt.Sprintf("test-%s-%d-%d", kind, time.Now().UnixNano(), serial.Add(1))
}

// realTopic makes a topic on the real broker and gives a client for it.
func realTopic(t testing.TB, c Config, n int, set ...kafkago.ConfigEntry) (string, *kafkago.Client) {
	t.Helper()
	name := fresh("topic")
	r, err := newRemote(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, done := r.client(name)
	t.Cleanup(done)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res, err := client.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: name, NumPartitions: n, ReplicationFactor: 1, ConfigEntries: set}}})
	if err == nil {
		err = res.Errors[name]
	}
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(n) { // a broker learns of a new topic, and that it leads, a moment later
		for !leads(ctx, r, name, p) {
			if !sleep(ctx, 20*time.Millisecond) {
				t.Fatalf("%s[%d] has not come", name, p)
			}
		}
	}
	return name, client
}

// leads says whether a partition can be read.
func leads(ctx context.Context, r *remote, topic string, partition int32) bool {
	conn, err := r.dialLeader(ctx, topic, partition)
	if err != nil {
		return false
	}
	defer conn.Close()
	_, _, err = offsets(conn)
	return err == nil
}

func TestRealSourceKeepsTheContract(t *testing.T) {
	c := Config{Brokers: need(t, "REFLEX_TEST_KAFKA")}
	contract.Source(t, func(t testing.TB) contract.SourceRig {
		topic, client := realTopic(t, c, 3)
		group := fresh("group")
		return contract.SourceRig{
			Name: topic, Partitions: 3, Durable: true, Resumes: true, Buffer: minBuffer,
			Write: func(t testing.TB, p int32, values ...string) { produce(t, client, topic, kafkago.Zstd, p, values...) },
			Open: func(t testing.TB, resume []engine.Position) engine.Source {
				s, err := NewSource(SourceConfig{Config: c, Group: group, Topics: []Topic{{Name: topic}}, Buffer: minBuffer}, Options{Resume: resume, Stateful: true})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
		}
	})
}

func TestRealSinkKeepsTheContract(t *testing.T) {
	c := Config{Brokers: need(t, "REFLEX_TEST_KAFKA")}
	contract.Sink(t, func(t testing.TB) contract.SinkRig {
		topic, _ := realTopic(t, c, 1)
		return contract.SinkRig{
			Open: func(t testing.TB) engine.Sink {
				s, err := NewSink(SinkConfig{Config: c, Topic: topic}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Stored: func(t testing.TB) []string {
				var ids []string
				for _, m := range readAll(t, c, topic) {
					ids = append(ids, header(m, "id"))
				}
				return ids
			},
		}
	})
}

// A message that the broker finds too large is refused for good, alone.
func TestRealSinkFindsTheOneThatIsTooLarge(t *testing.T) {
	c := Config{Brokers: need(t, "REFLEX_TEST_KAFKA")}
	topic, _ := realTopic(t, c, 1, kafkago.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "20000"})
	s, err := NewSink(SinkConfig{Config: c, Topic: topic}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ts := contract.Transitions(6)
	var noise strings.Builder
	for i := range 8000 { // does not compress well
		fmt.Fprintf(&noise, "%x", uint32(i)*2654435761)
	}
	ts[2].Alert.Description = noise.String()
	if refused := contract.Drive(t, 20*time.Second, s, ts); len(refused) != 1 || refused[0] != 2 {
		t.Errorf("refused were %v, want 2 alone", refused)
	}
	if got := readAll(t, c, topic); len(got) != 5 {
		t.Errorf("%d messages are there, want 5", len(got))
	}
}

func TestRealLoginsAndCertificates(t *testing.T) {
	env := need(t, "REFLEX_TEST_KAFKA", "REFLEX_TEST_KAFKA_SASL_SSL", "REFLEX_TEST_KAFKA_SSL", "REFLEX_TEST_CERTS")
	plain, saslPort, sslPort := env[:1], env[1:2], env[2:3]
	pem := func(name string) string { return filepath.Join(env[3], name) }
	ca := &TLS{CA: pem("ca.pem")}
	user := func(mechanism, password string) *SASL {
		return &SASL{Mechanism: mechanism, User: "alice", Password: engine.Hidden(password)}
	}
	for name, c := range map[string]struct {
		config Config
		text   string // "": it works
	}{
		"plain":                 {Config{Brokers: saslPort, TLS: ca, SASL: user("plain", "alice-secret")}, ""},
		"scram-sha-256":         {Config{Brokers: saslPort, TLS: ca, SASL: user("scram-sha-256", "alice-secret")}, ""},
		"scram-sha-512":         {Config{Brokers: saslPort, TLS: ca, SASL: user("scram-sha-512", "alice-secret")}, ""},
		"client certificate":    {Config{Brokers: sslPort, TLS: &TLS{CA: pem("ca.pem"), Cert: pem("client.pem"), Key: pem("client.key")}}, ""},
		"wrong password":        {Config{Brokers: saslPort, TLS: ca, SASL: user("scram-sha-512", "wrong")}, "the broker does not accept the login"},
		"wrong plain password":  {Config{Brokers: saslPort, TLS: ca, SASL: user("plain", "wrong")}, "the broker does not accept the login"},
		"unknown authority":     {Config{Brokers: saslPort, TLS: &TLS{}, SASL: user("plain", "alice-secret")}, "signed by an authority that is not trusted"},
		"another name":          {Config{Brokers: saslPort, TLS: &TLS{CA: pem("ca.pem"), ServerName: "other.example"}, SASL: user("plain", "alice-secret")}, "certificate is for another name"},
		"no client certificate": {Config{Brokers: sslPort, TLS: ca}, "the broker refuses our side of TLS"},
		"tls on a plain port":   {Config{Brokers: plain, TLS: ca}, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			topic, client := realTopic(t, Config{Brokers: plain}, 1)
			produce(t, client, topic, 0, 0, "x")
			s := open(t, SourceConfig{Config: c.config, Group: fresh("group"), Topics: []Topic{{Name: topic}}}, Options{})
			sink, err := NewSink(SinkConfig{Config: c.config, Topic: topic}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			if c.text == "" {
				got := &seen{}
				got.records(t, s, 1)
				if n, err := sink.Deliver(t.Context(), contract.Transitions(1)); n != 1 || err != nil {
					t.Errorf("Deliver: %d, %v", n, err)
				}
				for _, f := range s.Check(t.Context()) {
					if f.Err != nil {
						t.Errorf("Check: %s: %v", f.What, f.Err)
					}
				}
				return
			}
			if name == "tls on a plain port" { // it cannot be told from a broker that restarts
				got := &seen{}
				got.until(t, s, "an error", func() bool { return len(got.errs) > 0 })
				if text := got.errs[0].Error(); !strings.Contains(strings.ToLower(text), c.text) {
					t.Errorf("%q does not say %q", text, c.text)
				}
				return
			}
			wantFatal(t, s, c.text)
			if _, err := sink.Deliver(t.Context(), contract.Transitions(1)); engine.KindOf(err) != engine.Fatal || !strings.Contains(err.Error(), c.text) {
				t.Errorf("Deliver: kind %q: %v", engine.KindOf(err), err)
			}
			if f := s.Check(t.Context())[0]; f.Err == nil || !strings.Contains(f.Err.Error(), c.text) {
				t.Errorf("Check: %s: %v", f.What, f.Err)
			}
		})
	}
}

func TestRealSetup(t *testing.T) {
	c := Config{Brokers: need(t, "REFLEX_TEST_KAFKA")}
	spec := TopicSpec{Name: fresh("topic"), Partitions: 3, Replication: 1, Retention: 48 * time.Hour, MaxMessageBytes: 2 << 20}
	for _, note := range []string{"created", "exists: 3 partitions, cleanup.policy delete"} {
		found, err := Setup(t.Context(), c, []TopicSpec{spec})
		if err != nil || len(found) != 1 || found[0].Err != nil || found[0].Note != note {
			t.Fatalf("Setup: %+v, %v; want note %q", found, err, note)
		}
	}
	spec.Retention, spec.MaxMessageBytes, spec.Partitions = 100*time.Hour, 3<<20, 4
	found, err := Setup(t.Context(), c, []TopicSpec{spec})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"has 3 partitions, wanted are 4", "keeps records for 48h0m0s, wanted are 100h0m0s", "takes messages of 2097152 bytes, wanted are 3145728"} {
		if found[0].Err == nil || !strings.Contains(found[0].Err.Error(), text) {
			t.Errorf("%v does not say %q", found[0].Err, text)
		}
	}
	spec = TopicSpec{Name: fresh("topic"), Replication: 3}
	if found, _ = Setup(t.Context(), c, []TopicSpec{spec}); found[0].Err == nil || !strings.Contains(found[0].Advice, "fewer brokers") {
		t.Errorf("replication of 3 on one broker gave %+v", found)
	}
}

// A second member, of whatever software, is found and named.
func TestRealStatefulReaderRefusesCompany(t *testing.T) {
	c := Config{Brokers: need(t, "REFLEX_TEST_KAFKA")}
	topic, _ := realTopic(t, c, 2)
	config := SourceConfig{Config: c, Group: fresh("group"), Topics: []Topic{{Name: topic}}, SessionTimeout: time.Second}
	config.ClientID = "first"
	a, got := open(t, config, Options{Stateful: true}), &seen{}
	got.until(t, a, "both partitions", func() bool { return len(got.opened) == 2 })
	config.ClientID = "second"
	wantFatal(t, open(t, config, Options{Stateful: true}), "has another member, client first on 127.0.0.1", "must be the only member")
	if len(got.closed) > 0 {
		t.Error("the first reader was disturbed")
	}
}

func TestRealSourceSurvivesARebalanceWithoutLoss(t *testing.T) {
	c := Config{Brokers: need(t, "REFLEX_TEST_KAFKA")}
	topic, client := realTopic(t, c, 4)
	config := SourceConfig{Config: c, Group: fresh("group"), Topics: []Topic{{Name: topic}}}
	const n = 400
	counts := map[string]int{}
	a, gotA := open(t, config, Options{}), &seen{}
	gotA.until(t, a, "all partitions", func() bool { return len(gotA.opened) == 4 })
	var b *Source
	gotB := &seen{}
	commit := func(s *Source, got *seen) {
		var ps []engine.Position
		for p, next := range got.next {
			ps = append(ps, engine.Position{Source: topic, Partition: p, Offset: next})
		}
		if err := s.Commit(t.Context(), ps); err != nil && engine.KindOf(err) != engine.Temporary && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	for i := range n {
		produce(t, client, topic, 0, int32(i%4), fmt.Sprint("v", i))
		gotA.poll(t, a, 5*time.Millisecond)
		if i == n/4 {
			b = open(t, config, Options{})
			gotA.until(t, a, "the second member's partitions", func() bool {
				commit(a, gotA) // what was lost is given up only when it is stored
				gotB.poll(t, b, 5*time.Millisecond)
				return len(gotB.opened) == 2
			})
		}
		if b != nil && i < 3*n/4 {
			gotB.poll(t, b, 5*time.Millisecond)
			commit(b, gotB)
		}
		if i == 3*n/4 {
			gotB.until(t, b, "a record", func() bool { commit(b, gotB); return gotB.total > 0 })
			b.Close()
		}
		commit(a, gotA)
	}
	all := func() map[string]int {
		clear(counts)
		for _, got := range []*seen{gotA, gotB} {
			for _, vs := range got.values {
				for _, v := range vs {
					counts[v]++
				}
			}
		}
		return counts
	}
	gotA.until(t, a, "everything", func() bool { commit(a, gotA); return len(all()) == n })
	repeats := -n
	for _, k := range counts {
		repeats += k
	}
	t.Logf("%d records, %d repeated, %d by the second member", n, repeats, gotB.total)
	if gotB.total == 0 {
		t.Error("the second member read nothing")
	}
}

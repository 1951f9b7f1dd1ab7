package kafka

import (
	"context"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// about finds a finding by what it is about.
func about(t testing.TB, found []engine.Finding, what string) engine.Finding {
	t.Helper()
	for _, f := range found {
		if f.What == what {
			return f
		}
	}
	t.Fatalf("no finding is about %q: %+v", what, found)
	return engine.Finding{}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	f := newFake(t, 2)
	c := f.config()
	gone := freeAddress(t)
	c.Brokers = append([]string{gone}, c.Brokers...)
	c.Topics = append(c.Topics, Topic{Name: "reflex.missing"})
	s := open(t, c, Options{})
	future := kafkago.NewRecordReader(kafkago.Record{Value: kafkago.NewBytes([]byte("x")), Time: time.Now().Add(time.Hour)})
	if res, err := f.client.Produce(t.Context(), &kafkago.ProduceRequest{Topic: topic, RequiredAcks: kafkago.RequireAll, Records: future}); err != nil || res.Error != nil {
		t.Fatal(err, res)
	}
	found := s.Check(t.Context())
	for what, text := range map[string]string{
		"kafka " + gone:              "is the address right?",
		"kafka topic reflex.missing": "the topic does not exist: create it",
		"kafka topic reflex.cloudtrail: time of its newest record": "ahead of this machine's clock: set the clocks",
	} {
		if f := about(t, found, what); f.Err == nil || !strings.Contains(f.Err.Error()+": "+f.Advice, text) {
			t.Errorf("%s: %v (%s), want %q", what, f.Err, f.Advice, text)
		}
	}
	for _, f := range found {
		if f.What == "kafka topic reflex.missing: time of its newest record" {
			t.Error("a topic that is missing is told of twice")
		}
	}
	for what, note := range map[string]string{
		"kafka " + f.addrs[0]:           "reachable",
		"kafka topic reflex.cloudtrail": "2 partitions, cleanup.policy delete",
		"kafka group reflex":            "0 members now",
	} {
		if f := about(t, found, what); f.Err != nil || f.Note != note {
			t.Errorf("%s: %q, %v; want %q", what, f.Note, f.Err, note)
		}
	}
}

func TestCheckKeepsToItsTime(t *testing.T) {
	f := newFake(t, 1)
	s := open(t, f.config(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if found := s.Check(ctx); len(found) == 0 || found[0].Err == nil {
		t.Errorf("found %+v", found)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestSetupCreatesWhatIsMissingAndChangesNothing(t *testing.T) {
	f := newFake(t, 1)
	c := Config{Brokers: f.addrs}
	specs := []TopicSpec{
		{Name: "reflex.alerts", Partitions: 3, Replication: 1, Retention: 24 * time.Hour, MaxMessageBytes: 2 << 20},
		{Name: topic, Partitions: 2}, {Name: "not a name"},
	}
	for _, note := range []string{"created", "exists: 3 partitions, cleanup.policy delete"} {
		found, err := Setup(t.Context(), c, specs)
		if err != nil {
			t.Fatal(err)
		}
		if f := found[0]; f.Err != nil || f.Note != note {
			t.Errorf("%+v, want note %q", f, note)
		}
		if f := found[1]; f.Err == nil || !strings.Contains(f.Err.Error(), "has 1 partitions, wanted are 2") || !strings.Contains(f.Advice, "left as it is") {
			t.Errorf("%+v", f)
		}
		if f := found[2]; f.Err == nil || !strings.Contains(f.Err.Error(), "is no topic's name") {
			t.Errorf("%+v", f)
		}
	}
	specs[0].Retention, specs[0].MaxMessageBytes = 25*time.Hour, 3<<20
	found, err := Setup(t.Context(), c, specs[:1])
	if err != nil || found[0].Err == nil || !strings.Contains(found[0].Err.Error(), "keeps records for 24h0m0s, wanted are 25h0m0s; takes messages of 2097152 bytes, wanted are 3145728") {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := Setup(t.Context(), Config{Brokers: []string{freeAddress(t)}}, specs); engine.KindOf(err) != engine.Temporary {
		t.Errorf("no broker gave kind %q: %v", engine.KindOf(err), err)
	}
}

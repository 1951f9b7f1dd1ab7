package kafka

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-843b225c/reflex/engine"
)

func TestSourceRefusesACompactedTopic(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		if _, err := f.client.DeleteTopics(t.Context(), &kafkago.DeleteTopicsRequest{Topics: []string{topic}}); err != nil {
			t.Fatal(err)
		}
		f.create(t, 1, kafkago.ConfigEntry{ConfigName: "cleanup.policy", ConfigValue: "compact"})
		s := f.open(t, f.config(), Options{})
		wantFatal(t, s, "kafka topic reflex.cloudtrail: is compacted (cleanup.policy=compact)", "use a topic with cleanup.policy=delete")
	})(t)
}

// wantFatal polls until a fatal error comes, and looks for texts in it.
func wantFatal(t testing.TB, s *Source, texts ...string) {
	t.Helper()
	got := &seen{}
	var last error
	got.until(t, s, "a fatal error", func() bool {
		if len(got.errs) > 0 {
			last = got.errs[len(got.errs)-1]
		}
		return engine.KindOf(last) == engine.Fatal
	})
	for _, text := range texts {
		if !strings.Contains(last.Error(), text) {
			t.Errorf("%q does not say %q", last, text)
		}
	}
	if got.total > 0 {
		t.Errorf("%d records came all the same", got.total)
	}
}

func TestSourceSaysWhyItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*SourceConfig)
		fault  kfake.Fault
		texts  []string
	}{
		"no such topic": {func(c *SourceConfig) { c.Topics[0].Name = "reflex.missing" }, kfake.Fault{}, []string{"kafka topic reflex.missing: the topic does not exist: create it"}},
		"topic denied":  {func(*SourceConfig) {}, kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1}, []string{"kafka topic reflex.cloudtrail: no permission for this topic: grant Read and Describe"}},
		"group denied":  {func(*SourceConfig) {}, kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, TopLevel: true, Err: kerr.GroupAuthorizationFailed, Count: -1}, []string{"kafka group reflex: no permission for this consumer group: grant Read on it"}},
		"session":       {func(c *SourceConfig) { c.SessionTimeout = time.Hour }, kfake.Fault{}, []string{"kafka group reflex: the broker does not allow this session_timeout"}},
	} {
		t.Run(name, virtual(func(t *testing.T) {
			f := inMemory(t, 1)
			if c.fault.Err != nil {
				defer f.Fault(c.fault).Remove()
			}
			config := f.config()
			c.change(&config)
			wantFatal(t, f.open(t, config, Options{}), c.texts...)
		}))
	}
	t.Run("no broker", func(t *testing.T) {
		c := newFake(t, 1).config()
		c.Brokers = []string{freeAddress(t)}
		s, got := open(t, c, Options{}), &seen{}
		got.until(t, s, "an error", func() bool { return len(got.errs) > 0 })
		if err := got.errs[0]; engine.KindOf(err) != engine.Temporary || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("kind %q: %v", engine.KindOf(err), err)
		}
	})
}

func TestSourceResumesOnlyItsOwnTopics(t *testing.T) {
	virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		f.write(t, 0, numbered(0, 10)...)
		s, got := f.open(t, f.config(), Options{Resume: []engine.Position{{Source: topic, Offset: 7}, {Source: "a/file", Partition: -1, Offset: 900}}}), &seen{}
		got.records(t, s, 3)
		expect(t, got.values[0], numbered(7, 3))
	})(t)
}

func TestCloseIsPromptWhateverHappens(t *testing.T) {
	for name, key := range map[string]kmsg.Key{"joining": kmsg.JoinGroup, "fetching": kmsg.Fetch, "asking": kmsg.Metadata, "heart beating": kmsg.Heartbeat} {
		t.Run(name, virtual(func(t *testing.T) {
			f := inMemory(t, 1)
			f.write(t, 0, "x")
			asked := make(chan struct{}, 100)
			f.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				select {
				case asked <- struct{}{}:
				default:
				}
				return nil, nil, true // never answered
			})
			s, got := f.open(t, f.config(), Options{}), &seen{}
			got.until(t, s, "the question", func() bool { return len(asked) > 0 })
			began := time.Now()
			s.Close()
			if took := time.Since(began); took > 2*s.timing.leave {
				t.Errorf("Close took %s", took)
			}
		}))
	}
	t.Run("never polled", virtual(func(t *testing.T) {
		f := inMemory(t, 1)
		s := f.open(t, f.config(), Options{})
		s.Close()
		if _, err := s.Poll(t.Context()); engine.KindOf(err) != engine.Fatal {
			t.Errorf("Poll after Close: %v", err)
		}
	}))
}

// value adds up a metric's samples.
func value(t testing.TB, reg prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if i < 0 {
		return 0
	}
	for _, m := range families[i].Metric {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sum
}

package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

// maxAhead is how far a record's time may lie ahead of our clock.
const maxAhead = time.Minute

// Check dials each broker, looks at each topic, at the group and at the clock.
func (s *Source) Check(ctx context.Context) []engine.Finding {
	out, ok := s.remote.checkBrokers(ctx)
	if !ok {
		return out
	}
	c, done := s.remote.client(names(s.c.Topics)...)
	defer done()
	for _, t := range s.c.Topics {
		f := checkTopic(ctx, c, t.Name, true)
		if out = append(out, f); f.Err == nil {
			out = append(out, s.remote.checkClock(ctx, t.Name))
		}
	}
	f := engine.Finding{What: "kafka group " + s.c.Group}
	ms, err := s.members(ctx)
	switch {
	case err != nil:
		f.Err = err
	default:
		who := make([]string, 0, len(ms))
		for _, m := range ms {
			who = append(who, m.String())
		}
		slices.Sort(who)
		f.Note = counted(len(ms), "member") + " now"
		if len(who) > 0 {
			f.Note += ": " + strings.Join(who, ", ")
		}
	}
	return append(out, f)
}

// checkBrokers dials and logs in to every configured broker; ok when one answers.
func (r *remote) checkBrokers(ctx context.Context) (out []engine.Finding, ok bool) {
	for _, b := range r.brokers {
		f := engine.Finding{What: "kafka " + b}
		dialing, cancel := context.WithTimeout(ctx, patience)
		conn, err := r.dialer.DialContext(dialing, "tcp", b)
		cancel()
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, err = conn.ApiVersions() // some refusals of TLS show with the first answer
			conn.Close()
		}
		if err != nil {
			f.Err = explain(f.What, err)
		} else {
			ok, f.Note = true, "reachable"
			if r.dialer.TLS != nil {
				f.Note += ", TLS"
			}
			if m := r.dialer.SASLMechanism; m != nil {
				f.Note += ", logged in with " + m.Name()
			}
		}
		out = append(out, f)
	}
	return out, ok
}

// checkTopic looks whether a topic is there and, for an input, not compacted.
func checkTopic(ctx context.Context, c *kafkago.Client, topic string, input bool) engine.Finding {
	f := engine.Finding{What: "kafka topic " + topic}
	ps, err := partitions(ctx, c, []string{topic})
	if err != nil {
		f.Err = err
		return f
	}
	f.Note = counted(len(ps[topic]), "partition")
	settings, err := describe(ctx, c, []string{topic})
	switch set := settings[topic]; {
	case err != nil:
		f.Err, f.Advice = err, "see whether the broker is well"
	case set == nil:
		f.Note += "; no permission to read its settings"
	default:
		f.Note += ", cleanup.policy " + set["cleanup.policy"]
		if input && strings.Contains(set["cleanup.policy"], "compact") {
			f.Err, f.Advice = fatal(fmt.Errorf("kafka topic %s: %w", topic, errCompacted)), "let the shippers write to a topic with cleanup.policy=delete"
		}
	}
	return f
}

// checkClock compares the time of a topic's newest record with ours. Kafka
// itself tells no time.
func (r *remote) checkClock(ctx context.Context, topic string) engine.Finding {
	f := engine.Finding{What: "kafka topic " + topic + ": time of its newest record"}
	newest, err := r.newest(ctx, topic)
	switch ahead := time.Until(newest); {
	case err != nil:
		f.Err = err
	case newest.IsZero():
		f.Note = "partition 0 holds no record"
	case ahead > maxAhead:
		f.Err = temporary(fmt.Errorf("%s is %s ahead of this machine's clock", newest.UTC().Format(time.RFC3339), ahead.Round(time.Second)))
		f.Advice = "set the clocks of this machine and of those that write, with NTP"
	default:
		f.Note = fmt.Sprintf("%s ago", (-ahead).Round(time.Second))
	}
	return f
}

// newest gives the time of the last record of a topic's first partition.
func (r *remote) newest(ctx context.Context, topic string) (time.Time, error) {
	what := "kafka topic " + topic
	conn, err := r.dialLeader(ctx, topic, 0)
	if err != nil {
		return time.Time{}, err
	}
	defer conn.Close()
	first, last, err := offsets(conn)
	if err != nil || first == last {
		return time.Time{}, explainIf(what, err)
	}
	b := request(conn, last-1, minFetch, usual.wait)
	defer b.Close()
	m, err := b.ReadMessage()
	if isEnd(err) && err != nil {
		return time.Time{}, nil // a marker or a gap stands there
	}
	return m.Time, explainIf(what, err)
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func explainIf(what string, err error) error {
	if err == nil {
		return nil
	}
	return explain(what, err)
}

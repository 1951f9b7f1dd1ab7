package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// topic is a Source in memory: partitions with records, read from the committed
// positions on. It gives io.EOF at the end once eof is set.
type topic struct {
	mu        sync.Mutex
	name      string
	parts     [][]string
	next      []int64 // next to hand out
	committed []int64
	times     map[int32]int64 // of the last commits
	opened    bool
	eof       bool
	batch     int
	rewound   bool // a commit went back
	rand      *rand.Rand
}

func newTopic(name string, parts ...[]string) *topic {
	return &topic{name: name, parts: parts, next: make([]int64, len(parts)), committed: make([]int64, len(parts)), times: map[int32]int64{}, batch: 50, eof: true}
}

func (s *topic) resume(ps []engine.Position) {
	s.opened = false
	copy(s.next, s.committed)
	for _, p := range ps[:min(len(ps), len(s.next))] {
		s.next[p.Partition] = p.Offset
	}
}

func (s *topic) Poll(ctx context.Context) (engine.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b engine.Batch
	if !s.opened {
		s.opened = true
		for p := range s.parts {
			b.Opened = append(b.Opened, engine.Position{Source: s.name, Partition: int32(p), Offset: s.next[p]})
		}
	}
	var left []int
	for p := range s.parts {
		if s.next[p] < int64(len(s.parts[p])) {
			left = append(left, p)
		}
	}
	if len(left) == 0 {
		if len(b.Opened) > 0 {
			return b, nil
		}
		if s.eof {
			return b, io.EOF
		}
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return b, ctx.Err()
	}
	p := left[0]
	if s.rand != nil {
		p = left[s.rand.Intn(len(left))]
	}
	for i := 0; i < s.batch && s.next[p] < int64(len(s.parts[p])); i++ {
		b.Records = append(b.Records, engine.Record{Data: []byte(s.parts[p][s.next[p]]), Format: "ecs",
			Origin: engine.Origin{Source: s.name, Partition: int32(p), Offset: s.next[p]}, Time: time.Now().UnixNano()})
		s.next[p]++
	}
	return b, nil
}

func (s *topic) Commit(_ context.Context, ps []engine.Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		s.rewound = s.rewound || p.Offset < s.committed[p.Partition]
		s.committed[p.Partition] = p.Offset
		s.times[p.Partition] = p.Time
	}
	return nil
}

func (s *topic) Close() error { return nil }

func (s *topic) Lags() (out []engine.Lag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.parts {
		out = append(out, engine.Lag{Source: s.name, Partition: int32(p), Next: s.next[p], End: int64(len(s.parts[p]))})
	}
	return out
}

// shelf is a sink that remembers; trouble, when not nil, comes first.
type shelf struct {
	mu      sync.Mutex
	got     []engine.Transition
	seen    map[string]string
	clash   string
	trouble func(t engine.Transition) error
}

func (s *shelf) Deliver(_ context.Context, ts []engine.Transition) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]string{}
	}
	for i, t := range ts {
		if s.trouble != nil {
			if err := s.trouble(t); err != nil {
				return i, err
			}
		}
		t.Seen = 0 // a repeat after a crash was seen at another moment
		b, err := t.Append(nil)
		if err != nil {
			return i, err
		}
		if old, ok := s.seen[t.DocumentID()]; ok {
			if old != string(b) {
				s.clash = fmt.Sprintf("%s:\n%s\n%s", t.DocumentID(), old, b)
			}
			continue
		}
		s.seen[t.DocumentID()] = string(b)
		s.got = append(s.got, t)
	}
	return len(ts), nil
}

func (s *shelf) Close() error { return nil }

func (s *shelf) alerts(c engine.Change) (out []engine.Transition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.got {
		if t.Alert != nil && t.Change == c {
			out = append(out, t)
		}
	}
	return out
}

// drawer is a dead letter in memory.
type drawer struct {
	mu   sync.Mutex
	kept []engine.Refusal
}

func (d *drawer) Keep(_ context.Context, rs []engine.Refusal) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept = append(d.kept, rs...)
	return nil
}

// runLive runs until the topic ends, or ctx.
func runLive(t *testing.T, ctx context.Context, folder string, rules string, src *topic, change func(*pipeline.Live), sinks ...pipeline.Output) error {
	t.Helper()
	dir, err := checkpoint.Open(folder, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	}()
	ps, err := pipeline.Positions(dir.Store)
	if err != nil {
		t.Fatal(err)
	}
	src.resume(ps)
	l := &pipeline.Live{Parts: lineOf(t, []byte(rules)), Source: src, Dir: dir, Outputs: sinks, Every: 5 * time.Millisecond, Metrics: prometheus.NewRegistry()}
	if change != nil {
		change(l)
	}
	err = l.Run(ctx)
	if st := l.Status(); st != nil {
		t.Logf("%d events, %d late, %d duplicates, watermarks %v, lags %v", st.Stats.Events(), st.Stats.Late(), st.Stats.Duplicates(), st.Watermarks, st.Lags)
	}
	return err
}

// stream makes records whose times mostly grow, dealt to partitions.
func stream(r *rand.Rand, n, partitions int) [][]string {
	parts := make([][]string, partitions)
	for i := range n {
		at := noon.Add(time.Duration(i)*97*time.Second + time.Duration(r.Intn(90))*time.Second)
		p := r.Intn(partitions)
		line := denied(at, fmt.Sprint("user", r.Intn(9)), fmt.Sprint("e", i))
		parts[p] = append(parts[p], line)
		if r.Intn(15) == 0 {
			parts[p] = append(parts[p], line) // delivered twice
		}
	}
	last := noon.Add(time.Duration(n)*97*time.Second + 48*time.Hour)
	for p := range parts { // so that everything before becomes final: two records, for one alone moves a watermark little
		for i := range 2 {
			parts[p] = append(parts[p], denied(last.Add(time.Duration(i)*time.Second), fmt.Sprint("nobody", p, i), fmt.Sprint("end", p, i)))
		}
	}
	return parts
}

// finals sums up final alerts without their ids: which point names one live
// depends on arrival.
func finals(alerts []*engine.Alert) string {
	var lines []string
	for _, al := range alerts {
		lines = append(lines, fmt.Sprintf("%s %s %d %s..%s %s", al.Rule, al.Key[0].Value.Text(), al.Count, time.Unix(0, al.Start).UTC().Format("02T15:04:05"),
			time.Unix(0, al.End).UTC().Format("02T15:04:05"), al.Level))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// diff gives the lines that only one of two texts has.
func diff(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	var out []string
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, "got  "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, "want "+l)
		}
	}
	if len(out) == 0 && len(a) != len(b) {
		out = append(out, fmt.Sprintf("%d lines, not %d", len(a), len(b)))
	}
	return strings.Join(out, "\n")
}

func finalOf(s *shelf) string {
	var alerts []*engine.Alert
	for _, t := range s.alerts(engine.Closed) {
		alerts = append(alerts, t.Alert)
	}
	return finals(alerts)
}

func offline(t *testing.T, parts [][]string) string {
	res, _ := replay(t, burst, memory{"all", []byte(strings.Join(slices.Concat(parts...), ""))})
	return finals(res.Alerts)
}

// check looks at what every run must hold.
func (s *shelf) check(t *testing.T) {
	t.Helper()
	if s.clash != "" {
		t.Errorf("one number means two things: %s", s.clash)
	}
	numbers := map[string]int{}
	opened, documented := 0, 0
	for _, tr := range s.got {
		if tr.Number != numbers[tr.ID()]+1 {
			t.Errorf("%s comes after number %d", tr.DocumentID(), numbers[tr.ID()])
		}
		numbers[tr.ID()] = tr.Number
		if tr.Change != engine.Opened || tr.Alert == nil {
			continue
		}
		if tr.Number != 1 {
			t.Errorf("%s: opened without number 1", tr.DocumentID())
		}
		if opened++; tr.Alert.Document != nil {
			documented++
		}
	}
	if documented*4 < opened { // records come in a wild order here, and what is gone before it counts has none
		t.Errorf("%d of %d alerts have a document", documented, opened)
	}
}

func TestLiveFindsWhatReplayFinds(t *testing.T) {
	for _, batch := range []int{50, 300} { // full batches move watermarks more seldom
		t.Run(fmt.Sprint("batches of ", batch), func(t *testing.T) { findsTheSame(t, batch) })
	}
}

func findsTheSame(t *testing.T, batch int) {
	r := rand.New(rand.NewSource(3))
	parts := stream(r, 2000, 3)
	src, sink := newTopic("t", parts...), &shelf{}
	src.rand, src.batch = r, batch
	if err := runLive(t, t.Context(), t.TempDir(), burst, src, nil, pipeline.Output{Name: "shelf", Sink: sink}); err != nil {
		t.Fatal(err)
	}
	want := offline(t, parts)
	if d := diff(finalOf(sink), want); d != "" || strings.Count(want, "\n") < 10 {
		t.Errorf("of %d alerts:\n%s", strings.Count(want, "\n"), d)
	}
	sink.check(t)
	if len(sink.alerts(engine.Opened)) != len(sink.alerts(engine.Closed)) {
		t.Errorf("%d opened, %d final", len(sink.alerts(engine.Opened)), len(sink.alerts(engine.Closed)))
	}
	for p, next := range src.committed {
		if src.times[int32(p)] == 0 {
			t.Errorf("partition %d: nothing tells what was read last", p)
		}
		if next != int64(len(src.parts[p])) {
			t.Errorf("partition %d is committed to %d of %d", p, next, len(src.parts[p]))
		}
	}
}

// TestLiveGoesOnAfterStops stops the service in order at random moments: nobody notices.
func TestLiveGoesOnAfterStops(t *testing.T) {
	for seed := range int64(8) {
		r := rand.New(rand.NewSource(seed))
		parts := stream(r, 1200, 1+r.Intn(4))
		src, sink, folder := newTopic("t", parts...), &shelf{}, filepath.Join(t.TempDir(), "state")
		src.rand, src.batch = r, []int{20, 150}[seed%2]
		for range 6 {
			ctx, cancel := context.WithCancel(t.Context())
			seen, most := 0, 1+r.Intn(12)
			err := runLive(t, ctx, folder, burst, &topic{}, func(l *pipeline.Live) {
				ps, err := pipeline.Positions(l.Dir.Store)
				if err != nil {
					t.Fatal(err)
				}
				src.resume(ps)
				l.Source = counting{src, func() {
					if seen++; seen > most {
						cancel()
					}
				}}
			}, pipeline.Output{Name: "shelf", Sink: sink})
			cancel()
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := runLive(t, t.Context(), folder, burst, src, nil, pipeline.Output{Name: "shelf", Sink: sink}); err != nil {
			t.Fatal(err)
		}
		if d := diff(finalOf(sink), offline(t, parts)); d != "" {
			t.Fatalf("seed %d:\n%s", seed, d)
		}
		if src.rewound {
			t.Errorf("seed %d: a commit went back", seed)
		}
		sink.check(t)
	}
}

// counting calls f before every poll.
type counting struct {
	*topic
	f func()
}

func (c counting) Poll(ctx context.Context) (engine.Batch, error) { c.f(); return c.topic.Poll(ctx) }

// TestASinkThatIsDownDelaysNobody and catches up later, from the log.
func TestASinkThatIsDownDelaysNobody(t *testing.T) {
	parts := stream(rand.New(rand.NewSource(5)), 1500, 2)
	folder := t.TempDir()
	up, down := &shelf{}, &shelf{trouble: func(engine.Transition) error {
		return &engine.Error{Kind: engine.Temporary, Err: errors.New("away")}
	}}
	out := []pipeline.Output{{Name: "up", Sink: up}, {Name: "down", Sink: down}}
	if err := runLive(t, t.Context(), folder, burst, newTopic("t", parts...), nil, out...); err != nil {
		t.Fatal(err)
	}
	if d := diff(finalOf(up), offline(t, parts)); d != "" {
		t.Errorf("the sink that is up:\n%s", d)
	}
	if len(down.got) != 0 {
		t.Fatal("the sink that is down got something")
	}
	down.trouble = nil
	src := newTopic("t", parts...)
	for p := range parts {
		src.committed[p] = int64(len(parts[p]))
	}
	if err := runLive(t, t.Context(), folder, burst, src, nil, out...); err != nil {
		t.Fatal(err)
	}
	if a, b := ids(up), ids(down); a != b {
		t.Errorf("after catching up the sinks differ:\n%s\n%s", a, b)
	}
	down.check(t)
}

func ids(s *shelf) string {
	var out []string
	for _, t := range s.got {
		out = append(out, t.DocumentID())
	}
	return strings.Join(out, " ")
}

// TestWhatASinkRefusesIsKeptAside, and so is input that no format takes: both
// before the source is told.
func TestWhatASinkRefusesIsKeptAside(t *testing.T) {
	parts := stream(rand.New(rand.NewSource(6)), 800, 1)
	parts[0] = slices.Insert(parts[0], 100, "{broken")
	refused := ""
	sink := &shelf{trouble: func(tr engine.Transition) error {
		if refused == "" && tr.Change == engine.Closed {
			refused = tr.DocumentID()
		}
		if tr.DocumentID() == refused {
			return &engine.Error{Kind: engine.BadInput, Err: errors.New("field x is no number")}
		}
		return nil
	}}
	dead := &drawer{}
	err := runLive(t, t.Context(), t.TempDir(), burst, newTopic("t", parts...), func(l *pipeline.Live) { l.Dead = dead }, pipeline.Output{Name: "shelf", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	if len(dead.kept) != 2 {
		t.Fatalf("%d kept aside: %+v", len(dead.kept), dead.kept)
	}
	slices.SortFunc(dead.kept, func(a, b engine.Refusal) int { return strings.Compare(a.Reason, b.Reason) })
	if r := dead.kept[0]; r.Origin.Offset != 100 || r.Origin.Source != "t" || r.Reason == "" {
		t.Errorf("the broken record is kept as %+v", r)
	}
	if r := dead.kept[1]; !strings.Contains(r.Detail, "field x") || !json.Valid(r.Data) {
		t.Errorf("the refused alert is kept as %+v", r)
	}
	if sink.seen[refused] != "" || len(sink.alerts(engine.Closed)) == 0 {
		t.Error("the alerts behind the refused one did not come")
	}
}

// What a sink takes without evidence only is told so.
func TestWhatIsTooMuchForASinkIsToldBare(t *testing.T) {
	bare := 0
	sink := &shelf{trouble: func(tr engine.Transition) error {
		switch {
		case tr.Incident != nil:
			return nil
		case tr.Alert.Document != nil || tr.Alert.Evidence != nil:
			return &engine.Error{Kind: engine.BadInput, Err: errors.New("too large")}
		}
		if !strings.Contains(tr.Alert.Incomplete, "sink shelf refused") {
			t.Errorf("%s does not say what is missing", tr.DocumentID())
		}
		bare++
		return nil
	}}
	dead := &drawer{}
	err := runLive(t, t.Context(), t.TempDir(), burst, newTopic("t", stream(rand.New(rand.NewSource(6)), 400, 1)...), func(l *pipeline.Live) { l.Dead = dead }, pipeline.Output{Name: "shelf", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(sink.alerts(engine.Closed)); n == 0 || bare < n || len(dead.kept) != 0 {
		t.Errorf("%d alerts came to their end, %d told bare, %d kept aside", n, bare, len(dead.kept))
	}
}

// TestReloadKeepsTheStateOfUnchangedRules: rules change in mid-stream, the count
// of an unchanged one goes on.
func TestReloadKeepsTheStateOfUnchangedRules(t *testing.T) {
	parts := stream(rand.New(rand.NewSource(9)), 1500, 2)
	src, sink := newTopic("t", parts...), &shelf{}
	src.batch = 10
	reload := make(chan pipeline.Reload)
	more := burst + strings.ReplaceAll(strings.ReplaceAll("---"+burst, "id: burst", "id: other"), "at_least: 3", "at_least: 2")
	n := 0
	told := make(chan error, 100)
	err := runLive(t, t.Context(), t.TempDir(), burst, &topic{}, func(l *pipeline.Live) {
		src.resume(nil)
		l.Reload = reload
		l.Source = counting{src, func() {
			if n++; n%40 == 0 {
				reload <- pipeline.Reload{Parts: lineOf(t, []byte([]string{burst, more}[n/40%2])), Done: func(err error) { told <- err }}
				if err := <-told; err != nil {
					t.Error(err)
				}
			}
		}}
	}, pipeline.Output{Name: "shelf", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	var mine []*engine.Alert
	for _, tr := range sink.alerts(engine.Closed) {
		if tr.Alert.Rule == "burst" {
			mine = append(mine, tr.Alert)
		}
	}
	if d := diff(finals(mine), offline(t, parts)); d != "" {
		t.Error(d)
	}
	sink.check(t)
}

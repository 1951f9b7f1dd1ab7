package pipeline

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// The wall clock and event times of these tests.
var (
	wall  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	event = wall.Add(-time.Hour).UnixNano()
)

func lag(partition int32, next, end int64) engine.Lag {
	return engine.Lag{Source: "t", Partition: partition, Next: next, End: end}
}

// behindBy says how far a dataset's watermark is behind a moment.
func (w *liveMarks) behindBy(d engine.Dataset, at int64) time.Duration {
	if w.of(d) == math.MinInt64 {
		return -1
	}
	return time.Duration(at - w.of(d) - 1)
}

const lateLLM = 5 * time.Minute

func TestLiveMarkIsTheLeastOfItsPartitions(t *testing.T) {
	w := newLiveMarks(wall)
	a, b := w.open(partKey{"t", 0}, wall), w.open(partKey{"t", 1}, wall)
	a.lag, b.lag = 0, 0
	w.see(a, engine.LiteLLM, event+int64(time.Minute), wall)
	w.see(b, engine.LiteLLM, event, wall)
	w.turn(wall)
	if got := w.behindBy(engine.LiteLLM, event); got != lateLLM {
		t.Errorf("behind the slower partition by %s", got)
	}
	w.turn(wall.Add(quietPartition)) // both are silent: nothing moves
	if got := w.behindBy(engine.LiteLLM, event); got != lateLLM {
		t.Errorf("all silent: %s", got)
	}
	w.see(a, engine.LiteLLM, event+int64(2*time.Minute), wall.Add(quietPartition))
	w.turn(wall.Add(quietPartition)) // the silent one leaves while another moves
	if got := w.behindBy(engine.LiteLLM, event+int64(2*time.Minute)); got != lateLLM {
		t.Errorf("a silent partition holds the other back: %s", got)
	}
}

func TestAPartitionWithABacklogIsNeverSilent(t *testing.T) {
	w := newLiveMarks(wall)
	a, b := w.open(partKey{"t", 0}, wall), w.open(partKey{"t", 1}, wall)
	w.see(a, engine.LiteLLM, event, wall)
	w.see(b, engine.LiteLLM, event+int64(time.Minute), wall)
	late := wall.Add(3 * time.Hour)
	w.see(b, engine.LiteLLM, event+int64(2*time.Minute), late)
	a.lag, b.lag = 1000, 0
	w.turn(late)
	if got := w.behindBy(engine.LiteLLM, event); got != lateLLM {
		t.Errorf("the partition that is behind does not hold: %s", got)
	}
	a.lag, a.rest = 1, true // fetched to its end: what is left can only be markers
	w.turn(late)
	if got := w.behindBy(engine.LiteLLM, event+int64(2*time.Minute)); got != lateLLM {
		t.Errorf("markers hold the watermark: %s", got)
	}
}

// TestNothingMovesBeforeEveryPartitionSpoke: one that has records and gave none,
// or that is not open yet, may bring anything.
func TestNothingMovesBeforeEveryPartitionSpoke(t *testing.T) {
	for name, prepare := range map[string]func(w *liveMarks){
		"opened, silent":   func(w *liveMarks) { w.open(partKey{"t", 1}, wall).lag = 7 },
		"not opened":       func(w *liveMarks) { w.owned([]engine.Lag{lag(0, 5, 5), lag(1, 0, -1)}, wall) },
		"opened elsewhere": func(w *liveMarks) { w.owned([]engine.Lag{lag(0, 5, 5), lag(1, 0, 9)}, wall) },
	} {
		w := newLiveMarks(wall)
		w.see(w.open(partKey{"t", 0}, wall), engine.LiteLLM, event, wall)
		prepare(w)
		w.turn(wall)
		if got := w.behindBy(engine.LiteLLM, event); got != -1 {
			t.Errorf("%s: the watermark moved to %s behind", name, got)
		}
		for i := range 10 { // it is waited for five minutes, however often it is named
			prepareAgain := []engine.Lag{lag(0, 5, 5), lag(1, 0, -1)}
			w.owned(prepareAgain, wall.Add(time.Duration(i)*time.Minute))
		}
		w.see(w.parts[partKey{"t", 0}], engine.LiteLLM, event, wall.Add(quietPartition+9*time.Minute))
		if w.turn(wall.Add(quietPartition + 9*time.Minute)); w.of(engine.LiteLLM) == math.MinInt64 {
			t.Errorf("%s: the watermark never moves", name)
		}
	}
	w := newLiveMarks(wall)
	w.open(partKey{"t", 1}, wall).lag = 0 // known to be empty
	w.see(w.open(partKey{"t", 0}, wall), engine.LiteLLM, event, wall)
	if w.turn(wall); w.of(engine.LiteLLM) == math.MinInt64 {
		t.Error("an empty partition holds the watermark")
	}
}

func TestASilentDatasetFollowsTheClockAfterAnHour(t *testing.T) {
	w := newLiveMarks(wall)
	p := w.open(partKey{"t", 0}, wall)
	p.lag = 0
	w.see(p, engine.LiteLLM, event, wall)
	w.turn(wall)
	w.turn(wall.Add(59 * time.Minute))
	if got := w.behindBy(engine.LiteLLM, event); got != lateLLM || w.silent[engine.LiteLLM] {
		t.Errorf("before the hour: %s", got)
	}
	now := wall.Add(4 * time.Hour)
	w.turn(now)
	if got := w.behindBy(engine.LiteLLM, now.UnixNano()); got != lateLLM+quietDataset || !w.silent[engine.LiteLLM] {
		t.Errorf("after four hours: behind the clock by %s, silent %v", got, w.silent[engine.LiteLLM])
	}
}

// TestADatasetThatNeverCameHoldsForAWhile: at the first start its records may
// come a moment after those of another.
func TestADatasetThatNeverCameHoldsForAWhile(t *testing.T) {
	w := newLiveMarks(wall)
	p := w.open(partKey{"t", 0}, wall)
	p.lag = 0
	w.see(p, engine.LiteLLM, event, wall)
	if w.turn(wall); w.of(engine.CloudTrail) != math.MinInt64 {
		t.Error("a dataset that has not come yet follows the others at once")
	}
	w.see(p, engine.LiteLLM, event, wall.Add(quietPartition))
	w.turn(wall.Add(quietPartition))
	if got := w.behindBy(engine.CloudTrail, event); got != 20*time.Minute {
		t.Errorf("after a while it holds the others back: %s", got)
	}
}

// TestAPartitionThatLeavesMovesNothing: the broker restarts, all partitions go
// and come back one by one.
func TestAPartitionThatLeavesMovesNothing(t *testing.T) {
	w := newLiveMarks(wall)
	a, b := w.open(partKey{"a", 0}, wall), w.open(partKey{"b", 0}, wall)
	a.lag, b.lag = 0, 0
	w.see(a, engine.LiteLLM, event, wall)
	w.see(b, engine.RunnerEgress, event+int64(time.Hour), wall)
	w.turn(wall)
	before := w.of(engine.LiteLLM)
	w.close(partKey{"a", 0})
	w.close(partKey{"b", 0})
	b = w.open(partKey{"b", 0}, wall.Add(time.Minute))
	w.see(b, engine.RunnerEgress, event+int64(2*time.Hour), wall.Add(time.Minute))
	b.lag = 0
	w.turn(wall.Add(time.Minute))
	if w.of(engine.LiteLLM) != before {
		t.Errorf("the watermark of a dataset whose partition is away moved by %s", time.Duration(w.of(engine.LiteLLM)-before))
	}
	if again := w.open(partKey{"a", 0}, wall.Add(2*time.Minute)); again != a || a.away {
		t.Error("a partition that came back is not the one that left")
	}
}

func TestSavedMarksComeBack(t *testing.T) {
	w := newLiveMarks(wall)
	a := w.open(partKey{"topic with / and \x00", 12}, wall)
	a.lag = 0
	w.see(a, engine.LiteLLM, event, wall)
	w.see(a, engine.LiteLLM, event+int64(24*time.Hour), wall) // a jump that waits
	w.see(a, engine.CloudTrail, event, wall)
	w.turn(wall)
	m := &memory{}
	w.save(m)
	m.commit()
	back := newLiveMarks(wall)
	if err := back.load(m, wall.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	p := back.parts[partKey{"topic with / and \x00", 12}]
	if p == nil || !slices.Equal(p.clocks, a.clocks) || !slices.Equal(back.marks[1:], w.marks[1:]) || !slices.Equal(back.seen, w.seen) || back.newest != w.newest {
		t.Fatalf("restored %+v, want %+v", back, w)
	}
	for i, r := range m.rows {
		if len(r.value) == 0 {
			continue
		}
		m.rows[i].value = r.value[:len(r.value)-1]
		if err := newLiveMarks(wall).load(m, wall); err == nil {
			t.Errorf("took a damaged %q", r.key)
		}
		m.rows[i].value = r.value
	}
}

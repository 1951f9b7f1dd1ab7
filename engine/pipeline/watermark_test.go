package pipeline

import (
	"math"
	"testing"
	"time"
)

func TestWatermarkJumpWaitsForASecondRecord(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC).UnixNano()
	year := int64(365 * 24 * time.Hour)
	minute := int64(time.Minute)
	for name, c := range map[string]struct {
		times []int64
		want  int64 // newest afterwards
	}{
		"one record of next year":         {[]int64{0, year}, 10 * minute},
		"then the present again":          {[]int64{0, year, 11 * minute}, 11 * minute},
		"two records of next year":        {[]int64{0, year, year + minute}, year},
		"two far apart":                   {[]int64{0, year, 2 * year}, 20 * minute},
		"ten minutes are no jump":         {[]int64{0, 10 * minute}, 10 * minute},
		"backwards moves nothing":         {[]int64{0, -year, -year}, 0},
		"a second record a little before": {[]int64{0, year, year - minute}, year - minute},
	} {
		var w clockOf
		for _, d := range c.times {
			w.see(at + d)
		}
		if got := w.newest - at; got != c.want {
			t.Errorf("%s: newest is %s, want %s", name, time.Duration(got), time.Duration(c.want))
		}
	}
}

func TestPartitionMarkLeavesTheBoundOpen(t *testing.T) {
	p := newPartition(nil)
	if p.mark() != math.MinInt64 {
		t.Errorf("mark of an unread partition is %d", p.mark())
	}
	p.slack = 100
	p.see(1000)
	p.see(950)
	p.see(980)
	if p.mark() != 899 || p.back != 50 || p.first != 950 {
		t.Errorf("mark %d back %d first %d", p.mark(), p.back, p.first)
	}
	q := p.again()
	q.see(1000)
	if q.mark() >= 950 {
		t.Errorf("second reading would call an event at 950 late: mark %d", q.mark())
	}
}

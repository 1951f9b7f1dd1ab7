package story

import (
	"time"
)

// Day is the day that every story plays on, by UTC.
var Day = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// File is one log as it lies in a folder.
type File struct {
	Name   string // path in the folder
	Format string // "" : to be recognised
	Data   []byte
}

// Story is one day of logs. New makes one.
type Story struct {
	seed  int64
	jobs  []*job // by the time they were queued
	keys  []*aiKey
	leak  leak
	theft theft
}

// leak is the first story: what happens when, and the key it is about.
type leak struct {
	job     *job
	key     *aiKey
	printed int64 // when the key stood in the log
	used    int64 // when strangers began to use it
	revoked int64
}

// theft is the second story.
type theft struct {
	job    *job
	issued int64 // when the build got its AWS key
	pulled int64
	dumped int64
	sent   int64
	used   int64
	key    string // access key id of the build
}

// New plans the day of a seed. It is quick; Files makes the logs.
func New(seed int64) *Story {
	s := &Story{seed: seed, keys: newKeys(seed)}
	s.plan()
	return s
}

// Files gives the logs, the same on every call.
func (s *Story) Files() []File {
	var out []File
	out = append(out, s.trailFiles()...)
	out = append(out, s.logFiles()...)
	out = append(out, s.hookFiles()...)
	out = append(out, s.gatewayFiles()...)
	out = append(out, s.networkFiles()...)
	out = append(out, s.appFiles()...)
	return out
}

// plan lays the two stories into the day's builds.
func (s *Story) plan() {
	d := newDice(s.seed, "plan")
	start := Day.UnixNano()
	// Both in working hours, the second while the first still goes on.
	leakAt := start + 9*hour + int64(d.between(0, 180))*minute + int64(d.IntN(60))*second
	theftAt := leakAt + int64(d.between(20, 50))*minute
	s.jobs = builds(newDice(s.seed, "builds"), leakAt, theftAt)
	for _, j := range s.jobs {
		switch j.kind {
		case kindLeak:
			s.leak.job = j
			s.leak.key = s.keys[0]
			s.leak.printed = j.start + 13*second + d.Int64N(second)
			j.end = s.leak.printed + 7*second
			s.leak.used = s.leak.printed + 16*minute + d.Int64N(2*minute)
			s.leak.revoked = s.leak.used + 50*minute + d.Int64N(10*minute)
		case kindTheft:
			t := &s.theft
			t.job = j
			t.issued = j.start + 5*second + d.Int64N(second)
			t.issued -= t.issued % second // CloudTrail knows whole seconds
			t.pulled = t.issued + 15*second + d.Int64N(second)
			t.dumped = t.pulled + 2*second + d.Int64N(second)
			t.sent = t.dumped + second + d.Int64N(second)
			t.used = t.issued + 8*minute + d.Int64N(90*second)
			t.used -= t.used % second
			t.key = fakeAWS(d, "ASIA")
			j.key, j.issued = t.key, t.issued
		}
	}
}

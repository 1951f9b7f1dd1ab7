package job

import (
	"maps"

	"github.com/seed-843b225c/reflex/engine"
)

// Stats says what happened so far and what is kept now.
type Stats struct {
	Jobs      int                      // jobs remembered
	Held      int                      // hits waiting
	Sightings int                      // addresses of runners waiting for their jobs' announcement
	Job       map[engine.Dataset]int64 // hits given their job and run
	Run       map[engine.Dataset]int64 // hits given their run: several of its jobs fit
	Ambiguous map[engine.Dataset]int64 // hits that several runs fit: given none
	Unknown   map[engine.Dataset]int64 // hits that nothing ties to a job
	Late      int64                    // announcements behind the watermark
	Dropped   int64                    // jobs, hits or sightings given up because there were too many
}

func (s *Stats) count(d engine.Dataset, v verdict) {
	m := [...]*map[engine.Dataset]int64{unknown: &s.Unknown, ambiguous: &s.Ambiguous, theRun: &s.Run, theJob: &s.Job}[v]
	if *m == nil {
		*m = map[engine.Dataset]int64{}
	}
	(*m)[d]++
}

// Stats gives a copy of the counts.
func (j *Jobs) Stats() Stats {
	s := j.stats
	s.Jobs, s.Held, s.Sightings = len(j.jobs), len(j.waiting), j.places.n
	s.Job, s.Run, s.Ambiguous, s.Unknown = maps.Clone(s.Job), maps.Clone(s.Run), maps.Clone(s.Ambiguous), maps.Clone(s.Unknown)
	return s
}

package story

import "time"

// Expected is one incident that must come out of the day.
type Expected struct {
	Name      string // leak or foothold
	Chain     string // id of the rule that completes it
	Level     string
	Run       string // ci.run.id
	Principal string // secret.principal of the key that is abused
	Steps     []Step // in order
}

// Step is one step of its chain.
type Step struct {
	ID        string
	Rules     []string  // any of these
	At        time.Time // of the event; zero where the day does not fix it
	Principal string    // "" where the step names none
}

// Expected says what must be found: these incidents and none else above low.
func (s *Story) Expected() []Expected {
	at := func(ns int64) time.Time { return time.Unix(0, ns).UTC() }
	l, t := &s.leak, &s.theft
	return []Expected{
		{Name: "leak", Chain: "ai-key-leak-to-bill", Level: "critical", Run: l.job.runID(), Principal: l.key.id, Steps: []Step{
			{ID: "leak", Rules: []string{"ai-key-in-build-log"}, At: at(l.printed / 100 * 100), Principal: l.key.id},
			{ID: "abuse", Rules: []string{"ai-key-foreign-use"}, Principal: l.key.id},
			{ID: "bill", Rules: []string{"ai-budget-exceeded"}, Principal: l.key.id},
		}},
		{Name: "foothold", Chain: "poisoned-model-to-cloud", Level: "critical", Run: t.job.runID(), Principal: t.key, Steps: []Step{
			{ID: "pull", Rules: []string{"model-lookalike", "model-untrusted"}},
			{ID: "read", Rules: []string{"env-dumped"}},
			{ID: "out", Rules: []string{"runner-egress-unknown"}},
			{ID: "use", Rules: []string{"ci-key-foreign-use"}, Principal: t.key},
		}},
	}
}

// Secrets gives the values of the fake keys that the day's logs print, for
// tests that look for them where they must never be.
func (s *Story) Secrets() []string { return []string{s.leak.key.value} }

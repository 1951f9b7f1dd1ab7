package rule

import "github.com/seed-843b225c/reflex/engine"

// Info is what a list of rules shows of one.
type Info struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	Kind   string   `json:"kind"`
	Mode   string   `json:"mode"`
	Level  string   `json:"level"`
	Status string   `json:"status"`
	From   []string `json:"from"` // datasets; empty: all
	Rules  []string `json:"rules,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	Tests  int      `json:"tests"`
	File   string   `json:"file"`
	Line   int      `json:"line"`
}

// Info sums a rule up.
func (r *Rule) Info() Info {
	in := Info{
		ID: r.ID, Title: r.Title, Kind: r.Kind.String(), Mode: r.Mode.String(), Level: r.Level.String(),
		Status: r.Status, Tags: r.Tags, Tests: len(r.Tests), File: r.File, Line: r.Line,
	}
	from, all := r.From, r.From == 0
	if s := r.Sequence; s != nil {
		from, all = 0, false
		for _, st := range s.Steps {
			for _, id := range st.Rules {
				in.Rules = append(in.Rules, id.Value)
			}
			if len(st.Rules) == 0 {
				from, all = from|st.From, all || st.From == 0
			}
		}
	}
	for _, d := range engine.Datasets() {
		if from != 0 && !all && from.Has(d) {
			in.From = append(in.From, d.String())
		}
	}
	return in
}

package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// state is what is installed, seen from one namespace.
type state struct {
	unseen    bool     // the user may not look
	missing   []string // index templates
	differs   []string // index templates of another content
	outranked []string // "STREAM by TEMPLATE": another template holds for it
	newer     bool     // installed by a newer Reflex
}

type indexTemplates struct {
	List []struct {
		Name string `json:"name"`
		Body struct {
			Version  int      `json:"version"`
			Priority int      `json:"priority"`
			Patterns []string `json:"index_patterns"`
			Meta     struct {
				Mark any `json:"reflex"`
			} `json:"_meta"`
		} `json:"index_template"`
	} `json:"index_templates"`
}

// installed looks at the cluster's index templates. The privilege monitor is
// enough, unlike for the simulation of an index.
func (c *client) installed(ctx context.Context, config Config) (state, error) {
	var all indexTemplates
	err := c.call(ctx, "look at its templates", esapi.IndicesGetIndexTemplateRequest{FilterPath: []string{"index_templates.name",
		"index_templates.index_template.version", "index_templates.index_template.priority",
		"index_templates.index_template.index_patterns", "index_templates.index_template._meta.reflex"}}, &all)
	if forbidden(err) {
		return state{unseen: true}, nil
	}
	if err != nil {
		return state{}, err
	}
	var st state
	want := mark(config)
	for _, s := range streams {
		own, found := -1, false
		for _, t := range all.List {
			if t.Name != s.template() {
				continue
			}
			own, found = t.Body.Priority, true
			st.newer = st.newer || t.Body.Version > templateVersion
			if t.Body.Meta.Mark != want {
				st.differs = append(st.differs, t.Name)
			}
		}
		if !found {
			st.missing = append(st.missing, s.template())
			continue
		}
		for _, t := range all.List {
			if name := s.name(config.Namespace); t.Body.Priority > own && slices.ContainsFunc(t.Body.Patterns, func(p string) bool { return matches(p, name) }) {
				st.outranked = append(st.outranked, name+" by "+t.Name)
			}
		}
	}
	return st, nil
}

// matches applies an index pattern, whose * stands for any text.
func matches(pattern, name string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild || !strings.HasPrefix(name, head) {
		return pattern == name
	}
	for i := len(head); i <= len(name); i++ {
		if matches(rest, name[i:]) {
			return true
		}
	}
	return false
}

// trouble says why nothing may be written yet; nil: it may.
func (st state) trouble() error {
	switch {
	case len(st.missing) > 0:
		return fmt.Errorf("index templates are missing: %s: run `reflex setup elastic`", joinWords(st.missing))
	case len(st.outranked) > 0:
		return fmt.Errorf("another index template has a higher priority than ours: %s: lower its priority or narrow its index_patterns", joinWords(st.outranked))
	}
	return nil
}

// effective gives the mapping that a new index of that name would get; nil
// when the user may not ask.
func (c *client) effective(ctx context.Context, name string) (object, error) {
	var out struct {
		Template struct {
			Mappings object `json:"mappings"`
		} `json:"template"`
	}
	err := c.call(ctx, "look at the templates for "+name, esapi.IndicesSimulateIndexTemplateRequest{Name: name}, &out)
	if forbidden(err) {
		return nil, nil
	}
	return out.Template.Mappings, err
}

// mapping gives the mapping of an existing stream's newest index; nil when
// there is none yet, or the user may not look.
func (c *client) mapping(ctx context.Context, name string) (object, error) {
	what := "look at the mapping of " + name
	a, err := c.do(ctx, what, esapi.IndicesGetMappingRequest{Index: []string{name}})
	if err != nil || a.status == http.StatusNotFound && a.fault().Type == "index_not_found_exception" {
		return nil, err
	}
	var out map[string]struct {
		Mappings object `json:"mappings"`
	}
	if err := c.parse(what, a, &out); forbidden(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	newest := ""
	for index := range out {
		newest = max(newest, index) // .ds-NAME-DATE-GENERATION
	}
	return out[newest].Mappings, nil
}

// comparison is an existing stream beside its template.
type comparison struct {
	want      object   // by the template; nil: there is nothing to compare
	conflicts []string // fields of another type, in words
	missing   int      // fields that the index does not have
}

func (c *client) compare(ctx context.Context, name string) (comparison, error) {
	have, err := c.mapping(ctx, name)
	if err != nil || have == nil {
		return comparison{}, err
	}
	want, err := c.effective(ctx, name)
	if err != nil || want == nil {
		return comparison{}, err
	}
	cmp := comparison{want: want}
	types := flatFields(have)
	for field, t := range flatFields(want) {
		switch got, ok := types[field]; {
		case !ok:
			cmp.missing++
		case got != t:
			cmp.conflicts = append(cmp.conflicts, fmt.Sprintf("%s is %s, not %s", field, got, t))
		}
	}
	slices.Sort(cmp.conflicts)
	return cmp, nil
}

// err gives the conflicts as an error; nil when there are none.
func (c comparison) err() error {
	if len(c.conflicts) == 0 {
		return nil
	}
	words := joinWords(c.conflicts[:min(3, len(c.conflicts))])
	if more := len(c.conflicts) - 3; more > 0 {
		words += fmt.Sprintf(" and %d more", more)
	}
	return errors.New("fields have another type than the template gives: " + words)
}

// anew says how an index gets the template's types.
func (s stream) anew(name string) string {
	if s.index {
		return "copy what you need, delete the index " + name + "; the sink makes it again"
	}
	return "POST " + name + "/_rollover makes a new backing index by the template; what the old one holds stays searchable"
}

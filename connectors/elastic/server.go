package elastic

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/seed-843b225c/reflex/engine"
)

// version is a server's; the zero version is unknown, because the user may not
// ask for it.
type version struct{ major, minor int }

func (v version) atLeast(major, minor int) bool {
	return cmp.Or(cmp.Compare(v.major, major), cmp.Compare(v.minor, minor)) >= 0
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// The oldest server whose templates have a lifecycle, and the one that learned
// require_data_stream.
var (
	oldest            = version{8, 11}
	requireDataStream = version{8, 13}
)

// version asks one node. Every Elasticsearch answers this call; GET / not.
func (c *client) version(ctx context.Context) (version, error) {
	var out struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	err := c.call(ctx, "ask for its version", esapi.NodesInfoRequest{NodeID: []string{"_local"}, FilterPath: []string{"nodes.*.version"}}, &out)
	if forbidden(err) {
		return version{}, nil
	}
	if err != nil {
		return version{}, err
	}
	var v version
	for _, n := range out.Nodes {
		if _, err := fmt.Sscanf(n.Version, "%d.%d", &v.major, &v.minor); err != nil {
			return version{}, c.err(engine.Temporary, 0, "ask for its version: %q is none", n.Version)
		}
	}
	if v != (version{}) && !v.atLeast(oldest.major, oldest.minor) {
		return v, c.err(engine.Fatal, 0, "it is version %s: use Elasticsearch %s or newer", v, oldest)
	}
	return v, nil
}

// state is what is installed, seen from one namespace.
type state struct {
	unseen    bool     // the user may not look
	missing   []string // index templates
	outranked []string // names of streams for which another template holds
	differs   []string // index templates of another content
	newer     bool     // installed by a newer Reflex
	effective map[string]object
}

// templates looks at what Setup installs.
func (c *client) templates(ctx context.Context, config Config) (state, error) {
	st := state{effective: map[string]object{}}
	var out struct {
		Templates []struct {
			Name     string `json:"name"`
			Template struct {
				Version int `json:"version"`
				Meta    struct {
					Mark string `json:"reflex"`
				} `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	const what = "look at its templates"
	a, err := c.do(ctx, what, esapi.IndicesGetIndexTemplateRequest{Name: "reflex.*"})
	if err == nil && !(a.status == http.StatusNotFound && bytes.HasPrefix(a.body, []byte(`{"index_templates":[]`))) {
		err = c.parse(what, a, &out) // 404 with an empty list is how version 8 says none
	}
	if st.unseen = forbidden(err); st.unseen {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	ours := map[string]string{} // name to mark
	for _, t := range out.Templates {
		ours[t.Name] = t.Template.Meta.Mark
		st.newer = st.newer || t.Template.Version > templateVersion
	}
	want := mark(config)
	for _, s := range streams {
		switch have, ok := ours[s.template()]; {
		case !ok:
			st.missing = append(st.missing, s.template())
			continue
		case have != want:
			st.differs = append(st.differs, s.template())
		}
		if err := c.holds(ctx, s.name(config.Namespace), &st); err != nil {
			return st, err
		}
	}
	return st, nil
}

// holds asks which mapping a new index of that name would get.
func (c *client) holds(ctx context.Context, name string, st *state) error {
	var out struct {
		Template struct {
			Mappings object `json:"mappings"`
		} `json:"template"`
	}
	err := c.call(ctx, "look at the templates for "+name, esapi.IndicesSimulateIndexTemplateRequest{Name: name}, &out)
	if err != nil {
		return err
	}
	meta, _ := out.Template.Mappings["_meta"].(object)
	if _, ok := meta["reflex"]; !ok {
		st.outranked = append(st.outranked, name)
	}
	st.effective[name] = out.Template.Mappings
	return nil
}

// trouble says why nothing may be written yet; nil: it may.
func (st state) trouble() error {
	switch {
	case len(st.missing) > 0:
		return fmt.Errorf("index templates are missing: %s: run `reflex setup elastic`", joinWords(st.missing))
	case len(st.outranked) > 0:
		return fmt.Errorf("another index template with a priority above %d holds for %s: lower its priority or narrow its index_patterns (GET _index_template lists them)",
			templatePriority, joinWords(st.outranked))
	}
	return nil
}

// prepare looks at the server once, before the first document.
func (s *Sink) prepare(ctx context.Context) error {
	if s.ready {
		return nil
	}
	v, err := s.client.version(ctx)
	if err != nil {
		return err
	}
	st, err := s.client.templates(ctx, s.config)
	if err != nil {
		return err
	}
	if err := st.trouble(); err != nil {
		return s.client.err(engine.Fatal, 0, "%w", err)
	}
	switch {
	case st.unseen:
		s.log.Warn("elasticsearch: this key or user may not look at index templates (manage_index_templates), so nobody checks that `reflex setup elastic` was run")
	case len(st.differs) > 0 && !st.newer:
		s.log.Warn("elasticsearch: index templates are not those of this Reflex: run `reflex setup elastic`", "templates", st.differs)
	}
	s.writer.dataStream = v.atLeast(requireDataStream.major, requireDataStream.minor)
	s.ready = true
	return nil
}

// mapping gives the mapping of an existing stream's newest index, nil when
// there is none yet.
func (c *client) mapping(ctx context.Context, name string) (object, error) {
	what := "look at the mapping of " + name
	a, err := c.do(ctx, what, esapi.IndicesGetMappingRequest{Index: []string{name}})
	if err != nil || a.status == http.StatusNotFound && a.fault().Type == "index_not_found_exception" {
		return nil, err
	}
	var out map[string]struct {
		Mappings object `json:"mappings"`
	}
	if err := c.parse(what, a, &out); err != nil {
		return nil, err
	}
	newest := ""
	for index := range out {
		newest = max(newest, index) // .ds-NAME-DATE-GENERATION
	}
	return out[newest].Mappings, nil
}

// conflicts lists the fields whose type in the index is not the wanted one. A
// field that is only missing is none: Setup adds it.
func conflicts(have, want object) (list []string, missing int) {
	types := flatFields(have)
	for name, t := range flatFields(want) {
		switch got, ok := types[name]; {
		case !ok:
			missing++
		case got != t:
			list = append(list, fmt.Sprintf("%s is %s, not %s", name, got, t))
		}
	}
	slices.Sort(list)
	return list, missing
}

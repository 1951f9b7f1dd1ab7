package elastic

import (
	"cmp"
	"context"
	"fmt"

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

// prepare looks at the server once, before the first document.
func (s *Sink) prepare(ctx context.Context) error {
	if s.ready {
		return nil
	}
	v, err := s.client.version(ctx)
	if err != nil {
		return err
	}
	st, err := s.client.installed(ctx, s.config)
	if err != nil {
		return err
	}
	if err := st.trouble(); err != nil {
		return s.client.err(engine.Fatal, 0, "%w", err)
	}
	switch {
	case st.unseen:
		s.log.Warn("elasticsearch: this key or user may not look at index templates, so nobody checks that `reflex setup elastic` was run: grant monitor")
	case len(st.differs) > 0 && !st.newer:
		s.log.Warn("elasticsearch: index templates are not those of this Reflex and configuration: run `reflex setup elastic`", "templates", st.differs)
	}
	// Of an unknown version too: a request that an old server refuses is seen, an index with guessed mappings is not.
	s.writer.dataStream = v == version{} || v.atLeast(requireDataStream.major, requireDataStream.minor)
	s.ready = true
	return nil
}

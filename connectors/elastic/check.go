package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/seed-843b225c/reflex/engine"
)

// mostSkew: Elastic's External Alerts rule looks back a few minutes by
// event.ingested, and times to detect are read off these stamps.
const mostSkew = 10 * time.Second

// Check looks at every node, then at the cluster: version, templates, the
// streams that exist, what this key or user may do. It changes nothing and may
// be called from any goroutine.
func (s *Sink) Check(ctx context.Context) []engine.Finding {
	var found []engine.Finding
	reached := false
	for _, u := range s.config.URLs {
		f := s.checkNode(ctx, u)
		reached = reached || f.Err == nil
		found = append(found, f)
	}
	if !reached {
		return found
	}
	return append(found, s.checkCluster(ctx)...)
}

// checkNode asks one node for the cluster's health and its own clock.
func (s *Sink) checkNode(ctx context.Context, url string) engine.Finding {
	cl, err := newClient(s.config, []string{url})
	if err != nil {
		return engine.Finding{What: "elasticsearch", Err: err, Advice: "correct the configuration"}
	}
	defer cl.close()
	f := engine.Finding{What: "elasticsearch " + cl.where}
	var rows []struct {
		Epoch   string `json:"epoch"`
		Status  string `json:"status"`
		Cluster string `json:"cluster"`
	}
	err = cl.call(ctx, "ask for its health", esapi.CatHealthRequest{Format: "json", H: []string{"epoch", "status", "cluster"}}, &rows)
	now := s.now()
	switch {
	case forbidden(err):
		f.Note = "answers; health and clock are unknown, because this key or user has no monitor privilege"
		return f
	case err != nil:
		return failed(f, err)
	case len(rows) != 1:
		return failed(f, cl.unread("ask for its health", fmt.Errorf("%d rows, not one", len(rows))))
	}
	if rows[0].Status == "red" {
		f.Err = fmt.Errorf("cluster %s is red: some shards have no copy", rows[0].Cluster)
		f.Advice = "GET _cluster/allocation/explain says why; until then writes to those shards wait and come again"
		return f
	}
	if sec, err := strconv.ParseInt(rows[0].Epoch, 10, 64); err == nil {
		if skew := now.Sub(time.Unix(sec, 0)); skew.Abs() > mostSkew+time.Second { // whole seconds
			f.Err = fmt.Errorf("clocks differ: this machine's is %s from the node's", skew.Round(time.Second))
			f.Advice = "run NTP on both; rules that look at event.ingested miss alerts otherwise"
			return f
		}
	}
	f.Note = fmt.Sprintf("cluster %s is %s", rows[0].Cluster, rows[0].Status)
	return f
}

func (s *Sink) checkCluster(ctx context.Context) []engine.Finding {
	what := "elasticsearch " + s.client.where + ": "
	f := engine.Finding{What: what + "version"}
	v, err := s.client.version(ctx)
	switch {
	case err != nil:
		return []engine.Finding{failed(f, err)}
	case v == version{}:
		f.Note = "unknown, because this key or user has no monitor privilege"
	default:
		f.Note = v.String()
	}
	found := []engine.Finding{f}
	st, err := s.client.installed(ctx, s.config)
	if err != nil {
		return append(found, failed(engine.Finding{What: what + "templates"}, err))
	}
	found = append(found, st.finding(what))
	for _, stream := range streams {
		if f := s.checkStream(ctx, stream); f != nil {
			found = append(found, *f)
		}
	}
	if f := s.checkPrivileges(ctx); f != nil {
		found = append(found, *f)
	}
	return found
}

// finding says how the templates are.
func (st state) finding(what string) engine.Finding {
	f := engine.Finding{What: what + "templates"}
	switch {
	case st.unseen:
		f.Note = "unknown, because this key or user has no monitor privilege"
	case st.trouble() != nil:
		f.Err, f.Advice = st.trouble(), "run `reflex setup elastic`"
		if len(st.missing) == 0 {
			f.Advice = "change the other template; nothing is written until then"
		}
	case st.newer:
		f.Note = "are of a newer Reflex"
	case len(st.differs) > 0:
		f.Err = fmt.Errorf("index templates are not those of this Reflex and configuration: %s", joinWords(st.differs))
		f.Advice = "run `reflex setup elastic`; alerts are stored meanwhile, new fields are not searchable"
	default:
		f.Note = fmt.Sprintf("version %d", templateVersion)
	}
	return f
}

// checkStream compares an existing stream with its template; nil when there is
// none, or nobody may look.
func (s *Sink) checkStream(ctx context.Context, st stream) *engine.Finding {
	name := st.name(s.config.Namespace)
	f := engine.Finding{What: "elasticsearch " + s.client.where + ": " + name, Note: "has every field"}
	cmp, err := s.client.compare(ctx, name)
	switch {
	case err != nil:
		f = failed(f, err)
	case cmp.want == nil:
		return nil
	case cmp.err() != nil:
		f.Err, f.Advice, f.Note = cmp.err(), st.anew(name), ""
	case cmp.missing > 0:
		f.Err = fmt.Errorf("%d fields of the template are not in its mapping", cmp.missing)
		f.Advice, f.Note = "run `reflex setup elastic`, which adds them", ""
	}
	return &f
}

// checkPrivileges asks what this key or user may do; nil where security is off.
func (s *Sink) checkPrivileges(ctx context.Context) *engine.Finding {
	const what = "ask for privileges"
	type grant struct {
		Names      []string `json:"names"`
		Privileges []string `json:"privileges"`
	}
	var logs, states []string
	for _, st := range streams {
		if st.index {
			states = append(states, st.name(s.config.Namespace))
		} else {
			logs = append(logs, st.name(s.config.Namespace))
		}
	}
	a, err := s.client.do(ctx, what, esapi.SecurityHasPrivilegesRequest{Body: reader(object{"index": []grant{
		{logs, []string{"create_doc", "auto_configure"}}, {states, []string{"index", "auto_configure"}}}})})
	f := engine.Finding{What: "elasticsearch " + s.client.where + ": privileges", Note: "enough to write"}
	if err == nil && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed}, a.status) {
		return nil
	}
	var out struct {
		Index map[string]map[string]bool `json:"index"`
	}
	if err == nil {
		err = s.client.parse(what, a, &out)
	}
	if err != nil {
		f = failed(f, err)
		return &f
	}
	var lacking []string
	for name, granted := range out.Index {
		for privilege, ok := range granted {
			if !ok {
				lacking = append(lacking, privilege+" on "+name)
			}
		}
	}
	if slices.Sort(lacking); len(lacking) > 0 {
		f.Err, f.Advice = errors.New("this key or user lacks "+joinWords(lacking)), "grant it in the key's or user's role"
		f.Note = ""
	}
	return &f
}

// failed fills in an error of a call, whose text has its own advice.
func failed(f engine.Finding, err error) engine.Finding {
	f.Err, f.Advice, f.Note = err, "correct the configuration, then run `reflex doctor` again", ""
	if engine.KindOf(err) == engine.Temporary {
		f.Advice = "alerts wait in the alert log until it answers; none is lost"
	}
	return f
}

func joinWords(list []string) string { return strings.Join(list, ", ") }

package elastic

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/seed-843b225c/reflex/engine"
)

// Setup installs the templates and brings existing streams of the namespace up
// to them, again and again without harm: what is there in this form stays as
// it is, what a newer Reflex installed is not touched. It rolls nothing over:
// a repeated document is recognised inside one backing index only. Findings
// say what was done; the error is what stopped it. It needs the privileges
// manage_index_templates, and manage on the streams where they exist.
func Setup(ctx context.Context, c Config) ([]engine.Finding, error) {
	cl, err := newClient(c, c.URLs)
	if err != nil {
		return nil, err
	}
	defer cl.close()
	c = c.withDefaults()
	if _, err := cl.version(ctx); err != nil {
		return nil, err
	}
	st, err := cl.installed(ctx, c)
	if err != nil {
		return nil, err
	}
	what := "elasticsearch " + cl.where + ": "
	if st.newer {
		return []engine.Finding{{What: what + "templates", Note: "are of a newer Reflex and stay as they are"}}, nil
	}
	var found []engine.Finding
	for _, t := range Templates(c) {
		if err := cl.call(ctx, "install "+t.Name, t.request(), nil); err != nil {
			return found, err
		}
		found = append(found, engine.Finding{What: what + t.kind() + " " + t.Name, Note: fmt.Sprintf("installed, version %d", templateVersion)})
	}
	if st, err = cl.installed(ctx, c); err != nil {
		return found, err
	}
	if err := st.trouble(); err != nil {
		return found, cl.err(engine.Fatal, 0, "%w", err)
	}
	for _, s := range streams {
		f, err := cl.update(ctx, s, c.Namespace)
		if err != nil {
			return found, err
		}
		if f != nil {
			found = append(found, *f)
		}
	}
	return found, nil
}

func (t Template) kind() string {
	if t.Component {
		return "component template"
	}
	return "index template"
}

func (t Template) request() esapi.Request {
	if t.Component {
		return esapi.ClusterPutComponentTemplateRequest{Name: t.Name, Body: bytes.NewReader(t.Body)}
	}
	return esapi.IndicesPutIndexTemplateRequest{Name: t.Name, Body: bytes.NewReader(t.Body)}
}

// update adds to an existing stream the fields that its template has by now;
// nil when there is no stream yet.
func (c *client) update(ctx context.Context, s stream, namespace string) (*engine.Finding, error) {
	name := s.name(namespace)
	cmp, err := c.compare(ctx, name)
	if err != nil || cmp.want == nil {
		return nil, err
	}
	f := &engine.Finding{What: "elasticsearch " + c.where + ": " + name, Note: "has every field"}
	if f.Err = cmp.err(); f.Err != nil {
		f.Advice, f.Note = s.anew(name), ""
		return f, nil
	}
	if cmp.missing == 0 {
		return f, nil
	}
	newest := true
	what := "add fields to " + name
	a, err := c.do(ctx, what, esapi.IndicesPutMappingRequest{Index: []string{name}, Body: reader(cmp.want), WriteIndexOnly: &newest})
	switch {
	case err != nil:
		return nil, err
	case a.status == http.StatusBadRequest:
		f.Err, f.Advice, f.Note = c.refused(what, a), s.anew(name), ""
	case a.status/100 != 2:
		return nil, c.refused(what, a)
	default:
		f.Note = fmt.Sprintf("%d fields added", cmp.missing)
	}
	return f, nil
}

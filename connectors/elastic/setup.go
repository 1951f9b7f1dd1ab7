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
	st, err := cl.templates(ctx, c)
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
	if st, err = cl.templates(ctx, c); err != nil {
		return found, err
	}
	if err := st.trouble(); err != nil {
		return found, cl.err(engine.Fatal, 0, "%w", err)
	}
	for _, s := range streams {
		f, err := cl.update(ctx, s.name(c.Namespace), st)
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
func (c *client) update(ctx context.Context, name string, st state) (*engine.Finding, error) {
	have, err := c.mapping(ctx, name)
	if err != nil || have == nil {
		return nil, err
	}
	f := &engine.Finding{What: "elasticsearch " + c.where + ": " + name, Note: "has every field"}
	list, missing := conflicts(have, st.effective[name])
	if len(list) > 0 {
		f.Err, f.Advice = conflictError(list), rollOver(name)
		return f, nil
	}
	if missing == 0 {
		return f, nil
	}
	onlyNewest := true
	what := "add fields to " + name
	a, err := c.do(ctx, what, esapi.IndicesPutMappingRequest{Index: []string{name}, Body: reader(st.effective[name]), WriteIndexOnly: &onlyNewest})
	switch {
	case err != nil:
		return nil, err
	case a.status == http.StatusBadRequest:
		f.Err, f.Advice = c.refused(what, a), rollOver(name)
	case a.status/100 != 2:
		return nil, c.refused(what, a)
	default:
		f.Note = fmt.Sprintf("%d fields added", missing)
	}
	return f, nil
}

func conflictError(list []string) error {
	if len(list) > 3 {
		return fmt.Errorf("fields have another type than the template gives: %s and %d more", joinWords(list[:3]), len(list)-3)
	}
	return fmt.Errorf("fields have another type than the template gives: %s", joinWords(list))
}

func rollOver(name string) string {
	if name == "" || name[:4] != "logs" {
		return "copy what you need, delete the index " + name + " and let the sink make it again"
	}
	return "POST " + name + "/_rollover makes a new backing index by the template; what the old one holds stays searchable"
}

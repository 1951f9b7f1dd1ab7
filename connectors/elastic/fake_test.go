package elastic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a stand-in for Elasticsearch: it keeps templates and documents, and
// answers each item by the rules for ids and versions. What goes wrong is set
// by the functions.
type fake struct {
	*httptest.Server
	t testing.TB

	mu        sync.Mutex
	templates map[string]json.RawMessage                        // index templates
	docs      map[string]map[string]stored                      // index or data stream, id
	order     []string                                          // ids in the data streams, as stored
	bulks     []int                                             // bytes of each bulk request
	mappings  map[string]object                                 // of existing indices, where a test says so
	version   string                                            //
	largest   int                                               // bytes of a body; 0: any
	answer    func(w http.ResponseWriter, r *http.Request) bool // answers instead, unless it returns false
	item      func(op, id string, doc object) *refusal          // refuses an item, unless it returns nil
}

type stored struct {
	version int
	doc     object
}

type refusal struct {
	status int
	fault
}

func newFake(t testing.TB) *fake {
	f := &fake{t: t, version: "8.19.7", templates: map[string]json.RawMessage{}, docs: map[string]map[string]stored{}, mappings: map[string]object{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// set changes what the fake does while it may be asked.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if f.answer != nil && f.answer(w, r) {
		return
	}
	form := formJSON
	if r.URL.Path == "/_bulk" {
		form = formLines
	}
	if r.Header.Get("Accept") != formJSON || r.ContentLength > 0 && r.Header.Get("Content-Type") != form {
		f.t.Errorf("%s: Accept %q, Content-Type %q", r.URL.Path, r.Header.Get("Accept"), r.Header.Get("Content-Type"))
	}
	if f.largest > 0 && r.ContentLength > int64(f.largest) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	f.route(w, r, body)
}

func (f *fake) route(w http.ResponseWriter, r *http.Request, body []byte) {
	name := path.Base(r.URL.Path)
	switch {
	case r.URL.Path == "/_bulk":
		f.bulk(w, body)
	case r.URL.Path == "/_nodes/_local":
		reply(w, object{"nodes": object{"n": object{"version": f.version}}})
	case r.URL.Path == "/_cat/health":
		reply(w, []object{{"epoch": strconv.FormatInt(time.Now().Unix(), 10), "status": "green", "cluster": "example"}})
	case r.URL.Path == "/_index_template":
		f.list(w)
	case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/_index_template/"):
		f.templates[name] = body
		reply(w, object{"acknowledged": true})
	case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/_component_template/"):
		reply(w, object{"acknowledged": true})
	case strings.HasPrefix(r.URL.Path, "/_index_template/_simulate_index/"):
		reply(w, object{"template": object{"mappings": mappings()}})
	case strings.HasSuffix(r.URL.Path, "/_mapping") && r.Method == http.MethodGet:
		f.mapping(w, path.Base(path.Dir(r.URL.Path)))
	case strings.HasSuffix(r.URL.Path, "/_mapping"):
		f.mappings[path.Base(path.Dir(r.URL.Path))] = mappings()
		reply(w, object{"acknowledged": true})
	default:
		w.WriteHeader(http.StatusNotFound) // security is off: no handler
		reply(w, object{"error": "no handler found"})
	}
}

func (f *fake) list(w http.ResponseWriter) {
	list := []object{}
	for name, t := range f.templates {
		list = append(list, object{"name": name, "index_template": t})
	}
	reply(w, object{"index_templates": list})
}

func (f *fake) mapping(w http.ResponseWriter, name string) {
	m, ok := f.mappings[name]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		reply(w, object{"error": object{"type": "index_not_found_exception", "reason": "no such index [" + name + "]"}})
		return
	}
	reply(w, object{".ds-" + name + "-2026.11.28-000001": object{"mappings": m}})
}

func (f *fake) bulk(w http.ResponseWriter, body []byte) {
	f.bulks = append(f.bulks, len(body))
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, len(body)+1)
	items := []object{}
	for lines.Scan() {
		var head map[string]target
		var doc object
		if err := json.Unmarshal(lines.Bytes(), &head); err != nil || !lines.Scan() {
			f.t.Errorf("bulk: %s: %v", lines.Bytes(), err)
		}
		if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
			f.t.Errorf("bulk: %v", err)
		}
		for op, to := range head {
			items = append(items, object{op: f.store(op, to, doc)})
		}
	}
	reply(w, object{"items": items})
}

func (f *fake) store(op string, to target, doc object) object {
	if f.item != nil {
		if r := f.item(op, to.ID, doc); r != nil {
			return object{"status": r.status, "error": object{"type": r.Type, "reason": r.Reason}}
		}
	}
	if op == "create" != strings.HasPrefix(to.Index, "logs-") || to.DataStream != strings.HasPrefix(to.Index, "logs-") {
		f.t.Errorf("%s into %s, require_data_stream %v", op, to.Index, to.DataStream)
	}
	index := f.docs[to.Index]
	if index == nil {
		index = map[string]stored{}
		f.docs[to.Index] = index
	}
	if have, ok := index[to.ID]; ok && (op == "create" || have.version > to.Version) {
		return object{"status": 409, "error": object{"type": "version_conflict_engine_exception", "reason": "version conflict"}}
	}
	if op == "create" {
		f.order = append(f.order, to.ID)
	}
	index[to.ID] = stored{to.Version, doc}
	return object{"status": 201}
}

func reply(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v) // the client may have gone away
}

// config gives a configuration for the fake, its templates installed.
func (f *fake) config() Config { return Config{URLs: []string{f.URL}, Timeout: 10 * time.Second} }

func (f *fake) stored() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.order)
}

func (f *fake) doc(index, id string) object {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.docs[index][id].doc
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// bulkSpec has nothing to say.
type bulkSpec struct{}

// bulk is the role of an Elasticsearch: it keeps templates, accepts every
// document of a _bulk request and answers each item. It prints its URL and works
// until its standard input ends.
func bulk(bulkSpec) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: &standIn{templates: map[string]json.RawMessage{}}}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	fmt.Printf("http://%s\n", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = s.Close()
	<-served
	return nil
}

// standIn answers what the sink asks.
type standIn struct {
	mu        sync.Mutex
	templates map[string]json.RawMessage
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch path := r.URL.Path; {
	case path == "/_bulk":
		_, _ = w.Write(accept(body))
	case path == "/_nodes/_local":
		fmt.Fprint(w, `{"nodes":{"n":{"version":"8.19.7"}}}`)
	case path == "/_index_template":
		s.list(w)
	case r.Method == http.MethodPut && strings.HasPrefix(path, "/_index_template/"):
		s.templates[strings.TrimPrefix(path, "/_index_template/")] = body
		fmt.Fprint(w, `{"acknowledged":true}`)
	case r.Method == http.MethodPut:
		fmt.Fprint(w, `{"acknowledged":true}`)
	default: // no index is there yet, and no security
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"type":"index_not_found_exception","reason":"there is none"}}`)
	}
}

func (s *standIn) list(w io.Writer) {
	type template struct {
		Name  string          `json:"name"`
		Index json.RawMessage `json:"index_template"`
	}
	list := []template{}
	for name, t := range s.templates {
		list = append(list, template{name, t})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"index_templates": list}) // the client may have gone away
}

// accept answers a bulk request: each item by the word of its action.
func accept(body []byte) []byte {
	var out bytes.Buffer
	out.WriteString(`{"took":0,"errors":false,"items":[`)
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, len(body)+1)
	for n := 0; lines.Scan(); n++ {
		action, _, _ := bytes.Cut(bytes.TrimPrefix(lines.Bytes(), []byte(`{"`)), []byte(`"`))
		if n > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"%s":{"status":201}}`, action)
		lines.Scan() // the document
	}
	out.WriteString(`]}`)
	return out.Bytes()
}

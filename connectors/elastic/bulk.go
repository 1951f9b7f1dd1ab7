package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/seed-843b225c/reflex/engine"
)

// batch is one bulk request: transitions in order, and whose each action is.
type batch struct {
	ts      []engine.Transition
	body    bytes.Buffer
	owner   []int  // of each action: the index of its transition
	reduced string // not "": the documents are reduced already, for this reason
}

// fill makes a request of as many transitions as fit, at least one. An error
// is BadInput and about the first one.
func (s *Sink) fill(ts []engine.Transition, incomplete string) (*batch, error) {
	b := &batch{reduced: incomplete}
	for i := range ts {
		before := b.body.Len()
		n, err := s.writer.append(&b.body, &ts[i], incomplete)
		if err != nil && i == 0 {
			return nil, s.client.err(engine.BadInput, 0, "write %s as JSON: %w", ts[i].DocumentID(), err)
		}
		if err != nil || i > 0 && b.body.Len() > s.limit {
			b.body.Truncate(before)
			break
		}
		for range n {
			b.owner = append(b.owner, i)
		}
		b.ts = ts[:i+1]
	}
	return b, nil
}

// send makes the request and gives how many transitions, from the start, are
// stored. Without an error that may be none: then the request was too large
// and the next will be smaller.
func (s *Sink) send(ctx context.Context, b *batch) (int, error) {
	start := time.Now()
	a, err := s.client.do(ctx, "bulk", esapi.BulkRequest{
		Body:       bytes.NewReader(b.body.Bytes()),
		FilterPath: []string{"items.*.status", "items.*.error.type", "items.*.error.reason", "items.*.failure_store"},
	})
	s.metrics.request(a.status, b.body.Len(), time.Since(start))
	switch {
	case err != nil:
		s.smaller(b)
		return 0, err
	case a.status == http.StatusRequestEntityTooLarge:
		return s.tooLarge(ctx, b)
	case a.status/100 != 2:
		s.smaller(b)
		return 0, s.client.refused("bulk", a)
	}
	results, err := parse(a.body)
	if err == nil && len(results) != len(b.owner) {
		err = fmt.Errorf("%d results for %d actions", len(results), len(b.owner))
	}
	if err != nil {
		return 0, s.client.unread("bulk", err)
	}
	s.limit = min(s.ceiling, 2*s.limit)
	return s.settle(ctx, b, results, a.after)
}

// smaller halves the next request after one that did not come through: a
// cluster short of memory refuses a large one every time.
func (s *Sink) smaller(b *batch) {
	if len(b.ts) > 1 {
		s.limit = max(leastBatch, min(s.limit, b.body.Len())/2)
	}
}

// tooLarge halves for good what was refused as too large; one alone is sent
// without what came out of logs.
func (s *Sink) tooLarge(ctx context.Context, b *batch) (int, error) {
	if len(b.ts) > 1 {
		s.ceiling = b.body.Len() / 2
		s.limit = s.ceiling
		s.log.Warn("elasticsearch or a proxy refuses large requests: sending smaller ones; set batch_bytes to what it takes",
			"refused_bytes", b.body.Len(), "next_bytes", s.ceiling)
		return 0, nil
	}
	err := s.client.err(engine.BadInput, 0, "bulk: %s is too large: 413 for %d bytes: raise http.max_content_length, or the proxy's limit", b.ts[0].DocumentID(), b.body.Len())
	if b.reduced == "" {
		err = s.again(ctx, &b.ts[0], "evidence and fields of the log left out: the document was too large for Elasticsearch", err)
	}
	if err != nil {
		s.metrics.item(refusedItem)
		return 0, err
	}
	return 1, nil
}

// settle judges the results in order.
func (s *Sink) settle(ctx context.Context, b *batch, results []result, after time.Duration) (int, error) {
	errs := make([]error, len(b.ts))
	for i, r := range results {
		err := s.judge(r, b, b.owner[i], after)
		s.metrics.item(outcome(r, err))
		errs[b.owner[i]] = worse(errs[b.owner[i]], err)
	}
	for i, err := range errs {
		if engine.KindOf(err) == engine.BadInput && b.reduced == "" {
			err = s.again(ctx, &b.ts[i], "evidence and fields of the log left out: Elasticsearch refused the document with them", err)
		}
		if err != nil {
			return i, err
		}
	}
	return len(b.ts), nil
}

// worse gives the error that decides when one transition has two: what may
// pass by itself comes first, so that nothing is set aside that could be stored.
func worse(a, b error) error {
	if a == nil || b != nil && engine.KindOf(a) == engine.BadInput {
		return b
	}
	return a
}

// again sends one transition without what came out of logs. When that is
// refused too, the first reason stands.
func (s *Sink) again(ctx context.Context, t *engine.Transition, incomplete string, first error) error {
	b, err := s.fill([]engine.Transition{*t}, incomplete)
	if err != nil {
		return err
	}
	_, err = s.send(ctx, b)
	if engine.KindOf(err) == engine.BadInput {
		return first
	}
	if err == nil {
		s.sayBare(t, first)
	}
	return err
}

// sayBare says that documents were stored without their evidence, once a minute:
// what is wrong with one is mostly wrong with all.
func (s *Sink) sayBare(t *engine.Transition, why error) {
	s.bare++
	if now := s.now(); now.Sub(s.bareSaid) >= time.Minute {
		s.log.Warn("alerts or incidents were stored without their evidence: mend the mapping (reflex@custom, or a template of others) and roll the data stream over",
			"documents", s.bare, "last", t.DocumentID(), "reason", why)
		s.bare, s.bareSaid = 0, now
	}
}

// result is what became of one action.
type result struct {
	Status       int    `json:"status"`
	Error        fault  `json:"error"`
	FailureStore string `json:"failure_store"` // "used": put aside, not into the stream
}

func (r result) stored() bool {
	return r.Status/100 == 2 && r.FailureStore != "used" || r.Status == http.StatusConflict
}

func parse(body []byte) ([]result, error) {
	var answer struct {
		Items []map[string]result `json:"items"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	out := make([]result, len(answer.Items))
	for i, item := range answer.Items {
		if len(item) != 1 {
			return nil, errors.New("an item does not say what became of it")
		}
		for _, out[i] = range item {
		}
	}
	return out, nil
}

// judge says what a result means for its transition. 409 is success: of a
// create, the document is there already; of a newest state, a newer one is.
func (s *Sink) judge(r result, b *batch, i int, after time.Duration) error {
	if r.stored() {
		return nil
	}
	id, f := b.ts[i].DocumentID(), r.Error
	switch {
	case f.blocked(), r.Status == http.StatusTooManyRequests, r.Status >= 500:
		return s.client.err(engine.Temporary, after, "store %s: %d: %s", id, r.Status, f)
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return s.client.err(engine.Fatal, 0, "store %s: %d: this key or user may not write there: grant create_doc and auto_configure on logs-reflex.*-%s, and index and auto_configure on reflex-incidents-%s: %s",
			id, r.Status, s.writer.namespace, s.writer.namespace, f)
	case r.Status == http.StatusNotFound:
		s.ready = false
		return s.client.err(engine.Fatal, 0, "store %s: 404: there is no template for it (run `reflex setup elastic`), or this cluster forbids making indices (action.auto_create_index): %s", id, f)
	case r.FailureStore == "used" || r.Status == http.StatusRequestEntityTooLarge || r.Status == http.StatusBadRequest && f.document():
		return s.client.err(engine.BadInput, 0, "store %s: %d: the document does not fit the mapping: %s", id, r.Status, f)
	}
	return s.client.err(engine.Fatal, 0, "store %s: %d: not about this document but about the index or cluster: %s", id, r.Status, f)
}

var documentFaults = []string{"document_parsing_exception", "mapper_parsing_exception", "parsing_exception", "parse_exception",
	"strict_dynamic_mapping_exception", "x_content_parse_exception", "json_parse_exception"}

// document: the fault lies in the one document. Elasticsearch answers 400 for
// much else (too many shards, too many fields, not a data stream): setting
// aside every alert for that would lose them all.
func (f fault) document() bool {
	return slices.Contains(documentFaults, f.Type) ||
		f.Type == "illegal_argument_exception" && strings.Contains(f.Reason, "immense term")
}

// outcome names a result for the metric.
func outcome(r result, err error) string {
	switch {
	case err == nil && r.Status == http.StatusConflict:
		return knownItem
	case err == nil:
		return storedItem
	case engine.KindOf(err) == engine.BadInput:
		return refusedItem
	case engine.KindOf(err) == engine.Temporary:
		return laterItem
	}
	return stoppedItem
}

package rule

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seed-843b225c/reflex/engine"
)

// node reads a YAML value that the walker has checked. What is absent, or was
// reported as wrong, reads as the zero value, so that reading goes on and finds
// the next mistake.
type node struct {
	w *walker
	n *yaml.Node
}

func (v node) is(k yaml.Kind) bool { return v.n != nil && v.n.Kind == k }

// get gives the value of a key.
func (v node) get(key string) node {
	if v.is(yaml.MappingNode) {
		for i := 0; i+1 < len(v.n.Content); i += 2 {
			if v.n.Content[i].Value == key {
				return node{v.w, v.n.Content[i+1]}
			}
		}
	}
	return node{v.w, nil}
}

// present reports whether there is a value at all.
func (v node) present() bool { return v.n != nil }

func (v node) pos() Position {
	if v.n == nil {
		return Position{}
	}
	return v.w.at(v.n)
}

func (v node) text() Text {
	if !v.is(yaml.ScalarNode) || v.n.Tag == "!!null" {
		return Text{Pos: v.pos()}
	}
	return Text{v.n.Value, v.pos()}
}

func (v node) str() string { return v.text().Value }

// list gives the elements; a scalar is a list of itself.
func (v node) list() []node {
	if v.is(yaml.ScalarNode) && v.n.Tag != "!!null" {
		return []node{v}
	}
	if !v.is(yaml.SequenceNode) {
		return nil
	}
	out := make([]node, len(v.n.Content))
	for i, c := range v.n.Content {
		out[i] = node{v.w, c}
	}
	return out
}

func (v node) texts() []Text {
	var out []Text
	for _, c := range v.list() {
		if t := c.text(); t.Value != "" {
			out = append(out, t)
		}
	}
	return out
}

func (v node) strs() []string {
	var out []string
	for _, t := range v.texts() {
		out = append(out, t.Value)
	}
	return out
}

// bound gives the pairs of a mapping to scalars.
func (v node) bound() []BoundText {
	var out []BoundText
	v.each(func(k Text, c node) {
		if t := c.text(); t.Value != "" {
			out = append(out, BoundText{k, t})
		}
	})
	return out
}

// each calls f with each key and value of a mapping.
func (v node) each(f func(k Text, c node)) {
	if !v.is(yaml.MappingNode) {
		return
	}
	for i := 0; i+1 < len(v.n.Content); i += 2 {
		f(node{v.w, v.n.Content[i]}.text(), node{v.w, v.n.Content[i+1]})
	}
}

func (v node) duration(def time.Duration) time.Duration {
	if !v.present() {
		return def
	}
	d, _ := parseDuration(v.str())
	return d
}

func (v node) integer() int64 {
	n, _ := strconv.ParseInt(v.str(), 10, 64)
	return n
}

func (v node) float() float64 {
	f, _ := strconv.ParseFloat(v.str(), 64)
	return f
}

func (v node) boolean(def bool) bool {
	if !v.present() {
		return def
	}
	return v.str() == "true"
}

func (v node) date() int64 {
	if v.str() == "" {
		return 0
	}
	t, err := readDate(v.str())
	if err != nil {
		return 0
	}
	return t
}

func (v node) level() engine.Level {
	l, _ := engine.ParseLevel(v.str())
	return l
}

func (v node) datasets() engine.DatasetSet {
	var s engine.DatasetSet
	for _, t := range v.texts() {
		if d, ok := engine.LookupDataset(t.Value); ok {
			s = s.With(d)
		}
	}
	return s
}

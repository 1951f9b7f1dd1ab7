package decode

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// trie holds the paths a scan takes out of a record. Nodes are numbered depth
// first, so that a subtree is one range of cells: forgetting the children of a
// repeated key is one clear. Built once, then immutable and shared.
type trie struct {
	nodes []trieNode
	// dotted: a key with dots stands for a path ("source.ip"), as in flattened
	// ECS documents.
	dotted bool
	// fold: keys are compared without regard to case; the trie's own keys are
	// lower-cased. For lower-cased copies of records, never on the fast path.
	fold bool
	// embedded lists nodes whose value may be a JSON object written as a
	// string; their children are then looked for in it.
	embedded []int32
}

// trieNode is one key on a path. Its children sit in a hash table without
// collisions, found by search when the trie is built.
type trieNode struct {
	end   int32 // the subtree is [own number, end)
	up    int32 // parent, -1 for the root
	shift uint8
	mul   uint64
	table []trieKey // empty: no children
}

// trieKey is a child by its key. Length, first eight and last eight bytes are
// the key itself up to sixteen bytes; longer ones are compared in full.
type trieKey struct {
	first, last uint64
	length      int32
	node        int32
	key         string
}

// trieBuilder collects paths.
type trieBuilder struct {
	key      string
	children []*trieBuilder
	embedded bool
	number   int32
}

// add gives the place of a path, made if new. Keys are separated by dots.
func (b *trieBuilder) add(path string) *trieBuilder {
	for path != "" {
		var key string
		key, path = cutKey(path)
		b = b.child(key)
	}
	return b
}

// cutKey takes the first key off a path. A backslash keeps a dot in the key.
func cutKey(path string) (key, rest string) {
	if !strings.Contains(path, `\.`) {
		key, rest, _ = strings.Cut(path, ".")
		return key, rest
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path) && path[i+1] == '.':
			i++
			b.WriteByte('.')
		case path[i] == '.':
			return b.String(), path[i+1:]
		default:
			b.WriteByte(path[i])
		}
	}
	return b.String(), ""
}

func (b *trieBuilder) child(key string) *trieBuilder {
	for _, c := range b.children {
		if c.key == key {
			return c
		}
	}
	c := &trieBuilder{key: key}
	b.children = append(b.children, c)
	return c
}

// build numbers the nodes and makes the trie.
func (b *trieBuilder) build() *trie {
	t := &trie{}
	if len(b.children) == 0 {
		b.child("") // so that the root has a table
	}
	b.fill(t, -1)
	return t
}

func (b *trieBuilder) fill(t *trie, up int32) {
	b.number = int32(len(t.nodes))
	t.nodes = append(t.nodes, trieNode{up: up})
	if b.embedded {
		t.embedded = append(t.embedded, b.number)
	}
	keys := make([]trieKey, 0, len(b.children))
	for _, c := range b.children {
		c.fill(t, b.number)
		first, last := fingerprint([]byte(c.key), 0, len(c.key))
		keys = append(keys, trieKey{first: first, last: last, length: int32(len(c.key)), node: c.number, key: c.key})
	}
	n := &t.nodes[b.number]
	n.end = int32(len(t.nodes))
	n.hash(keys)
}

// hash finds a multiplier and a table size that give every key its own place.
func (n *trieNode) hash(keys []trieKey) {
	if len(keys) == 0 {
		return
	}
	width := bits.Len(uint(2*len(keys) - 1))
	for ; ; width++ {
		n.shift = uint8(64 - width)
		taken := make([]bool, 1<<width)
		n.mul = 0x9E3779B97F4A7C15
		for range 500 {
			if n.spreads(keys, taken) {
				n.table = make([]trieKey, 1<<width)
				for _, k := range keys {
					n.table[n.slot(k.first, k.last, k.length)] = k
				}
				return
			}
			n.mul = (n.mul*6364136223846793005 + 1442695040888963407) | 1
		}
	}
}

// spreads reports whether no two keys share a place.
func (n *trieNode) spreads(keys []trieKey, taken []bool) bool {
	clear(taken)
	for _, k := range keys {
		at := &taken[n.slot(k.first, k.last, k.length)]
		if *at {
			return false
		}
		*at = true
	}
	return true
}

func (n *trieNode) slot(first, last uint64, length int32) uint64 {
	return ((first ^ bits.RotateLeft64(last, 29) ^ uint64(length)) * n.mul) >> n.shift
}

// lookup gives the child whose key is buf[i:j], 0 for none.
func (n *trieNode) lookup(buf []byte, i, j int) int32 {
	first, last := fingerprint(buf, i, j)
	k := &n.table[n.slot(first, last, int32(j-i))]
	if k.first != first || k.last != last || int(k.length) != j-i {
		return 0
	}
	if j-i > 16 && k.key != string(buf[i:j]) {
		return 0
	}
	return k.node
}

// fingerprint gives the first eight bytes of a key and, when it is longer,
// its last eight.
func fingerprint(buf []byte, i, j int) (first, last uint64) {
	switch n := j - i; {
	case n >= 8:
		first = binary.LittleEndian.Uint64(buf[i:])
		if n > 8 {
			last = binary.LittleEndian.Uint64(buf[j-8:])
		}
	case i+8 <= len(buf):
		first = binary.LittleEndian.Uint64(buf[i:]) & (1<<(8*uint(n)) - 1)
	default:
		for k := n - 1; k >= 0; k-- {
			first = first<<8 | uint64(buf[i+k])
		}
	}
	return first, last
}

// find gives the node of a key that the fast lookup may have missed: escaped,
// in another case, or with dots for a path. 0: none. raw is the key as written.
func (t *trie) find(n int32, raw []byte, esc bool, scratch []byte) int32 {
	key := raw
	if esc || t.fold {
		key = unescape(scratch[:0], raw)
	}
	if t.fold {
		for i, c := range key {
			if c >= 'A' && c <= 'Z' {
				key[i] = c + 'a' - 'A'
			}
		}
	}
	if len(t.nodes[n].table) == 0 {
		return 0
	}
	if m := t.nodes[n].lookup(key, 0, len(key)); m != 0 || !t.dotted {
		return m
	}
	for dot := indexByte(key, '.'); dot >= 0; {
		if m := t.nodes[n].lookup(key, 0, dot); m != 0 {
			return t.find(m, key[dot+1:], false, scratch)
		}
		next := indexByte(key[dot+1:], '.')
		if next < 0 {
			break
		}
		dot += 1 + next
	}
	return 0
}

// path gives the way to a node for messages and tests.
func (t *trie) path(n int32) string {
	if n <= 0 {
		return ""
	}
	up := t.nodes[n].up
	for _, k := range t.nodes[up].table {
		if k.node == n {
			if p := t.path(up); p != "" {
				return p + "." + k.key
			}
			return k.key
		}
	}
	return ""
}

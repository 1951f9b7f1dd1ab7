package secret

// automaton is an Aho-Corasick machine over folded bytes, as one dense table.
// A state is the offset of its row, a multiple of 64; states of and above
// accept end at least one keyword.
type automaton struct {
	next   [1 << 16]uint16
	class  [256]uint16
	accept uint16
	ends   [][]end // by (state-accept)/64
}

// end says that a keyword of a format ends here.
type end struct {
	row int // index into table
	n   int // length of the keyword
}

type keyword struct {
	text string
	row  int
}

const width = 64 // classes a row

func fold(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func newAutomaton(words []keyword) *automaton {
	a := &automaton{}
	classes := uint16(1) // class 0: in no keyword
	for _, w := range words {
		for i := 0; i < len(w.text); i++ {
			if b := fold(w.text[i]); a.class[b] == 0 {
				a.class[b] = classes
				classes++
			}
		}
	}
	if classes > width {
		panic("secret: keywords use too many different bytes")
	}
	for b := byte('a'); b <= 'z'; b++ {
		a.class[b-'a'+'A'] = a.class[b]
	}

	// The trie, then breadth first: fail links folded into the transitions.
	type node struct {
		kid  [width]int
		fail int
		ends []end
	}
	nodes := []node{{}}
	for _, w := range words {
		n := 0
		for i := 0; i < len(w.text); i++ {
			k := a.class[fold(w.text[i])]
			if nodes[n].kid[k] == 0 {
				nodes = append(nodes, node{})
				nodes[n].kid[k] = len(nodes) - 1
			}
			n = nodes[n].kid[k]
		}
		nodes[n].ends = append(nodes[n].ends, end{w.row, len(w.text)})
	}
	var queue []int
	for _, k := range nodes[0].kid {
		if k != 0 {
			queue = append(queue, k)
		}
	}
	for q := 0; q < len(queue); q++ {
		n := queue[q]
		f := nodes[n].fail
		nodes[n].ends = append(nodes[n].ends, nodes[f].ends...)
		for c, k := range nodes[n].kid {
			if k == 0 {
				nodes[n].kid[c] = nodes[f].kid[c]
				continue
			}
			nodes[k].fail = nodes[f].kid[c]
			queue = append(queue, k)
		}
	}
	if len(nodes) > len(a.next)/width {
		panic("secret: too many keywords for one table")
	}

	// Rows in breadth-first order, so that the hot ones lie together, with
	// the accepting ones behind all others.
	order := make([]int, 0, len(nodes))
	order = append(order, 0)
	for _, n := range queue {
		if len(nodes[n].ends) == 0 {
			order = append(order, n)
		}
	}
	a.accept = uint16(len(order) * width)
	for _, n := range queue {
		if len(nodes[n].ends) != 0 {
			order = append(order, n)
			a.ends = append(a.ends, nodes[n].ends)
		}
	}
	at := make([]uint16, len(nodes))
	for i, n := range order {
		at[n] = uint16(i * width)
	}
	for i, n := range order {
		for c, k := range nodes[n].kid {
			a.next[i*width+c] = at[k]
		}
	}
	return a
}

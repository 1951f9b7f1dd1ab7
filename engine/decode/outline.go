package decode

import (
	"cmp"
	"slices"
	"strings"
)

// outline lists the values inside one JSON value that the scanner has found
// valid, as they stand: one walk, whatever is made of it afterwards. It is
// emptied and filled again, and aliases what it read.
type outline struct {
	items []item
	order []int32 // stack of the fields that are being sorted
	text  []byte  // scratch of one string
}

// item is one value. What is inside follows it, up to end.
type item struct {
	key    string // of a field
	value  node
	end    int32
	hollow bool
	place  int32 // where the key stood first in its object
	bucket uint32
}

// read lists a value, the first item.
func (o *outline) read(n node) {
	const most = 1 << 14 // one oversized value must not keep its memory for ever
	if cap(o.items) > most {
		o.items, o.order, o.text = nil, nil, nil
	}
	o.items = o.items[:0]
	o.value(n, 0, "")
}

// value lists the value at n[i] and gives the place behind it.
func (o *outline) value(n node, i int, key string) int {
	at, from := len(o.items), i
	o.items = append(o.items, item{key: key})
	hollow := true
	switch n[i:].kind() {
	case '{':
		for i = skipSpace(n, i+1); i < len(n) && n[i] == '"'; {
			end := stringEnd(n, i)
			key := n[i:end].str()
			i = skipSpace(n, end)
			i, hollow = o.inside(n, skipSpace(n, i+1), key, hollow) // behind the colon
		}
		i++
	case '[':
		for i = skipSpace(n, i+1); i < len(n) && n[i] != ']'; {
			i, hollow = o.inside(n, i, "", hollow)
		}
		i++
	default:
		i = valueEnd(n, i)
		hollow = n[from] == 'n' || i-from == 2 && n[from] == '"'
	}
	it := &o.items[at]
	it.value, it.end, it.hollow = n[from:i], int32(len(o.items)), hollow
	return i
}

// inside lists one value of an object or list and the comma behind it.
func (o *outline) inside(n node, i int, key string, hollow bool) (int, bool) {
	kid := len(o.items)
	i = skipSpace(n, o.value(n, i, key))
	if i < len(n) && n[i] == ',' {
		i = skipSpace(n, i+1)
	}
	return i, hollow && o.items[kid].hollow
}

// hollow reports whether an item is null, an empty text, or made of such alone.
func (o *outline) hollow(at int32) bool { return o.items[at].hollow }

// fields gives the fields of an object by their keys, of a key met twice the
// last. They lie on the stack, which the caller cuts back.
func (o *outline) fields(at int32) []int32 {
	from := len(o.order)
	for kid := at + 1; kid < o.items[at].end; kid = o.items[kid].end {
		o.order = append(o.order, kid)
	}
	list := o.order[from:]
	slices.SortFunc(list, func(a, b int32) int {
		return cmp.Or(strings.Compare(o.items[a].key, o.items[b].key), cmp.Compare(a, b))
	})
	n, place := 0, int32(0)
	for i, kid := range list {
		if place == 0 {
			place = kid
		}
		if i+1 < len(list) && o.items[list[i+1]].key == o.items[kid].key {
			continue
		}
		o.items[kid].place = place
		list[n], n, place = kid, n+1, 0
	}
	return list[:n]
}

// appendJSON writes an item without what is hollow, keys in order.
func (o *outline) appendJSON(dst []byte, at int32) []byte {
	switch it := &o.items[at]; it.value.kind() {
	case '{':
		from := len(o.order)
		dst = o.appendObject(dst, o.fields(at))
		o.order = o.order[:from]
		return dst
	case '[':
		dst = append(dst, '[')
		first := true
		for kid := at + 1; kid < it.end; kid = o.items[kid].end {
			if o.items[kid].hollow {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = o.appendJSON(dst, kid)
		}
		return append(dst, ']')
	case '"':
		s := it.value[1 : len(it.value)-1]
		if escaped(s) {
			o.text = unescape(o.text[:0], s)
			s = o.text
		}
		return appendQuoted(dst, alias(s))
	default:
		return append(dst, it.value...)
	}
}

// appendObject writes fields as an object.
func (o *outline) appendObject(dst []byte, fields []int32) []byte {
	dst = append(dst, '{')
	first := true
	for _, kid := range fields {
		if o.items[kid].hollow {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendQuoted(dst, o.items[kid].key), ':')
		dst = o.appendJSON(dst, kid)
	}
	return append(dst, '}')
}

// appendJava writes an item without what is hollow as Java's toString does.
func (o *outline) appendJava(dst []byte, at int32) []byte {
	first := true
	separate := func() {
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
	}
	switch it := &o.items[at]; it.value.kind() {
	case '{':
		dst = append(dst, '{')
		from := len(o.order)
		for _, kid := range o.javaFields(at) {
			if o.items[kid].hollow {
				continue
			}
			separate()
			dst = append(append(dst, o.items[kid].key...), '=')
			dst = o.appendJava(dst, kid)
		}
		o.order = o.order[:from]
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for kid := at + 1; kid < it.end; kid = o.items[kid].end {
			if !o.items[kid].hollow {
				separate()
				dst = o.appendJava(dst, kid)
			}
		}
		return append(dst, ']')
	case '0':
		return append(dst, javaNumber(alias(it.value))...)
	default:
		return it.value.text(dst)
	}
}

// javaFields gives the fields of an object in the order of a Java HashMap that
// they were put into as written.
func (o *outline) javaFields(at int32) []int32 {
	list := o.fields(at)
	buckets := 16
	for len(list) > buckets*3/4 {
		buckets *= 2
	}
	for _, kid := range list {
		o.items[kid].bucket = javaHash(o.items[kid].key) & uint32(buckets-1)
	}
	slices.SortFunc(list, func(a, b int32) int {
		return cmp.Or(cmp.Compare(o.items[a].bucket, o.items[b].bucket), cmp.Compare(o.items[a].place, o.items[b].place))
	})
	return list
}

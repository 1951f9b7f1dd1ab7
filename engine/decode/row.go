package decode

// rowOf makes one object of a row as query services give it: a list of objects
// with a key each, [{"eventName":"X"},{"eventTime":"..."}], or of pairs,
// [{"field":"@message","value":"..."}]. Nil: the list is no row.
func rowOf(list node) node {
	const fewest = 2
	out, cells := node{'{'}, 0
	list.elements(func(e node) bool {
		key, value, ok := cellOf(e)
		if cells++; !ok {
			cells = 0
			return false
		}
		if cells > 1 {
			out = append(out, ',')
		}
		out = append(append(appendJSON(out, bytesOf(key)), ':'), value...)
		return true
	})
	if cells < fewest {
		return nil
	}
	return append(out, '}')
}

// cellOf gives the name and the value of one cell of a row.
func cellOf(e node) (key string, value node, ok bool) {
	n := 0
	var field, of node
	e.fields(func(k string, v node) bool {
		n++
		switch key, value = k, v; k {
		case "field":
			field = v
		case "value":
			of = v
		}
		return n <= 2
	})
	if n == 2 && field.kind() == '"' && of != nil {
		return field.str(), of, true
	}
	return key, value, n == 1 && value.kind() != '{' && value.kind() != '['
}

// withoutLists gives an object whose values are lists with the one element in their
// place where a list has one: so a search gives the fields it was asked for.
func withoutLists(doc node) node {
	out := node{'{'}
	doc.fields(func(key string, v node) bool {
		n := 0
		var only node
		v.elements(func(e node) bool {
			only = e
			n++
			return n < 2
		})
		if n == 1 {
			v = only
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(appendJSON(out, bytesOf(key)), ':'), v...)
		return true
	})
	return append(out, '}')
}

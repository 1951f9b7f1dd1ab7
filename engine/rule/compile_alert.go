package rule

func (b *build) alert(x *refs) {
	a, out := &b.r.Alert, b.out
	title := a.Title
	if title.Value == "" {
		out.Alert.Title = &Template{Source: b.r.Title, Parts: []Part{{Text: b.r.Title}}}
	} else {
		t, ms := parseTemplate(title.Value, title.Pos, x.resolve)
		b.mistakes = append(b.mistakes, ms...)
		out.Alert.Title = t
	}
	for _, e := range a.Entities {
		if r, ok := b.ref(x, e.Ref); ok {
			out.Alert.Entities = append(out.Alert.Entities, NamedRef{e.Name.Value, r})
		}
	}
	for _, t := range a.Show {
		if r, ok := b.ref(x, t); ok {
			out.Alert.Show = append(out.Alert.Show, NamedRef{t.Value, r})
		}
	}
	for _, t := range a.DedupBy {
		r, ok := b.ref(x, t)
		if ok && r.Meta != "" {
			b.wrong(t, "", "%s changes while an alert grows: it cannot be part of its identity", t.Value)
		}
		if ok {
			b.prefixed(r, t)
			out.Alert.DedupBy = append(out.Alert.DedupBy, r)
		}
	}
	if a.DedupBy == nil {
		out.Alert.DedupBy = b.defaultDedup(x)
	}
	out.Alert.Within = int64(a.Within)
	for _, r := range out.refs() {
		if r.Step < 0 {
			out.keep(r.Slot)
		}
	}
}

// prefixed reports a dedup key that the prefix up to a reached step cannot have.
func (b *build) prefixed(r Ref, t Text) {
	if s := b.r.Sequence; s != nil && r.Step >= 0 {
		for i := range s.Steps {
			if s.Steps[i].Reached != 0 && i < r.Step {
				b.wrong(t, "a field of an earlier step, or key.<name>", "the chain up to the reached step %s does not have step %s yet", s.Steps[i].ID.Value, s.Steps[r.Step].ID.Value)
				return
			}
		}
	}
}

func (b *build) ref(x *refs, t Text) (Ref, bool) {
	r, message, hint := x.resolve(t.Value)
	if message != "" {
		b.wrong(t, hint, "%s", message)
		return r, false
	}
	return r, true
}

// defaultDedup is dedup.by when the rule does not say.
func (b *build) defaultDedup(x *refs) []Ref {
	var out []Ref
	add := func(ts ...Text) {
		for _, t := range ts {
			if r, message, _ := x.resolve(t.Value); message == "" {
				out = append(out, r)
			}
		}
	}
	switch b.r.Kind {
	case Count:
		add(b.r.Count.By...)
	case FirstSeen:
		add(b.r.First.By...)
		add(b.r.First.Value...)
	case Sequence:
		if i := b.r.Sequence.firstMandatory(); i >= 0 {
			for _, k := range b.r.Sequence.Steps[i].By {
				add(Text{Value: "key." + k.Name.Value})
			}
		}
	default:
		for _, e := range b.out.Alert.Entities {
			if e.Ref.Meta == "" {
				out = append(out, e.Ref)
			}
		}
	}
	return out
}

// refs lists every reference of the alert.
func (k *Compiled) refs() []Ref {
	out := k.Alert.Title.Refs()
	for _, e := range k.Alert.Entities {
		out = append(out, e.Ref)
	}
	for _, e := range k.Alert.Show {
		out = append(out, e.Ref)
	}
	return append(out, k.Alert.DedupBy...)
}

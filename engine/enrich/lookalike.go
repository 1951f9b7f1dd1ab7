package enrich

import (
	"fmt"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// What counts as a look-alike of an entry, for a name that is no entry itself:
//
//   - look-alike characters: both read the same once I, l, 1 and |, O and 0, rn and m, vv and w, and letters
//     of other scripts that look Latin are taken for one (meta-IIama, mеta-llama);
//   - separators: equal without - _ . and space (mistral-ai);
//   - additions: an entry with a word in front or behind that promises the same thing (-v2, -gguf, -free, official-);
//   - edits: one insertion, deletion, replacement or swap of neighbours for entries of 5 to 7 characters, two
//     from 8 on; shorter entries have too many honest neighbours. Names that differ in the numbers between
//     their words alone are versions of one thing (Llama-3-8B, Llama-3.1-70B), not imitations; nor is the beginning
//     of a model's name (llama3), which names its family; nor, where no namespace is given, a name with a word
//     more behind it (gemma-2-9b, gemma-2-9b-it);
//   - the same name, or one that reads like it, in another namespace (evil/Llama-3-8B for meta-llama/Llama-3-8B).
//
// A list of namespaces judges the namespace of a name; a list of namespace/name entries judges both. Whatever stands in
// a namespace that the list has is not an imitation: nobody else can publish there. Case never makes a difference by
// itself, because registries and host names ignore it.

// suffixes are the words that imitations add; v and a number belong to them too.
var suffixes = []string{
	"official", "free", "gguf", "ggml", "gptq", "awq", "exl2", "mlx", "fp8", "fp16", "bf16", "int4", "int8", "4bit", "8bit",
	"quant", "quantized", "hf", "ai", "llm", "model", "models", "team", "org", "inc", "labs", "lab", "mirror",
	"copy", "clone", "backup", "original", "verified", "real", "new", "latest", "fixed", "updated", "pro", "plus", "premium",
	"unlocked", "uncensored", "cracked", "leaked",
}

var prefixes = []string{"official", "real", "the", "original", "verified", "free"}

// sample is one entry prepared for comparison.
type sample struct {
	space, name reading // name: of an entry without a slash the entry itself
	both        bool    // the entry is namespace/name
	until       int64
}

// samples is a list prepared for look-alike tests.
type samples struct {
	all []sample
	// official holds, in lower case, every entry, and of a namespace/name entry both parts.
	official map[string]int64
	// trusted holds the namespaces of the list in lower case.
	trusted map[string]int64
	domains *domains // the list is one of domains
}

func (d *Data) bindLookalike(args []engine.Arg) (engine.Call, error) {
	if len(args) < 2 || !args[1].Const {
		return nil, fmt.Errorf("lookalike needs the name of a list as a constant")
	}
	name := args[1].Value.Str()
	l, ok := d.lists[name]
	if !ok {
		return nil, fmt.Errorf("no list is named %q; lists are %s", name, strings.Join(d.names, ", "))
	}
	if l.def.Type != "exact" && l.def.Type != "domain" {
		return nil, fmt.Errorf("lookalike needs a list of type exact or domain; %s has type %s", name, l.def.Type)
	}
	s := newSamples(l)
	return func(at int64, name, _, _ engine.Value) engine.Value {
		return engine.Boolean(s.imitated(name.Str(), at))
	}, nil
}

func newSamples(l *list) *samples {
	s := &samples{official: map[string]int64{}, trusted: map[string]int64{}}
	s.domains, _ = l.match.(*domains)
	later := func(m map[string]int64, text string, until int64) {
		text = strings.ToLower(text)
		m[text] = max(m[text], until)
	}
	for _, e := range l.def.Entries {
		until := int64(never)
		if e.Expires != 0 {
			until = e.Expires
		}
		text := e.Value
		if s.domains != nil {
			text = strings.TrimPrefix(strings.TrimSuffix(text, "."), "*.")
		}
		x := sample{until: until}
		later(s.official, text, until)
		space, name, both := strings.Cut(text, "/")
		if both {
			x.both = true
			x.space.read(space)
			x.name.read(name)
			later(s.official, space, until)
			later(s.official, name, until)
			later(s.trusted, space, until)
		} else {
			x.name.read(text)
			later(s.trusted, text, until)
		}
		s.all = append(s.all, x)
	}
	return s
}

// imitated reports whether text imitates an entry in force at an event time.
func (s *samples) imitated(text string, at int64) bool {
	if len(text) == 0 || len(text) > maxReading {
		return false
	}
	if s.domains != nil {
		return s.imitatedDomain(text, at)
	}
	var whole reading
	whole.read(text)
	if at < s.official[string(whole.lower())] {
		return false
	}
	spaceText, nameText, both := strings.Cut(text, "/")
	if !both {
		for i := range s.all {
			x := &s.all[i]
			if at >= x.until {
				continue
			}
			if !x.both && whole.imitates(&x.name) {
				return true
			}
			if x.both && (whole.imitates(&x.space) && !whole.begins(&x.space) || whole.imitates(&x.name) && !whole.begins(&x.name) && !whole.variant(&x.name)) {
				return true
			}
		}
		return false
	}
	var space, name reading
	space.read(spaceText)
	if at < s.trusted[string(space.lower())] {
		return false
	}
	name.read(nameText)
	for i := range s.all {
		x := &s.all[i]
		if at >= x.until {
			continue
		}
		if !x.both {
			if space.imitates(&x.name) {
				return true
			}
			continue
		}
		if space.imitates(&x.space) || name.same(&x.name) || name.imitates(&x.name) && !name.begins(&x.name) {
			return true
		}
	}
	return false
}

// imitatedDomain judges a host name as it stands and by the part that was
// registered.
func (s *samples) imitatedDomain(host string, at int64) bool {
	host = strings.TrimSuffix(host, ".")
	if _, isAddr := address(host); isAddr || s.domains.Contains(engine.String(host), at) {
		return false
	}
	var whole, registered reading
	whole.read(host)
	registered.read(registeredDomain(host))
	for i := range s.all {
		x := &s.all[i]
		if at < x.until && (whole.imitates(&x.name) || registered.imitates(&x.name)) {
			return true
		}
	}
	return false
}

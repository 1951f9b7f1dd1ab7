package enrich

import (
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestLookalike(t *testing.T) {
	d := sampleData(t)
	for _, c := range []struct {
		list, name string
		want       bool
	}{
		// entries themselves, and whatever stands in their namespace
		{"model_namespaces", "meta-llama", false},
		{"model_namespaces", "Meta-Llama", false},
		{"model_namespaces", "meta-llama/Llama-3.1-70B", false},
		{"models_approved", "meta-llama/Llama-3-8B", false},
		{"models_approved", "meta-llama/Llama-3-8B-Instruct", false},
		{"models_approved", "META-llama/llama-3-8b", false},
		{"models_approved", "Llama-3-8B", false}, // its own name, namespace unknown
		{"models_approved", "google", false},
		// look-alike characters
		{"model_namespaces", "meta-IIama", true},
		{"model_namespaces", "meta-1lama/Llama-3-8B", true},
		{"model_namespaces", "meta-Ilama", true},
		{"model_namespaces", "mistraIai", true},
		{"model_namespaces", "mistralaI", false}, // case alone makes no difference
		{"model_namespaces", "mistra1ai", true},
		{"model_namespaces", "rnistralai", true},
		{"model_namespaces", "0penai", true},
		{"model_namespaces", "оpenai", true},       // Cyrillic о
		{"model_namespaces", "gοοgle", true},       // Greek omicron
		{"model_namespaces", "ｇoogle", true},       // full width
		{"model_namespaces", "öpenai", true},       // accent
		{"model_namespaces", "open\u200bai", true}, // zero width space
		// separators
		{"model_namespaces", "mistral-ai", true},
		{"model_namespaces", "meta_llama", true},
		{"model_namespaces", "metallama", true},
		{"model_namespaces", "open-ai/x", true},
		// additions
		{"model_namespaces", "meta-llama-v2", true},
		{"model_namespaces", "google-official", true},
		{"model_namespaces", "openai-free/gpt", true},
		{"model_namespaces", "official-google", true},
		{"model_namespaces", "google-research", false}, // no word of the list
		{"models_approved", "evil/Llama-3-8B-GGUF", true},
		{"models_approved", "evil/Llama-3-8B-v2", true},
		// edits
		{"model_namespaces", "meta-lama", true},
		{"model_namespaces", "mtea-llama", true},
		{"model_namespaces", "opneai", true},
		{"model_namespaces", "goggle", true},
		{"model_namespaces", "giggly", false}, // two edits on six letters
		{"model_namespaces", "hx", false},     // short names have neighbours
		{"model_namespaces", "hh", false},
		{"model_namespaces", "microsoft", false},
		{"model_namespaces", "nvidia", false},
		{"model_namespaces", "Qwen", false},
		// the same name elsewhere
		{"models_approved", "open-oss/privacy-filter", true},
		{"models_approved", "open-oss/privacy_filter", true},
		{"models_approved", "open-oss/privacy-fi1ter", true},
		{"models_approved", "evil/Llama-3-8B", true},
		{"models_approved", "openai/Llama-3-8B", false}, // its namespace is in the list
		{"model_namespaces", "open-oss/privacy-filter", false},
		// versions of one thing
		{"models_approved", "gemma-2-2b", false},
		{"models_approved", "Llama-3.1-70B", false},
		{"models_approved", "friend/gemma-3-27b", false},
		{"models_approved", "gemna-2-9b", true},
		{"models_approved", "gemma-2-9b-it", false},
		{"models_approved", "library/llama3", false}, // the family
		{"models_approved", "llama3", false},
		{"models_approved", "meta", false},
		{"model_namespaces", "mistrala/x", true},
		{"models_approved", "gemma-2-9b-gguf", true},
		{"models_approved", "friend/gemma-2-9b-it", true},
		// expired entries are nobody's
		{"models_approved", "other/old", false},
		{"models_approved", "acme/new", false},
		// hosts
		{"egress_allowed", "huggingface.co", false},
		{"egress_allowed", "cdn-lfs.huggingface.co", false},
		{"egress_allowed", "hugingface.co", true},
		{"egress_allowed", "hugging-face.co", true},
		{"egress_allowed", "cdn.hugglngface.co", true},
		{"egress_allowed", "files.pypl.org", true},
		{"egress_allowed", "collect.example.net", false},
		{"egress_allowed", "www.example.com", false},
		{"egress_allowed", "192.0.2.1", false},
		{"models_approved", "", false},
		{"models_approved", "/", false},
	} {
		call := mustBind(t, d, "lookalike", engine.Arg{}, constant(c.list))
		if got := call(100, engine.String(c.name), engine.Value{}, engine.Value{}).Bool(); got != c.want {
			t.Errorf("lookalike(%q, %s) = %v, want %v", c.name, c.list, got, c.want)
		}
	}
}

func TestLookalikeRefusesAtLoad(t *testing.T) {
	d := sampleData(t)
	for _, arg := range []engine.Arg{{}, constant("nope"), constant("globs"), constant(KnownNetworks)} {
		if _, err := bind(t, d, "lookalike", engine.Arg{}, arg); err == nil {
			t.Errorf("bound to %q", arg.Value.Text())
		}
	}
}

// slowDistance is the recurrence as the textbook writes it.
func slowDistance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0:
				d[i][j] = j
			case j == 0:
				d[i][j] = i
			default:
				cost := 1
				if a[i-1] == b[j-1] {
					cost = 0
				}
				d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d[i][j] = min(d[i][j], d[i-2][j-2]+1)
				}
			}
		}
	}
	return d[len(a)][len(b)]
}

func FuzzLookalike(f *testing.F) {
	f.Add("meta-llama", "meta-IIama")
	f.Add("openai/privacy-filter", "open-oss/privacy-filter")
	f.Add("ａｂ", "аb")
	f.Add("abcdefgh", "abdcefgh")
	f.Fuzz(func(t *testing.T, entry, name string) {
		l, errs := newList(engine.ListDef{Type: "exact", Entries: []engine.ListEntry{{Value: entry}}})
		if len(errs) > 0 || len(entry) > maxReading || len(name) > maxReading {
			return
		}
		s := newSamples(l)
		if s.imitated(l.def.Entries[0].Value, 0) {
			t.Fatalf("the entry %q imitates itself", entry)
		}
		s.imitated(name, 0)
		var a, b reading
		a.read(entry)
		b.read(name)
		for limit := range 4 {
			want := min(slowDistance(string(a.plainText()), string(b.plainText())), limit+1)
			if got := distance(a.plainText(), b.plainText(), limit); got != want {
				t.Fatalf("distance(%q, %q, %d) = %d, want %d", a.plainText(), b.plainText(), limit, got, want)
			}
		}
	})
}

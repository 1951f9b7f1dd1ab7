package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/seed-843b225c/reflex/engine"
)

var quotedText = regexp.MustCompile(`"([^"\\]*)"|'([^'\\]*)'|\b(known|foreign)\(`)

// names remembers which lists an expression names: they are part of the
// version of its rule.
func (b *build) names(expr string) {
	for _, m := range quotedText.FindAllStringSubmatch(expr, -1) {
		name := m[1] + m[2]
		if m[3] != "" {
			name = "known_networks"
		}
		if _, ok := b.lists.List(name); ok && !slices.Contains(b.used[b.r.ID], "list "+name) {
			b.used[b.r.ID] = append(b.used[b.r.ID], "list "+name)
		}
	}
}

// version gives every rule and the set their hashes.
func (c *compiler) version() {
	lists := map[string]string{}
	all := sha256.New()
	for _, r := range c.set.Rules {
		h := sha256.New()
		io.WriteString(h, r.Source.hash)
		for _, dep := range c.used[r.ID] {
			io.WriteString(h, "\n"+dep)
			if name, ok := cutList(dep); ok {
				if lists[name] == "" {
					lists[name] = c.listHash(name)
				}
				io.WriteString(h, lists[name])
			}
		}
		r.Version, r.Text = hex.EncodeToString(h.Sum(nil)[:8]), r.Source.hash
		fmt.Fprintf(all, "%s %s\n", r.ID, r.Version)
	}
	c.set.Version = hex.EncodeToString(all.Sum(nil)[:8])
}

func cutList(dep string) (string, bool) {
	if len(dep) > 5 && dep[:5] == "list " {
		return dep[5:], true
	}
	return "", false
}

func (c *compiler) listHash(name string) string {
	h := sha256.New()
	var set engine.Set
	set, _ = c.lists.List(name)
	set.Each(func(entry string) bool { fmt.Fprintf(h, "%q\n", entry); return true })
	return string(h.Sum(nil))
}

// digest hashes what a document means: order and values, without comments,
// styles and the keys left out.
func digest(n *yaml.Node, without ...string) string {
	h := sha256.New()
	hashNode(h, n, without)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func hashNode(h hash.Hash, n *yaml.Node, without []string) {
	fmt.Fprintf(h, "%d %s %q(", n.Kind, n.Tag, n.Value)
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode {
			if slices.Contains(without, n.Content[i&^1].Value) {
				continue
			}
		}
		hashNode(h, c, nil)
	}
	h.Write([]byte{')'})
}

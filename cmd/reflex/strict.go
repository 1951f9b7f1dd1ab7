package main

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// strict reads a YAML document into structs: a key that no struct has, a value
// of another type and a variable that is not set are mistakes, each with its
// place, and all are found in one go. Texts may name ${VARIABLES}; a secret may
// also be read from a file, as file:/path.
type strict struct {
	file     string
	mistakes []string
	read     []string // files that secrets came from
	getenv   func(string) (string, bool)
	custom   func(n *yaml.Node, into reflect.Value) bool // takes a node itself; nil: none
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	hiddenType   = reflect.TypeFor[engine.Hidden]()
)

func (s *strict) wrong(n *yaml.Node, format string, args ...any) {
	s.mistakes = append(s.mistakes, fmt.Sprintf("%s:%d:%d: %s", s.file, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

// decode reads a node into a value that can be set.
func (s *strict) decode(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if s.custom != nil && s.custom(n, v) {
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	switch {
	case v.Type() == hiddenType || v.Type() == durationType:
		s.scalar(n, v, path)
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		s.decode(n, p.Elem(), path)
		v.Set(p)
	case v.Kind() == reflect.Struct:
		if s.is(n, yaml.MappingNode, path, "settings, each with its name") {
			s.fields(n, v, path)
		}
	case v.Kind() == reflect.Slice:
		s.list(n, v, path)
	case v.Kind() == reflect.Map:
		s.mapping(n, v, path)
	default:
		s.scalar(n, v, path)
	}
}

func (s *strict) is(n *yaml.Node, kind yaml.Kind, path, what string) bool {
	if n.Kind != kind {
		s.wrong(n, "%s holds %s", cmp.Or(path, "the configuration"), what)
	}
	return n.Kind == kind
}

// list reads a list; a single value stands for a list of one.
func (s *strict) list(n *yaml.Node, v reflect.Value, path string) {
	items := n.Content
	if n.Kind == yaml.ScalarNode {
		items = []*yaml.Node{n}
	} else if !s.is(n, yaml.SequenceNode, path, "a list") {
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		s.decode(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

func (s *strict) mapping(n *yaml.Node, v reflect.Value, path string) {
	if !s.is(n, yaml.MappingNode, path, "names with values") {
		return
	}
	out := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := reflect.New(v.Type().Elem()).Elem()
		s.decode(n.Content[i+1], e, path+"."+n.Content[i].Value)
		out.SetMapIndex(reflect.ValueOf(n.Content[i].Value).Convert(v.Type().Key()), e)
	}
	v.Set(out)
}

// fields reads a mapping into structs: the first that has a name takes it.
func (s *strict) fields(n *yaml.Node, v reflect.Value, path string) {
	s.into(n, path, v)
}

func (s *strict) into(n *yaml.Node, path string, vs ...reflect.Value) {
	known := map[string]reflect.Value{}
	var names []string
	for _, v := range vs {
		settings(v, func(name string, f reflect.Value) {
			if _, twice := known[name]; !twice {
				known[name] = f
				names = append(names, name)
			}
		})
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f, ok := known[key.Value]
		switch {
		case !ok:
			hint := "; settings are " + strings.Join(names, ", ")
			if near := rule.Nearest(key.Value, names); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			s.wrong(key, "%s has no setting %q%s", cmp.Or(path, "the configuration"), key.Value, hint)
		case seen[key.Value]:
			s.wrong(key, "%q stands here a second time", key.Value)
		default:
			s.decode(value, f, strings.TrimPrefix(path+"."+key.Value, "."))
		}
		seen[key.Value] = true
	}
}

// settings calls f with every setting of a struct, those of inlined ones too.
func settings(v reflect.Value, f func(name string, v reflect.Value)) {
	for i := range v.NumField() {
		name, opts, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(opts, "inline"):
			settings(v.Field(i), f)
		case name != "" && name != "-":
			f(name, v.Field(i))
		}
	}
}

// scalar reads one value.
func (s *strict) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		s.wrong(n, "%s holds one value, not a list or settings", path)
		return
	}
	text, ok := s.expand(n)
	if !ok {
		return
	}
	switch {
	case v.Type() == hiddenType:
		if file, ok := strings.CutPrefix(text, "file:"); ok {
			b, err := os.ReadFile(file)
			if err != nil {
				s.wrong(n, "%s: %v", path, err)
				return
			}
			s.read = append(s.read, file)
			text = strings.TrimRight(string(b), "\r\n")
		}
		v.SetString(text)
	case v.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			s.wrong(n, "%s: %q is no duration; write it like 500ms, 90s, 20m or 2h", path, text)
			return
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	default:
		plain := *n
		plain.Value, plain.Tag = text, ""
		if err := plain.Decode(v.Addr().Interface()); err != nil {
			s.wrong(n, "%s: %q is no %s", path, text, map[reflect.Kind]string{reflect.Bool: "truth value; write true or false"}[v.Kind()]+kindWord(v.Kind()))
		}
	}
}

func kindWord(k reflect.Kind) string {
	if k == reflect.Bool {
		return ""
	}
	return "number"
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand fills environment variables in. One that is not set is a mistake: an
// empty password is never meant.
func (s *strict) expand(n *yaml.Node) (string, bool) {
	ok := true
	text := variable.ReplaceAllStringFunc(n.Value, func(m string) string {
		name := m[2 : len(m)-1]
		v, set := s.getenv(name)
		if !set {
			s.wrong(n, "the environment has no variable %s", name)
			ok = false
		}
		return v
	})
	return text, ok
}

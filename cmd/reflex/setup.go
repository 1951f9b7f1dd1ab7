package main

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
	"github.com/seed-843b225c/reflex/engine/detect"
	"github.com/seed-843b225c/reflex/engine/enrich"
	"github.com/seed-843b225c/reflex/engine/incident"
	"github.com/seed-843b225c/reflex/engine/job"
	"github.com/seed-843b225c/reflex/engine/pipeline"
	"github.com/seed-843b225c/reflex/engine/rule"
	"github.com/seed-843b225c/reflex/engine/secret"
	"github.com/seed-843b225c/reflex/rules"
)

// setup is what commands that run rules share: which rules and lists, which
// networks are ours, where the GeoIP files are.
type setup struct {
	rules []string
	lists []string
	known []string
	geoip string
	key   []byte // fingerprint key; nil: that of the environment

	extraLists fs.FS  // the demo organisation's own lists, in place of the shipped ones of their names
	exceptions fs.FS  // and its exceptions
	only       string // load this rule alone, with the rules it takes as steps
	geo        *enrich.Geo
	ours       bool // some network was named as ours, by flag or list; loadData sets it
}

func (s *setup) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.rules, "rules", nil, "rule file or folder (`PATH`) instead of the shipped rules (repeatable)")
	c.Flags().StringArrayVar(&s.lists, "lists", nil, "list file or folder (`PATH`); a list replaces the shipped one of its name (repeatable)")
	c.Flags().StringSliceVar(&s.known, "known", nil, "own networks (`CIDR` or address), comma separated")
	c.Flags().StringVar(&s.geoip, "geoip", "", "`FOLDER` with GeoIP databases (*.mmdb)")
}

// loaded is everything that rules become: immutable, shared by all lines.
type loaded struct {
	set     *rule.Set
	pack    *rule.Pack
	data    *enrich.Data
	plan    *decode.Plan
	secrets *secret.Scanner
	ours    bool // some network is known to be ours
}

// source is a file system with paths in it: the shipped rules, or what the user named.
type source struct {
	files fs.FS
	paths []string
}

// from gives the shipped folder, or the paths the user gave.
func from(given []string, folder string) (source, error) {
	if len(given) == 0 {
		return source{rules.FS, []string{folder}}, nil
	}
	src := source{files: rootFS{}}
	for _, path := range given {
		if _, err := os.Stat(path); err != nil {
			return src, usage("%s: there is no such file or folder", path)
		}
		src.paths = append(src.paths, filepath.ToSlash(path))
	}
	return src, nil
}

// rootFS opens files by the paths people write, so that errors name them so.
type rootFS struct{}

func (rootFS) Open(name string) (fs.File, error) { return os.Open(filepath.FromSlash(name)) }
func (rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return os.ReadDir(filepath.FromSlash(name))
}
func (rootFS) Stat(name string) (fs.FileInfo, error) { return os.Stat(filepath.FromSlash(name)) }

// beside is a file system with another one in a folder of it.
type beside struct{ files, other fs.FS }

const besidePath = "exceptions"

func (b beside) Open(name string) (fs.File, error) {
	if name == besidePath {
		return b.other.Open(".")
	}
	if rest, ok := strings.CutPrefix(name, besidePath+"/"); ok {
		return b.other.Open(rest)
	}
	return b.files.Open(name)
}

// load reads lists, rules and databases. Mistakes are printed where they
// stand, all of them; the error says only that nothing was run.
func (a *app) load(s *setup) (*loaded, error) {
	src, err := from(s.rules, ".")
	if err != nil {
		return nil, err
	}
	if s.exceptions != nil {
		src = source{beside{src.files, s.exceptions}, append(src.paths, besidePath)}
	}
	pack, _ := rule.Load(src.files, src.paths...) // Compile tells of its mistakes too
	if s.only != "" {
		if pack.Rule(s.only) == nil {
			return nil, usage("no rule is named %s; see: reflex rules list", s.only)
		}
		pack = pack.Only(s.only)
	}
	var mistakes rule.Mistakes
	data, err := a.loadData(s, &mistakes)
	if err != nil {
		return nil, err
	}
	set, more := rule.Compile(pack, rule.Options{Functions: data.Functions(), Lists: data.Lists(), Demand: demand()})
	mistakes = append(mistakes, more...)
	if bad := mistakes.Errors(); len(bad) > 0 {
		a.printMistakes(bad)
		return nil, exitError{exitUsage, fmt.Errorf("%s: nothing was run", plural(len(bad), "mistake"))}
	}
	if len(pack.Rules) == 0 {
		return nil, usage("no rule was found in %s: nothing was run", strings.Join(s.rules, ", "))
	}
	secrets := secret.New(secret.Options{Key: s.fingerprintKey()})
	plan, err := decode.NewPlan(set.Layout, decode.Options{Secrets: secrets})
	if err != nil {
		return nil, usage("%v", err)
	}
	return &loaded{set, pack, data, plan, secrets, s.ours}, nil
}

// demand lists the fields that stations need beside what rules ask for.
func demand() []string {
	return append(job.Demand(), "secret.hint", "secret.fingerprint", "secret.principal", "secret.owner")
}

// loadData reads lists, inventory and databases; mistakes in list files join mistakes.
func (a *app) loadData(s *setup, mistakes *rule.Mistakes) (*enrich.Data, error) {
	src, err := from(s.lists, "lists")
	if err != nil {
		return nil, err
	}
	c := enrich.Config{GeoIP: s.geo}
	read := func(src source) {
		lists, keys, more := rule.LoadLists(src.files, src.paths...)
		*mistakes = append(*mistakes, more...)
		c.Lists, c.Keys = override(c.Lists, lists), append(c.Keys, keys...)
	}
	read(source{rules.FS, []string{"lists"}})
	if len(s.lists) > 0 {
		read(src)
	}
	if s.extraLists != nil {
		lists, keys, more := rule.LoadLists(s.extraLists, ".")
		*mistakes = append(*mistakes, more...)
		c.Lists, c.Keys = override(c.Lists, lists), append(c.Keys, keys...)
	}
	for _, k := range s.known {
		prefix, err := parsePrefix(k)
		if err != nil {
			return nil, usage("--known %s: not a network: write it like 192.0.2.0/24", k)
		}
		c.Known = append(c.Known, prefix)
	}
	if s.geoip != "" {
		if info, err := os.Stat(s.geoip); err != nil || !info.IsDir() {
			return nil, usage("--geoip %s: there is no such folder", s.geoip)
		}
		geo, warnings := enrich.OpenGeo(s.geoip)
		for _, w := range warnings {
			fmt.Fprintf(a.err, "note: %v\n", w)
		}
		c.GeoIP = geo
	}
	s.ours = len(c.Known) > 0 || slices.ContainsFunc(c.Lists, func(l engine.ListDef) bool { return l.Name == "known_networks" && len(l.Entries) > 0 })
	data, errs := enrich.New(c)
	for _, err := range errs {
		fmt.Fprintf(a.err, "%v\n", err)
	}
	if len(errs) > 0 {
		return nil, exitError{exitUsage, fmt.Errorf("%s in lists: nothing was run", plural(len(errs), "mistake"))}
	}
	return data, nil
}

// override puts lists over those of the same name: rules ask for lists by name,
// so whoever brings one list need not bring all.
func override(base, over []engine.ListDef) []engine.ListDef {
	named := map[string]bool{}
	for _, l := range over {
		named[l.Name] = true
	}
	base = slices.DeleteFunc(base, func(l engine.ListDef) bool { return named[l.Name] })
	return append(base, over...)
}

func parsePrefix(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// parts makes a line's parts out of what was loaded.
func (l *loaded) parts() pipeline.Parts {
	index := detect.NewIndex(l.set)
	return pipeline.Parts{
		Set: l.set, Plan: l.plan,
		Detector: func() *detect.Detector { return index.NewDetector(l.data) },
		Redact:   l.secrets.NewScan().Redact, Key: l.secrets.Subkey("stored state"),
		Incidents: incident.Options{
			Shared: l.shared, Owner: func(en engine.Named) string { return l.data.Owner(en.Value.Str()) },
			Reach: longest(l.set),
		},
	}
}

// longest is how far a chain of the loaded rules reaches back.
func longest(set *rule.Set) (most time.Duration) {
	for _, r := range set.Rules {
		if r.Sequence != nil {
			most = max(most, time.Duration(r.Sequence.Within))
		}
	}
	return most
}

// shared looks a strong entity up in the lists shared_keys, shared_runners, ...
func (l *loaded) shared(en engine.Named) bool {
	name, ok := map[string]string{"key": "shared_keys", "principal": "shared_sessions", "runner": "shared_runners", "run": "shared_runs", "secret": "shared_keys"}[en.Name]
	if !ok {
		return false
	}
	list, ok := l.data.Lists().List(name)
	return ok && list.Contains(en.Value, 0)
}

// fingerprintKey is the installation's HMAC key; offline commands do without.
func (s *setup) fingerprintKey() []byte {
	if s.key != nil {
		return s.key
	}
	return environmentKey()
}

func environmentKey() []byte {
	if key := os.Getenv("REFLEX_FINGERPRINT_KEY"); key != "" {
		return []byte(key)
	}
	return nil
}

// noteFingerprints says what it means to do without the key.
func (a *app) noteFingerprints() {
	if environmentKey() == nil {
		fmt.Fprintln(a.err, "note: REFLEX_FINGERPRINT_KEY is not set: fingerprints use a public key and are comparable between installations")
	}
}

func (a *app) printMistakes(ms rule.Mistakes) {
	for i, m := range ms {
		if i > 0 {
			fmt.Fprintln(a.err)
		}
		fmt.Fprintln(a.err, m.Error())
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%s %ss", number(int64(n)), what)
}

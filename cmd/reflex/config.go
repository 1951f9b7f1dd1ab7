package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seed-843b225c/reflex/connectors/kafka"
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/decode"
)

// config is reflex.yml: what `reflex run` needs to know. Each connector's part is
// the Config beside its code.
type config struct {
	State          string        `yaml:"state"` // folder for state and alert log; one instance each
	Rules          []string      `yaml:"rules"` // files or folders instead of the shipped rules
	Lists          []string      `yaml:"lists"` // files or folders; a list replaces the shipped one of its name
	Known          []string      `yaml:"known"` // own networks
	GeoIP          string        `yaml:"geoip"` // folder with *.mmdb
	FingerprintKey engine.Hidden `yaml:"fingerprint_key"`
	Listen         string        `yaml:"listen"`     // health pages and metrics
	Checkpoint     time.Duration `yaml:"checkpoint"` // how often state is stored
	Kafka          kafkaConfig   `yaml:"kafka"`
	Sinks          []sinkConfig  `yaml:"sinks"`
	Log            logConfig     `yaml:"log"`

	file         string
	secrets      []string // files that secrets were read from
	certificates string   // fingerprint of the files that connectors name
	seen         string   // fingerprint of all that is watched, before rules and lists were read
}

// kafkaConfig is where records come from and where refused ones go.
type kafkaConfig struct {
	kafka.SourceConfig `yaml:",inline"`
	DeadLetter         string `yaml:"dead_letter"` // topic; "" keeps refused input nowhere
}

// logConfig is what the service says about itself.
type logConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // json, text
}

// sinkConfig is one sink: its name, its type, and that type's own settings.
type sinkConfig struct {
	Name   string `yaml:"name"`
	Type   string `yaml:"type"`
	config any    // *Config of the type
}

func defaults() *config {
	return &config{State: "state", Listen: "127.0.0.1:9464", Checkpoint: time.Second, Log: logConfig{Level: "info", Format: "json"}}
}

// loadConfig reads and checks a configuration. The error holds every mistake.
func loadConfig(path string) (*config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("configuration: %v", err)
	}
	c, mistakes := parseConfig(path, text, os.LookupEnv)
	if len(mistakes) > 0 {
		return nil, usage("%s\n%s in %s: nothing was run", strings.Join(mistakes, "\n"), plural(len(mistakes), "mistake"), path)
	}
	c.certificates = fingerprint(c.certFiles())
	c.seen = fingerprint(c.watched())
	return c, nil
}

func parseConfig(path string, text []byte, getenv func(string) (string, bool)) (*config, []string) {
	c := defaults()
	c.file = path
	s := &strict{file: path, getenv: getenv}
	s.custom = func(n *yaml.Node, v reflect.Value) bool {
		if sink, ok := v.Addr().Interface().(*sinkConfig); ok {
			s.sink(n, sink)
			return true
		}
		return false
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		hint := ""
		if errors.Is(err, io.EOF) {
			err = errors.New("holds no settings")
		} else if inFlow.Match(text) {
			hint = `: inside { } or [ ], ${NAME} stands in quotes`
		}
		return c, []string{fmt.Sprintf("%s: %v%s", path, strings.TrimPrefix(err.Error(), "yaml: "), hint)}
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		s.mistakes = append(s.mistakes, path+": holds a second document: a configuration is one")
	}
	s.decode(doc.Content[0], reflect.ValueOf(c).Elem(), "")
	c.secrets = s.read
	if len(s.mistakes) == 0 {
		s.mistakes = c.validate()
	}
	return c, s.mistakes
}

// inFlow finds a bare variable inside braces or brackets, whose own braces end
// theirs.
var inFlow = regexp.MustCompile(`(?m)^[^#"'\n]*[{\[][^#\n]*[^"'$\n]\$\{`)

// sink reads one entry of sinks: the settings are those of its type.
func (s *strict) sink(n *yaml.Node, sink *sinkConfig) {
	if !s.is(n, yaml.MappingNode, "sinks", "settings, each with its name") {
		return
	}
	var kind string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" {
			kind = n.Content[i+1].Value
		}
	}
	t, ok := sinkTypes[kind]
	if !ok {
		s.wrong(n, "type: %q is no kind of sink; kinds are %s", kind, strings.Join(sortedKeys(sinkTypes), ", "))
		return
	}
	sink.config = t.config()
	s.into(n, "sink "+kind, reflect.ValueOf(sink).Elem(), reflect.ValueOf(sink.config).Elem())
	if sink.Name == "" {
		sink.Name = kind
	}
}

// validate gives every mistake that single settings do not show.
func (c *config) validate() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, c.file+": "+fmt.Sprintf(format, args...)) }
	part := func(name string, err error) {
		for _, line := range lines(err) {
			add("%s: %s", name, line)
		}
	}
	if c.State == "" {
		add("state: name a folder for state and alert log")
	}
	if c.FingerprintKey == "" {
		if env := os.Getenv("REFLEX_FINGERPRINT_KEY"); env != "" {
			c.FingerprintKey = engine.Hidden(env)
		} else {
			add("fingerprint_key: a service needs one, so that fingerprints of secrets cannot be computed by others: set REFLEX_FINGERPRINT_KEY, or fingerprint_key: file:/path; any 32 random bytes do, and they must stay the same")
		}
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil && c.Listen != "" {
		add("listen: %q is no address; write it like 127.0.0.1:9464", c.Listen)
	}
	if c.Checkpoint < 100*time.Millisecond || c.Checkpoint > time.Minute {
		add("checkpoint: %s is not between 100ms and 1m", c.Checkpoint)
	}
	part("kafka", c.Kafka.Validate())
	for _, t := range c.Kafka.Topics {
		if t.Format != "" && !slices.Contains(decode.FormatNames(), t.Format) {
			add("kafka: topic %s: no format is named %q; formats are %s", t.Name, t.Format, strings.Join(decode.FormatNames(), ", "))
		}
		if t.Name == c.Kafka.DeadLetter && t.Name != "" {
			add("kafka: dead_letter: %s is also read: refused records would go round for ever", t.Name)
		}
	}
	names := map[string]bool{}
	for i := range c.Sinks {
		s := &c.Sinks[i]
		if names[s.Name] {
			add("sinks: two are named %q: the name is what a sink's position is kept under; give one another", s.Name)
		}
		names[s.Name] = true
		sinkTypes[s.Type].fill(c, s.config)
		part("sink "+s.Name, s.config.(interface{ Validate() error }).Validate())
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		add("log: level: %q is none of debug, info, warn, error", c.Log.Level)
	}
	if c.Log.Format != "json" && c.Log.Format != "text" {
		add("log: format: %q is neither json nor text", c.Log.Format)
	}
	return out
}

// lines gives the texts of joined errors.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	if many, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		var out []string
		for _, e := range many.Unwrap() {
			out = append(out, lines(e)...)
		}
		return out
	}
	return strings.Split(err.Error(), "\n")
}

// setup gives what commands that run rules share.
func (c *config) setup() *setup {
	return &setup{rules: c.Rules, lists: c.Lists, known: c.Known, geoip: c.GeoIP, key: []byte(c.FingerprintKey.Reveal())}
}

// logger makes the service's log.
func (c *config) logger(a *app) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // validate has seen it
	o := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(a.err, o))
	}
	return slog.New(slog.NewJSONHandler(a.err, o))
}

// watched lists the files and folders whose change means a reload.
func (c *config) watched() []string {
	out := slices.Concat([]string{c.file, c.GeoIP}, c.Rules, c.Lists, c.certFiles(), c.secrets)
	out = slices.DeleteFunc(out, func(p string) bool { return p == "" })
	for i, p := range out {
		out[i] = filepath.Clean(p)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// certFiles lists the certificate files that connectors name.
func (c *config) certFiles() (out []string) {
	files(reflect.ValueOf(&c.Kafka).Elem(), &out)
	for i := range c.Sinks {
		files(reflect.ValueOf(c.Sinks[i].config).Elem(), &out)
	}
	return out
}

// files finds the settings that name certificate files: ca, cert and key.
func files(v reflect.Value, out *[]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			files(v.Elem(), out)
		}
	case reflect.Struct:
		settings(v, func(name string, f reflect.Value) {
			if f.Kind() == reflect.String && f.Type() != hiddenType && (name == "ca" || name == "cert" || name == "key") {
				*out = append(*out, f.String())
				return
			}
			files(f, out)
		})
	}
}

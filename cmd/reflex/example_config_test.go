package main

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/seed-843b225c/reflex/engine/decode"
)

// example is the shape of reflex.yml that other files refer to.
type example struct {
	State  string   `yaml:"state"`
	Rules  []string `yaml:"rules"`
	Lists  []string `yaml:"lists"`
	Known  []string `yaml:"known"`
	GeoIP  string   `yaml:"geoip"`
	Key    string   `yaml:"fingerprint_key"`
	Listen string   `yaml:"listen"`
	Kafka  struct {
		Brokers []string                        `yaml:"brokers"`
		TLS     map[string]string               `yaml:"tls"`
		SASL    map[string]string               `yaml:"sasl"`
		Group   string                          `yaml:"group"`
		Topics  []struct{ Name, Format string } `yaml:"topics"`
		Start   string                          `yaml:"start"`
		Dead    string                          `yaml:"dead_letter"`
	} `yaml:"kafka"`
	Sinks []map[string]any  `yaml:"sinks"`
	Log   map[string]string `yaml:"log"`

	text string
}

// exampleConfig reads reflex.yml; all switches on what is commented out.
func exampleConfig(t *testing.T, all bool) example {
	t.Helper()
	b, err := os.ReadFile("reflex.yml")
	if err != nil {
		t.Fatal(err)
	}
	if all {
		b = regexp.MustCompile(`(?m)^#((  )+[a-z-])`).ReplaceAll(b, []byte("$1"))
	}
	e := example{text: string(b)}
	if err := yaml.Unmarshal(b, &e); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return e
}

func TestExampleConfigHoldsWithEverythingSwitchedOn(t *testing.T) {
	bare, full := exampleConfig(t, false), exampleConfig(t, true)
	if bare.State == "" || bare.Key == "" || bare.Kafka.Group == "" || bare.Kafka.Dead == "" || bare.Log["level"] == "" {
		t.Errorf("the example lacks a setting: %+v", bare)
	}
	if len(full.Sinks) != 5 || len(full.Kafka.TLS) != 4 || len(full.Kafka.SASL) != 3 {
		t.Errorf("what is commented out did not come back: %+v", full)
	}
	types, names := []string{"elastic", "slack", "webhook", "file", "kafka"}, map[any]bool{}
	for _, s := range full.Sinks {
		if kind, _ := s["type"].(string); !slices.Contains(types, kind) {
			t.Errorf("sink of type %v", s["type"])
		}
		if names[s["name"]] {
			t.Errorf("two sinks are named %v", s["name"])
		}
		names[s["name"]] = true
	}
	for _, topic := range full.Kafka.Topics {
		if !slices.Contains(decode.FormatNames(), topic.Format) {
			t.Errorf("topic %s: no format is named %s", topic.Name, topic.Format)
		}
	}
}

// TestExampleConfigLoads reads the example as the service does, as it stands
// and with everything switched on.
func TestExampleConfigLoads(t *testing.T) {
	env := func(name string) (string, bool) { return "https://" + name + ".example", true }
	for _, all := range []bool{false, true} {
		if _, mistakes := parseConfig("reflex.yml", []byte(exampleConfig(t, all).text), env); len(mistakes) > 0 {
			t.Errorf("all %v: %q", all, mistakes)
		}
	}
}

// TestExampleConfigShowsEverySetting finds each setting of the service, of Kafka
// and of each kind of sink in the example.
func TestExampleConfigShowsEverySetting(t *testing.T) {
	text := exampleConfig(t, false).text
	seen := 0
	var walk func(v reflect.Value, of string)
	walk = func(v reflect.Value, of string) {
		settings(v, func(name string, f reflect.Value) {
			seen++
			if !regexp.MustCompile(`\b` + name + `:`).MatchString(text) {
				t.Errorf("%s: the example does not show %s", of, name)
			}
			if f.Kind() == reflect.Pointer {
				f = reflect.New(f.Type().Elem()).Elem()
			}
			if f.Kind() == reflect.Struct {
				walk(f, of+"."+name)
			}
		})
	}
	walk(reflect.ValueOf(defaults()).Elem(), "configuration")
	for kind, s := range sinkTypes {
		walk(reflect.ValueOf(s.config()).Elem(), kind)
	}
	if seen < 60 {
		t.Errorf("only %d settings", seen)
	}
}

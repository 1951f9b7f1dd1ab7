package main

import (
	"context"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// TestOperatingPageHoldsTogether reads the operator's page as someone who
// pastes from it: its manifest parses and fits the image, its links lead
// somewhere, and its topics are those of the example.
func TestOperatingPageHoldsTogether(t *testing.T) {
	page := string(rootFile(t, "connectors/OPERATING.md"))
	for _, m := range regexp.MustCompile(`\]\(\.\./([^)#]+)\)`).FindAllStringSubmatch(page, -1) {
		rootFile(t, m[1])
	}
	for _, topic := range []string{exampleConfig(t, true).Kafka.Dead, "reflex.alerts"} {
		if !strings.Contains(page, "--topic "+topic+"\n") {
			t.Errorf("no ACL for the example's topic %s", topic)
		}
	}
	block := regexp.MustCompile("(?s)```yaml\n(apiVersion.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("the page shows no manifest")
	}
	var m struct {
		Spec struct {
			Replicas int
			Template struct {
				Spec struct {
					SecurityContext struct{ RunAsUser int } `yaml:"securityContext"`
					Containers      []struct {
						Args         []string
						VolumeMounts []struct{ Name, MountPath string } `yaml:"volumeMounts"`
					}
				}
			}
			Claims []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
		}
	}
	if err := yaml.Unmarshal([]byte(block[1]), &m); err != nil {
		t.Fatal(err)
	}
	if m.Spec.Replicas != 1 || len(m.Spec.Claims) != 1 || len(m.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("got %+v", m)
	}
	if args := strings.Join(m.Spec.Template.Spec.Containers[0].Args, `", "`); !strings.Contains(string(rootFile(t, "Dockerfile")), `CMD ["`+args+`"]`) {
		t.Errorf("the manifest runs %q, the image something else", args)
	}
}

// TestOperatingPageKnowsEveryMetric opens everything there is, without running
// it, and compares what is registered with the page's table: names and labels.
func TestOperatingPageKnowsEveryMetric(t *testing.T) {
	have := registered(t)
	page := string(rootFile(t, "connectors/OPERATING.md"))
	table := page[strings.Index(page, "## Metrics"):]
	said := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\|[^|]*`).FindAllString(table, -1) {
		for _, m := range regexp.MustCompile("`(reflex_[a-z_]+)(?:{([a-z,]+)})?`").FindAllStringSubmatch(row, -1) {
			said[m[1]] = m[2]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if labels, ok := said[name]; !ok {
			t.Errorf("the page does not know %s{%s}", name, have[name])
		} else if labels != have[name] {
			t.Errorf("the page says %s{%s}, it is %s{%s}", name, labels, name, have[name])
		}
	}
	for _, m := range regexp.MustCompile(`reflex_[a-z_]+`).FindAllString(page, -1) {
		if _, ok := have[strings.TrimSuffix(m, "_bucket")]; !ok && m != "reflex_writer" {
			t.Errorf("the page speaks of %s, which is no metric", m)
		}
	}
}

// TestOperatingPageAlertsNameRealLabels looks at each selector of the page's
// alerts.
func TestOperatingPageAlertsNameRealLabels(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(groups:.*?)```").FindStringSubmatch(string(rootFile(t, "connectors/OPERATING.md")))
	if block == nil {
		t.Fatal("the page shows no alerts")
	}
	var f struct {
		Groups []struct {
			Rules []struct{ Alert, Expr, For string }
		}
	}
	if err := yaml.Unmarshal([]byte(block[1]), &f); err != nil {
		t.Fatal(err)
	}
	have := registered(t)
	if len(f.Groups) != 1 || len(f.Groups[0].Rules) < 10 {
		t.Fatalf("got %+v", f)
	}
	for _, r := range f.Groups[0].Rules {
		for _, m := range regexp.MustCompile(`(reflex_[a-z_]+)(?:{([a-z]+)[=!~]+"[^"]*"})?`).FindAllStringSubmatch(r.Expr, -1) {
			labels, ok := have[strings.TrimSuffix(m[1], "_bucket")]
			if !ok || m[2] != "" && !slices.Contains(strings.Split(labels, ","), m[2]) {
				t.Errorf("%s: %s: there is %q", r.Alert, m[0], labels)
			}
		}
		if strings.Count(r.Expr, "(") != strings.Count(r.Expr, ")") {
			t.Errorf("%s: parentheses do not fit: %s", r.Alert, r.Expr)
		}
	}
}

// registered gives the labels, in order and joined, of every metric of the service.
func registered(t *testing.T) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reflex.yml")
	write(t, path, []byte(`
state: `+filepath.Join(t.TempDir(), "state")+`
listen: ""
fingerprint_key: example-key
kafka: {brokers: ["127.0.0.1:1"], group: example, topics: [{name: example}], dead_letter: example.dead}
sinks:
  - {type: elastic, urls: ["http://127.0.0.1:1"]}
  - {type: slack, token: example, channel: C0EXAMPLE1}
  - {type: webhook, url: "http://127.0.0.1:1/"}
  - {type: file, path: "-"}
  - {type: kafka, topic: example.alerts}
`))
	cfg, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	a := &app{stdin: strings.NewReader(""), out: newPrinter(&out), err: newPrinter(&out)}
	d := &daemon{app: a, cfg: cfg, log: cfg.logger(a)}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.run(ended); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	descs := make(chan *prometheus.Desc)
	go func() { defer close(descs); d.registry.Describe(descs) }()
	form := regexp.MustCompile(`fqName: "(reflex_[^"]+)".*constLabels: {(sink)?.*}, variableLabels: {(.*)}}`)
	have := map[string]string{}
	for desc := range descs {
		if m := form.FindStringSubmatch(desc.String()); m != nil {
			have[m[1]] = strings.Trim(m[2]+","+m[3], ",")
		}
	}
	if len(have) < 40 {
		t.Fatalf("only %d metrics", len(have))
	}
	return have
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composed is docker-compose.yml as far as its promises go: no container engine
// runs where the tests do, so they read what it would be told.
type composed struct {
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Build       string            `yaml:"build"`
	Command     []string          `yaml:"command"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Environment map[string]string `yaml:"environment"`
	Profiles    []string          `yaml:"profiles"`
	Healthcheck struct {
		Test    []string `yaml:"test"`
		Retries int      `yaml:"retries"`
	} `yaml:"healthcheck"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
}

func compose(t *testing.T) composed {
	t.Helper()
	var c composed
	if err := yaml.Unmarshal(rootFile(t, "docker-compose.yml"), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) < 6 {
		t.Fatalf("only %d services", len(c.Services))
	}
	return c
}

func rootFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var pinned = regexp.MustCompile(`^[a-z0-9./-]+:\d+\.\d+\.\d+(-[a-z0-9]+)?$`)

func TestComposePinsImagesAndStaysOnThisMachine(t *testing.T) {
	for name, s := range compose(t).Services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q has no exact version", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
	}
}

func TestComposeWaitsForWhatItNeeds(t *testing.T) {
	c := compose(t)
	once := map[string]bool{} // these end, so they have no health
	for name, s := range c.Services {
		for on, d := range s.DependsOn {
			other, ok := c.Services[on]
			switch {
			case !ok:
				t.Errorf("%s waits for %s, which is no service", name, on)
			case d.Condition == "service_completed_successfully":
				once[on] = true
			case d.Condition != "service_healthy":
				t.Errorf("%s waits for %s under the condition %q", name, on, d.Condition)
			case len(other.Healthcheck.Test) == 0:
				t.Errorf("%s waits for the health of %s, which has no check", name, on)
			}
			if len(other.Profiles) > 0 && len(s.Profiles) == 0 {
				t.Errorf("%s waits for %s, which starts only on demand", name, on)
			}
		}
	}
	for name, s := range c.Services {
		if healthy := len(s.Healthcheck.Test) > 1 && s.Healthcheck.Retries > 0; !healthy && !once[name] && len(s.Profiles) == 0 {
			t.Errorf("%s has no health check", name)
		}
	}
}

func TestComposeDeclaresItsVolumes(t *testing.T) {
	c := compose(t)
	used := map[string]bool{}
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(from, ".") {
				rootFile(t, from)
				continue
			}
			if used[from] = true; !hasKey(c.Volumes, from) {
				t.Errorf("%s: volume %s is not declared", name, from)
			}
		}
	}
	for v := range c.Volumes {
		if !used[v] {
			t.Errorf("volume %s is declared and used by nobody", v)
		}
	}
}

func hasKey[V any](m map[string]V, key string) bool { _, ok := m[key]; return ok }

func TestDockerfileIsPinnedAndNotRoot(t *testing.T) {
	text := string(rootFile(t, "Dockerfile"))
	froms := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1)
	if len(froms) == 0 {
		t.Fatal("no FROM")
	}
	for _, f := range froms {
		if f[1] != "scratch" && !pinned.MatchString(f[1]) {
			t.Errorf("FROM %s has no exact version", f[1])
		}
	}
	if froms[len(froms)-1][1] != "scratch" {
		t.Errorf("the image is made from %s", froms[len(froms)-1][1])
	}
	user := regexp.MustCompile(`(?m)^USER (\d+):`).FindStringSubmatch(text)
	if user == nil || user[1] == "0" {
		t.Errorf("the image runs as %v", user)
	}
	mod := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(rootFile(t, "go.mod")))
	if !strings.Contains(text, "FROM golang:"+mod[1]+".") {
		t.Errorf("the image is not built with the Go %s of go.mod", mod[1])
	}
}

// TestComposeRunsWhatTheExampleConfigures compares names, ports and paths in
// docker-compose.yml with those in the configuration that it mounts.
func TestComposeRunsWhatTheExampleConfigures(t *testing.T) {
	c, conf := compose(t), exampleConfig(t, false)
	mount := ""
	for _, v := range c.Services["reflex"].Volumes {
		if rest, ok := strings.CutPrefix(v, "./cmd/reflex/reflex.yml:"); ok {
			mount, _, _ = strings.Cut(rest, ":")
		}
	}
	for name, s := range c.Services {
		if i := slices.Index(s.Command, "-c"); s.Build != "" && i > 0 && s.Command[i+1] != mount {
			t.Errorf("%s reads %s, but %s is mounted", name, s.Command[i+1], mount)
		}
	}
	_, port, _ := strings.Cut(conf.Listen, ":")
	r := c.Services["reflex"]
	if !slices.Contains(r.Ports, "127.0.0.1:"+port+":"+port) || !strings.Contains(strings.Join(r.Healthcheck.Test, " "), ":"+port+"/readyz") {
		t.Errorf("the example listens on %s; compose has ports %v and health check %v", conf.Listen, r.Ports, r.Healthcheck.Test)
	}
	if !strings.Contains(c.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"], "INTERNAL://"+conf.Kafka.Brokers[0]) {
		t.Errorf("Kafka is not at %v", conf.Kafka.Brokers)
	}
	for _, want := range []string{conf.State, filepath.Dir(conf.GeoIP), filepath.Dir(conf.Rules[0]), filepath.Dir(conf.Lists[0])} {
		if !slices.ContainsFunc(r.Volumes, func(v string) bool { return strings.HasSuffix(v, ":"+want) }) {
			t.Errorf("%s is on no volume: %v", want, r.Volumes)
		}
	}
	for _, name := range variables(conf.text) {
		if !hasKey(r.Environment, name) {
			t.Errorf("the example reads ${%s}, which compose does not set", name)
		}
	}
}

func variables(text string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^[^#\n]*\$\{(\w+)\}`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

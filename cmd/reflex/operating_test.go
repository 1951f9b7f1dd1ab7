package main

import (
	"regexp"
	"strings"
	"testing"

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
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(page)
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

package story_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/story"
)

// lookalikes are the things of a normal day that resemble an attack, each with
// what shows that the day has it.
var lookalikes = map[string]func(g func(string) string, ev *engine.Event) bool{
	"a key from both addresses of the office": func(g func(string) string, ev *engine.Event) bool {
		return ev.Dataset == engine.LiteLLM && g("source.ip") == "198.51.100.11" && g("secret.owner") == "data-team@example.org"
	},
	"a console page": func(g func(string) string, _ *engine.Event) bool {
		return g("aws.cloudtrail.session_credential_from_console") == "true"
	},
	"Terraform from a laptop with the role of CI": func(g func(string) string, ev *engine.Event) bool {
		return g("aws.cloudtrail.session_name") == "devon-example" && g("source.ip") == "198.51.100.10" && strings.HasPrefix(g("event.action"), "Describe")
	},
	"an AWS service as the source": func(g func(string) string, _ *engine.Event) bool {
		return g("source.address") == "ec2.amazonaws.com" && g("source.ip") == ""
	},
	"AWS Internal": func(g func(string) string, _ *engine.Event) bool { return g("source.address") == "AWS Internal" },
	"a VPC endpoint": func(g func(string) string, _ *engine.Event) bool {
		return g("aws.cloudtrail.vpc_endpoint_id") != "" && strings.HasPrefix(g("source.ip"), "10.")
	},
	"a dry run": func(g func(string) string, _ *engine.Event) bool { return g("error.code") == "Client.DryRunOperation" },
	"a key issued to a machine of the CI provider": func(g func(string) string, ev *engine.Event) bool {
		return ev.Derived == "cred.issued" && strings.HasPrefix(g("source.ip"), "192.0.2.")
	},
	"an official model at a pinned commit": func(g func(string) string, ev *engine.Event) bool {
		return ev.Derived == "model.pulled" && g("model.namespace") == "meta-llama" && g("model.revision_kind") == "commit"
	},
	"packages from the official index": func(g func(string) string, _ *engine.Event) bool {
		return g("destination.domain") == "files.pythonhosted.org" && g("process.name") == "pip"
	},
	"a bot's run": func(g func(string) string, _ *engine.Event) bool {
		return strings.HasPrefix(g("ci.ref"), "dependabot/") && g("event.action") != ""
	},
	"a scheduled run at night": func(g func(string) string, ev *engine.Event) bool {
		return g("ci.workflow.name") == "nightly" && ev.When().Hour() < 4
	},
	"a developer's VPN exit on another continent": func(g func(string) string, ev *engine.Event) bool {
		return ev.Dataset == engine.LiteLLM && g("source.ip") == "198.51.100.97"
	},
	"an environment with every value masked": func(g func(string) string, ev *engine.Event) bool {
		return ev.Derived == "env.dumped" && g("ci.env.count") == g("ci.env.masked")
	},
	"a load test": func(g func(string) string, ev *engine.Event) bool {
		return ev.Dataset == engine.LiteLLM && g("secret.owner") == "api-team@example.org" && g("source.ip") == "198.51.100.132" && len(g("gen_ai.usage.input_tokens")) == 5
	},
	"a key renewed by who administers keys": func(g func(string) string, _ *engine.Event) bool {
		return g("event.action") == "UpdateAccessKey" && g("user.name") == "avery-example"
	},
	"noise turned away at a public address": func(g func(string) string, _ *engine.Event) bool {
		return g("aws.vpcflow.action") == "REJECT" && strings.HasPrefix(g("source.ip"), "203.0.113.")
	},
	"our load balancer answers strangers": func(g func(string) string, ev *engine.Event) bool {
		return ev.Dataset == engine.VPCFlow && g("network.direction") == "egress" && g("source.ip") == "10.20.9.8"
	},
	"an address that many sites share, without a name": func(g func(string) string, ev *engine.Event) bool {
		return ev.Dataset == engine.VPCFlow && g("destination.ip") == "192.0.2.141"
	},
}

func TestDayHasEveryLookalike(t *testing.T) {
	s := story.New(1)
	seen := map[string]int{}
	read(t, s, func(r *reader, ev *engine.Event) bool {
		g := func(name string) string { return r.get(ev, name) }
		for name, is := range lookalikes {
			if seen[name] == 0 && is(g, ev) {
				seen[name]++
			}
		}
		return false
	})
	for name := range lookalikes {
		if seen[name] == 0 {
			t.Errorf("the day has no %s", name)
		}
	}
	sample, bot, audit := []byte("AKIA"+"IOSFODNN7"+"EXAMPLE"), []byte("Secret source: Dependabot"), []byte("audit mode")
	found := [3]bool{}
	deliveries, again := map[string]bool{}, false
	for _, f := range s.Files() {
		for i, text := range [][]byte{sample, bot, audit} {
			found[i] = found[i] || bytes.Contains(f.Data, text)
		}
		if strings.HasPrefix(f.Name, "webhooks/private") {
			for _, line := range bytes.Split(f.Data, []byte("\n")) {
				if _, rest, ok := bytes.Cut(line, []byte(`"X-GitHub-Delivery":"`)); ok {
					id := string(rest[:36])
					again = again || deliveries[id]
					deliveries[id] = true
				}
			}
		}
	}
	if found != [3]bool{true, true, true} {
		t.Errorf("sample keys, a bot's secrets, an agent in audit mode: %v", found)
	}
	if !again {
		t.Error("no webhook is delivered twice")
	}
}

// TestAddressesAreDocumentationOnes: nobody else's network stands in the day.
func TestAddressesAreDocumentationOnes(t *testing.T) {
	ours := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	read(t, story.New(1), func(r *reader, ev *engine.Event) bool {
		for _, name := range []string{"source.ip", "destination.ip"} {
			a := ev.Get(r.layout.SlotOf(name)).Addr()
			if !a.IsValid() || a.IsPrivate() {
				continue
			}
			in := false
			for _, p := range ours {
				in = in || p.Contains(a)
			}
			if !in {
				t.Errorf("%s: %s", r.file, a)
			}
		}
		return false
	})
}

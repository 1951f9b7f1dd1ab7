package story

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Lists gives what the organisation knows about itself, as YAML files: networks,
// namespaces, roles, hosts, and the inventory of its AI keys. A list of the same
// name stands in place of the shipped one.
func (s *Story) Lists() fs.FS {
	return files(map[string]string{
		"networks.yml":  networks,
		"builds.yml":    buildLists,
		"inventory.yml": s.inventory(),
	})
}

// Exceptions gives the exceptions in force on the day, as YAML files for the
// rule loader.
func (s *Story) Exceptions() fs.FS {
	return files(map[string]string{"load-test.yml": loadTestException})
}

// files makes a file system of texts. An archive in memory is one already.
func files(texts map[string]string) fs.FS {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		f, _ := w.CreateHeader(&zip.FileHeader{Name: name}) // neither errs: the buffer takes everything
		io.WriteString(f, texts[name])
	}
	w.Close()
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		panic(err) // a bug here: we wrote it
	}
	return r
}

const networks = `kind: list
name: known_networks
type: cidr
description: networks of the example organisation
entries:
  - {value: 198.51.100.0/26, note: office and its NAT, owner: it@example.org}
  - {value: 198.51.100.64/26, note: VPN exits, owner: it@example.org}
  - {value: 198.51.100.128/25, note: NAT gateways of the cloud accounts, owner: platform@example.org}
  - {value: "2001:db8:1::/48", note: office, owner: it@example.org}
---
kind: list
name: runner_networks
type: cidr
description: where build machines live, and where they are seen from
entries:
  - {value: 10.20.1.0/24, note: build network, owner: platform@example.org}
  - {value: 198.51.100.24/29, note: its NAT gateways, owner: platform@example.org}
  - {value: 192.0.2.0/25, note: machines the CI provider rents out; shared with all its customers, owner: platform@example.org}
---
kind: list
name: egress_networks
type: cidr
description: public networks that builds may reach, for logs that know no names
entries:
  - {value: 192.0.2.128/25, note: "code host, package indexes, model hub, AWS", owner: platform@example.org}
`

const buildLists = `kind: list
name: model_namespaces
type: exact
description: publishers whose models builds may use
entries:
  - {value: example-org, note: our own models, owner: ml-team@example.org}
  - {value: meta-llama, owner: ml-team@example.org}
  - {value: mistralai, owner: ml-team@example.org}
  - {value: sentence-transformers, owner: ml-team@example.org}
---
kind: list
name: models_approved
type: exact
description: models that builds may use
entries:
  - {value: meta-llama/Llama-3-8B, owner: ml-team@example.org}
  - {value: mistralai/Mistral-7B-v0.3, owner: ml-team@example.org}
  - {value: sentence-transformers/all-MiniLM-L6-v2, owner: ml-team@example.org}
  - {value: example-org/support-ranker, owner: ml-team@example.org}
---
kind: list
name: egress_allowed
type: domain
description: hosts that builds may talk to, with their sub-domains
entries:
  - {value: llm.example.org, note: the AI gateway, owner: platform@example.org}
  - {value: github.com, owner: platform@example.org}
  - {value: githubusercontent.com, owner: platform@example.org}
  - {value: ghcr.io, owner: platform@example.org}
  - {value: pypi.org, owner: platform@example.org}
  - {value: pythonhosted.org, owner: platform@example.org}
  - {value: npmjs.org, owner: platform@example.org}
  - {value: huggingface.co, owner: ml-team@example.org}
  - {value: hf.co, owner: ml-team@example.org}
  - {value: docker.io, owner: platform@example.org}
  - {value: deb.debian.org, owner: platform@example.org}
  - {value: amazonaws.com, owner: platform@example.org}
---
kind: list
name: ci_roles
type: glob
description: roles that builds assume
entries:
  - {value: "arn:aws:iam::*:role/ci-*", owner: platform@example.org}
---
kind: list
name: iam_admins
type: glob
description: who administers IAM
entries:
  - {value: "arn:aws:iam::111122223333:user/avery-example", owner: platform@example.org}
  - {value: "arn:aws:iam::111122223333:role/ci-terraform", note: maintains the roles of our programs, owner: platform@example.org}
---
kind: list
name: public_repos
type: exact
description: repositories whose build logs everybody can read
entries:
  - {value: example-org/ml-app, owner: ml-team@example.org}
  - {value: example-org/data-kit, owner: data-team@example.org}
  - {value: example-org/docs, owner: api-team@example.org}
`

// inventory lists the AI keys: how the gateway logs them, never the keys.
func (s *Story) inventory() string {
	var b bytes.Buffer
	b.WriteString("kind: ai_keys\ndescription: virtual keys of the AI gateway\nai_keys:\n")
	for _, k := range s.keys {
		fmt.Fprintf(&b, "  - id: %s\n    provider: litellm\n    sha256: %s\n    prefix: %s\n    suffix: %s\n    owner: %s\n    budget: %g\n",
			k.id, k.hash, k.value[:5], k.value[len(k.value)-4:], k.owner, k.budget)
		if len(k.networks) > 0 {
			fmt.Fprintf(&b, "    networks: [%s]\n", strings.Join(k.networks, ", "))
		}
	}
	return b.String()
}

const loadTestException = `kind: exception
id: load-test-of-the-day
rules: [ai-budget-exceeded]
when: secret.principal == "load-test"
reason: The load test of the new release multiplies the usage of its own key.
owner: api-team@example.org
created: 2026-02-20
expires: 2026-03-20
`

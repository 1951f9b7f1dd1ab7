package story

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fake keys: the word EXAMPLE stands directly behind the format's prefix, the
// rest is random. So scanners take them for keys and
// people see that they are none.

// fakeAWS makes an access key id, or another AWS id of 20 characters.
func fakeAWS(d dice, prefix string) string { return prefix + "EXAMPLE" + d.text(base32, 9) }

// fakeGateway makes a virtual key of the AI gateway. Scanners want letters of
// both cases and a digit, which fifteen draws need not give.
func fakeGateway(d dice) string {
	return "sk-EXAMPLE" + d.text(alphaNum, 10) + d.text(lowerNum[:26], 3) + d.text(lowerNum[26:], 2)
}

// aiKey is a virtual key of the AI gateway.
type aiKey struct {
	id       string // as the inventory calls it
	value    string // never leaves this package but in the one log that leaks it
	hash     string // SHA-256 in hex: how the gateway logs it
	owner    string
	team     string
	budget   float64 // US dollars a day
	networks []string
	models   []string
	from     []string // addresses it is used from
	requests int      // a day
	cost     float64  // US dollars a request, on average
}

func newKeys(seed int64) []*aiKey {
	d := newDice(seed, "keys")
	keys := []*aiKey{
		{id: "ml-app-ci", owner: "ml-team@example.org", team: "team-ml", budget: 25, networks: []string{"192.0.2.0/25"},
			models: []string{"gpt-5-mini"}, cost: 0.004},
		// what builds use after the leaked key was revoked
		{id: "ml-app-ci-2", owner: "ml-team@example.org", team: "team-ml", budget: 25, networks: []string{"192.0.2.0/25"},
			models: []string{"gpt-5-mini"}, cost: 0.004},
		{id: "api-prod", owner: "api-team@example.org", team: "team-api", budget: 400,
			models: []string{"gpt-5", "gpt-5-mini"}, from: cloudNAT, requests: 2200, cost: 0.03},
		{id: "support-bot", owner: "support@example.org", team: "team-support", budget: 120,
			models: []string{"claude-sonnet", "text-embedding-3-small"}, from: cloudNAT[:2], requests: 1500, cost: 0.02},
		// quiet: one key from both addresses of the company's NAT.
		{id: "analytics", owner: "data-team@example.org", team: "team-data", budget: 60,
			models: []string{"gpt-5-mini"}, from: officeNAT, requests: 700, cost: 0.02},
		// quiet: a developer whose VPN exit changes, once to another continent.
		{id: "dev-casey", owner: "casey@example.org", team: "team-ml", budget: 15,
			models: []string{"gpt-5", "claude-sonnet"}, from: vpnExits, requests: 160, cost: 0.03},
		{id: "dev-devon", owner: "devon@example.org", team: "team-api", budget: 15,
			models: []string{"gpt-5"}, from: append(vpnExits[:2:2], officeNAT...), requests: 140, cost: 0.03},
		{id: "eval-nightly", owner: "ml-team@example.org", team: "team-ml", budget: 80,
			models: []string{"gpt-5", "gpt-5-mini", "claude-sonnet"}, from: runnerNAT, requests: 400, cost: 0.05},
		// quiet: a load test that multiplies the tokens, with an exception in force.
		{id: "load-test", owner: "api-team@example.org", team: "team-api", budget: 20,
			models: []string{"gpt-5-mini"}, from: cloudNAT[2:], requests: 90, cost: 0.03},
	}
	for _, k := range keys {
		k.value = fakeGateway(d)
		sum := sha256.Sum256([]byte(k.value))
		k.hash = hex.EncodeToString(sum[:])
	}
	return keys
}

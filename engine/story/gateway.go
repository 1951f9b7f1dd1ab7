package story

import (
	"fmt"
	"strconv"
	"time"
)

// The AI gateway's log. Most requests come as rows of its table, some as the
// payload that its callbacks send.

// request is one request to the gateway.
type request struct {
	at    int64
	key   *aiKey
	from  string
	model string
	in    int
	out   int
	cost  float64
	fail  bool
	tags  string
}

// gatewayLog collects requests: as rows and as payloads.
type gatewayLog struct {
	dice
	rows, payloads stream
}

func (g *gatewayLog) add(r *request) {
	if r.key.id == "support-bot" || r.key.id == "dev-devon" {
		g.payloads.buf = r.payload(g.dice, g.payloads.buf)
		g.payloads.add(r.at)
		return
	}
	g.rows.buf = r.row(g.dice, g.rows.buf)
	g.rows.add(r.at)
}

// requests makes the day of the gateway.
func (s *Story) requests() *gatewayLog {
	g := &gatewayLog{dice: newDice(s.seed, "gateway")}
	start := Day.UnixNano()
	for _, k := range s.keys {
		for range k.requests {
			g.add(g.draw(k, g.hourly(start, k)))
		}
	}
	for _, j := range s.jobs {
		if j.kind == kindEval {
			k := s.keys[0]
			if j.start > s.leak.revoked-5*minute {
				k = s.keys[1]
			}
			g.evals(j, k)
		}
	}
	g.loadTest(s.keys, start+14*hour)
	for _, r := range s.abuse() {
		g.add(r)
	}
	return g
}

// hourly spreads requests over the day: programs all day, people in working hours.
func (g *gatewayLog) hourly(start int64, k *aiKey) int64 {
	switch {
	case k.id == "eval-nightly":
		return g.in(start+2*hour, 2*hour)
	case k.team == "team-ml" || k.id == "dev-devon" || k.id == "analytics":
		return g.in(start+7*hour, 11*hour)
	}
	return g.in(start, 24*hour)
}

func (g *gatewayLog) draw(k *aiKey, at int64) *request {
	r := &request{at: at, key: k, model: pick(g.dice, k.models), in: g.between(200, 4000), out: g.between(20, 900), fail: g.chance(0.01)}
	r.from = k.from[int(at/int64(7*time.Minute))%len(k.from)]
	if !r.fail {
		r.cost = k.cost * (0.4 + 1.2*g.Float64())
	}
	return r
}

// evals: a build asks the gateway with the CI key, from the CI provider's
// machine (quiet: the inventory allows that key there) or from ours.
func (g *gatewayLog) evals(j *job, k *aiKey) {
	for i := range 20 {
		at := j.start + 30*second + int64(i)*g.Int64N(1500*1_000_000)
		g.add(&request{at: min(at, j.end), key: k, from: j.ip, model: k.models[0], in: g.between(200, 900), out: g.between(20, 300),
			cost: k.cost * (0.4 + 1.2*g.Float64()), tags: `"ci","run:` + strconv.FormatInt(j.run, 10) + `"`})
	}
}

// loadTest multiplies a key's tokens by five and goes over its budget. An
// exception is in force, so it is quiet.
func (g *gatewayLog) loadTest(keys []*aiKey, from int64) {
	k := keys[len(keys)-1]
	for range 450 {
		g.add(&request{at: g.in(from, 40*minute), key: k, from: k.from[0], model: k.models[0], in: g.between(8000, 16000), out: g.between(500, 2000),
			cost: 0.1 + 0.05*g.Float64(), tags: `"load-test"`})
	}
}

// abuse is what strangers ask with the leaked key: first one of them tries it,
// then many use it from everywhere.
func (s *Story) abuse() []*request {
	d := newDice(s.seed, "abuse")
	var out []*request
	at := s.leak.used
	models := []string{"gpt-5", "claude-opus", "gpt-5", "claude-sonnet", "gpt-5-mini"}
	for i := range 320 {
		r := &request{at: at, key: s.leak.key, from: leakIP, model: pick(d, models), in: d.between(5000, 12000), out: d.between(2000, 6000), cost: 0.28 + 0.25*d.Float64()}
		if i == 0 {
			r.model = "gpt-5"
		}
		if i > 8 && d.chance(0.7) {
			r.from = d.addr(netStranger, 96, 127)
		}
		out = append(out, r)
		switch {
		case i < 8:
			at += int64(d.between(5, 15)) * second
		default:
			at += d.Int64N(7 * second)
		}
	}
	return out
}

// provider names who answers for a model.
func provider(model string) (name, base, full string) {
	switch model {
	case "claude-sonnet", "claude-opus":
		return "anthropic", "https://api.anthropic.com", "anthropic/" + model + "-4-5"
	}
	return "openai", "https://api.openai.com/v1/", model + "-2026-01-15"
}

func callType(model string) string {
	if model == "text-embedding-3-small" {
		return "aembedding"
	}
	return "acompletion"
}

// row writes a row of the gateway's table.
func (r *request) row(d dice, b []byte) []byte {
	name, base, full := provider(r.model)
	status, errInfo := "success", "null"
	if r.fail {
		status = "failure"
		errInfo = `{"error_code":"429","error_class":"RateLimitError","llm_provider":"` + name + `","error_message":"rate limit reached"}`
	}
	took := int64(d.between(300, 9000)) * 1_000_000
	id := "chatcmpl-" + d.text(alphaNum, 29)
	return fmt.Appendf(b, `{"request_id":"%s","call_type":"%s","api_key":"%s","spend":%.6f,"total_tokens":%d,"prompt_tokens":%d,"completion_tokens":%d,`+
		`"startTime":"%s","endTime":"%s","completionStartTime":"%s","request_duration_ms":%d,"model":"%s","model_id":"%s","model_group":"%s","custom_llm_provider":"%s",`+
		`"api_base":"%s","user":"%s","team_id":"%s","end_user":"","organization_id":"example-org","metadata":{"user_api_key_alias":"%s","user_api_key_team_alias":"%s",`+
		`"user_api_key_user_id":"%s","user_agent":"python-httpx/0.28.1","status":"%s","error_information":%s,"additional_usage_values":{"prompt_tokens_details":{"cached_tokens":%d}},`+
		`"applied_guardrails":[],"cold_storage_object_key":null},"cache_hit":"False","cache_key":"Cache OFF","request_tags":[%s],"requester_ip_address":"%s",`+
		`"session_id":"%s","status":"%s","messages":{},"response":{},"proxy_server_request":"{}"}`,
		id, callType(r.model), r.key.hash, r.cost, r.in+r.out, r.in, r.out, stamp(r.at-took, 6), stamp(r.at, 6), stamp(r.at-took/2, 6), took/1_000_000,
		full, d.hex(64), r.model, name, base, r.key.owner, r.key.team, r.key.owner, r.key.team, r.key.owner, status, errInfo, d.IntN(200), r.tags, r.from, d.uuid(), status)
}

// payload writes what the gateway's callbacks send.
func (r *request) payload(d dice, b []byte) []byte {
	name, base, full := provider(r.model)
	status := "success"
	if r.fail {
		status = "failure"
	}
	took := int64(d.between(300, 9000)) * 1_000_000
	seconds := func(ns int64) string { return strconv.FormatFloat(float64(ns/1000)/1e6, 'f', 6, 64) }
	return fmt.Appendf(b, `{"id":"chatcmpl-%s","trace_id":"%s","call_type":"%s","stream":false,"response_cost":%.6f,"status":"%s","custom_llm_provider":"%s",`+
		`"total_tokens":%d,"prompt_tokens":%d,"completion_tokens":%d,"startTime":%s,"endTime":%s,"completionStartTime":%s,"response_time":%.3f,"model":"%s","model_id":"%s","model_group":"%s",`+
		`"api_base":"%s","metadata":{"user_api_key_hash":"%s","user_api_key_alias":"%s","user_api_key_team_id":"%s","user_api_key_org_id":"example-org","user_api_key_user_id":"%s",`+
		`"user_api_key_user_email":"%s","requester_ip_address":"%s","requester_metadata":{},"spend_logs_metadata":null},"cache_hit":false,"saved_cache_cost":0.0,"request_tags":[%s],`+
		`"end_user":"","requester_ip_address":"%s","user_agent":"openai-python/1.65.1","messages":null,"response":null,"error_str":null,"model_parameters":{"temperature":0.2},`+
		`"hidden_params":{"model_id":"%s","cache_key":null,"litellm_overhead_time_ms":%d}}`,
		d.text(alphaNum, 29), d.uuid(), callType(r.model), r.cost, status, name, r.in+r.out, r.in, r.out, seconds(r.at-took), seconds(r.at), seconds(r.at-took/2), float64(took)/1e9,
		full, d.hex(64), r.model, base, r.key.hash, r.key.owner, r.key.team, r.key.owner, r.key.owner, r.from, r.tags, r.from, d.hex(64), d.between(3, 40))
}

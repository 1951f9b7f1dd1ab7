package decode

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// liteLLM reads requests as the LiteLLM gateway logs them: rows of its spend
// table and payloads of its logging callbacks. Prompts and answers are never read.
var liteLLM = format{
	name:    "litellm",
	dataset: engine.LiteLLM,
	signs:   "call_type startTime request_id id api_key spend response_cost metadata model_group custom_llm_provider endTime",
	sniff: func(r *reading) bool {
		if !r.has(0) || !r.has(1) && !r.has(10) {
			return false
		}
		return r.has(2) && (r.kind(4) != 0 || r.kind(5) != 0) || r.has(3) && (r.kind(6) != 0 || r.kind(7) == '{' || r.kind(8) != 0 || r.kind(9) != 0)
	},
	embedded: "metadata",
	table:    liteLLMTable,
}

const liteMeta = "metadata."

var liteLLMTable = []row{
	{field: "@timestamp", from: "endTime startTime"},
	{field: "event.id", from: "request_id id"},
	{field: "event.action", from: "call_type"},
	{field: "event.provider", is: "litellm"},
	{field: "event.category", is: "api"},
	{field: "event.type", is: "access"},
	{field: "event.outcome", from: "status metadata.status error_str error_information.error_class metadata.error_information.error_class", value: func(r *reading) engine.Value {
		switch s := strings.ToLower(firstOf(r, 0, 1)); {
		case strings.HasPrefix(s, "fail"), s == "error", s == "" && (r.has(2) || r.has(3) || r.has(4)):
			return engine.String("failure")
		case s == "" || strings.HasPrefix(s, "succ"):
			return engine.String("success")
		}
		return engine.String("unknown")
	}},
	{field: "event.start", from: "startTime"},
	{field: "event.end", from: "endTime"},
	{field: "event.duration", from: "startTime endTime request_duration_ms", value: func(r *reading) engine.Value {
		start, ok := parseTime(r.str(0))
		end, ok2 := parseTime(r.str(1))
		if ok && ok2 && end >= start {
			return engine.Int(end - start)
		}
		if ms := parseLong(r.str(2)); !ms.IsNil() {
			return engine.Int(ms.Int() * 1e6)
		}
		return engine.Value{}
	}},
	{field: "error.code", from: "error_information.error_code metadata.error_information.error_code"},
	{field: "error.message", from: "error_information.error_message metadata.error_information.error_message error_str"},
	{field: "source.address", from: "requester_ip_address metadata.requester_ip_address"},
	{field: "source.ip", from: "requester_ip_address metadata.requester_ip_address", value: func(r *reading) engine.Value {
		if !r.has(0) {
			r.at = r.at[1:]
		}
		return firstPublic(r)
	}},
	{field: "user.id", from: "user metadata.user_api_key_user_id"},
	{field: "user.name", from: "end_user metadata.user_api_key_end_user_id metadata.user_api_key_alias"},
	{field: "user.email", from: "metadata.user_api_key_user_email"},
	{field: "user_agent.original", from: "user_agent metadata.user_agent"},
	{field: "organization.id", from: "organization_id metadata.user_api_key_org_id"},
	{field: "server.address", from: "api_base", value: func(r *reading) engine.Value { return text(hostOf(r.str(0))) }},
	{field: "secret.kind", is: "ai_key"},
	{field: "secret.provider", is: "litellm"},
	{field: "secret.principal", from: "metadata.user_api_key_hash api_key metadata.user_api_key", value: func(r *reading) engine.Value {
		key := firstOf(r, 0, 1, 2)
		if !strings.HasPrefix(key, "sk-") {
			return text(key)
		}
		sum := sha256.Sum256([]byte(key)) // an old version that logs the key itself
		var b [2 * sha256.Size]byte
		hex.Encode(b[:], sum[:])
		return text(r.keep(b[:]))
	}},
	{field: "secret.owner", from: "metadata.user_api_key_alias metadata.user_api_key_user_email metadata.user_api_key_team_alias"},
	{field: "gen_ai.provider.name", from: "custom_llm_provider", value: func(r *reading) engine.Value {
		switch p := r.str(0); p {
		case "bedrock", "bedrock_converse", "sagemaker":
			return engine.String("aws.bedrock")
		case "vertex_ai", "vertex_ai_beta":
			return engine.String("gcp.vertex_ai")
		case "gemini":
			return engine.String("gcp.gemini")
		case "azure", "azure_text":
			return engine.String("azure.ai.openai")
		case "azure_ai":
			return engine.String("azure.ai.inference")
		case "mistral":
			return engine.String("mistral_ai")
		case "xai":
			return engine.String("x_ai")
		default:
			return text(p)
		}
	}},
	{field: "gen_ai.operation.name", from: "call_type", value: func(r *reading) engine.Value {
		call := strings.TrimPrefix(r.str(0), "a")
		switch {
		case call == "":
			return engine.Value{}
		case strings.HasSuffix(call, "text_completion"):
			return engine.String("text_completion")
		case strings.HasPrefix(call, "completion"), strings.HasPrefix(call, "responses"), strings.HasPrefix(call, "nthropic_messages"), strings.HasPrefix(call, "generate_content"):
			return engine.String("chat")
		case strings.HasPrefix(call, "embedding"):
			return engine.String("embeddings")
		}
		return text(call)
	}},
	{field: "gen_ai.request.model", from: "model_group model"},
	{field: "gen_ai.response.model", from: "model"},
	{field: "gen_ai.usage.input_tokens", from: "prompt_tokens"},
	{field: "gen_ai.usage.output_tokens", from: "completion_tokens"},
	{field: "gen_ai.usage.cache_read.input_tokens", from: "metadata.additional_usage_values.cache_read_input_tokens metadata.additional_usage_values.prompt_tokens_details.cached_tokens " +
		"metadata.usage_object.prompt_tokens_details.cached_tokens"},
	{field: "gen_ai.usage.cost", from: "spend response_cost"},
	{field: "gen_ai.usage.requests", value: func(*reading) engine.Value { return engine.Int(1) }},
	{field: "gen_ai.project.id", from: "team_id metadata.user_api_key_team_id"},
	{field: "ci.run.id", from: liteTag("ci_run_id"), value: runFromTag},
	{field: "ci.run.number", from: liteTag("ci_run_id"), value: func(r *reading) engine.Value {
		run, _, _ := strings.Cut(firstOf(r, 0, 1, 2), "-")
		return text(run)
	}},
	{field: "ci.job.id", from: liteTag("ci_job_id")},
	{field: "ci.repo.name", from: liteTag("ci_repo")},
}

// liteTag gives the places where callers put tags of their own.
func liteTag(name string) string {
	return liteMeta + "requester_metadata." + name + " " + liteMeta + "spend_logs_metadata." + name + " " + liteMeta + name
}

func runFromTag(r *reading) engine.Value {
	run := firstOf(r, 0, 1, 2)
	if run == "" || strings.Contains(run, "-") {
		return text(run)
	}
	return text(r.join(run, "-", "1"))
}

// hostOf gives the host of a URL, or of host:port.
func hostOf(s string) string {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	if strings.HasPrefix(s, "[") {
		if i := strings.IndexByte(s, ']'); i > 0 {
			return s[1:i]
		}
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.Count(s, ":") == 1 {
		s = s[:i]
	}
	return s
}

package decode

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// with changes some top-level keys of the sample CloudTrail record; nil takes a
// key away, and a raw JSON text stands for itself.
func with(pairs ...any) string {
	var m map[string]any
	if err := json.Unmarshal([]byte(trail), &m); err != nil {
		panic(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(m, pairs[i].(string))
		} else {
			m[pairs[i].(string)] = pairs[i+1]
		}
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func rawJSON(s string) json.RawMessage { return json.RawMessage(s) }

// TestTraps holds what real records do that the documentation does not say.
// want lists fields; an empty value means that the field must be missing.
func TestTraps(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     map[string]string
	}{
		{"no identity type", with("userIdentity", rawJSON(`{"accountId":"1","invokedBy":"kms.amazonaws.com"}`)),
			map[string]string{"aws.cloudtrail.user_identity.type": "", "secret.principal": "", "cloud.account.id": "1", "aws.cloudtrail.user_identity.invoked_by": "kms.amazonaws.com"}},
		{"empty access key", with("userIdentity", rawJSON(`{"type":"Root","accessKeyId":"","arn":"arn:aws:iam::1:root"}`)), map[string]string{"secret.principal": "", "aws.cloudtrail.user_identity.access_key_id": ""}},
		{"no identity", with("userIdentity", nil), map[string]string{"user.name": "", "cloud.account.id": "111122223333"}},
		{"message without code fails", with("errorMessage", "denied"), map[string]string{"event.outcome": "failure", "error.code": ""}},
		{"console login decides by its answer", with("eventName", "ConsoleLogin", "responseElements", rawJSON(`{"ConsoleLogin":"Success"}`), "errorMessage", "x"), map[string]string{"event.outcome": "success"}},
		{"resources null", with("resources", rawJSON("null")), map[string]string{"aws.cloudtrail.resources.arn": ""}},
		{"flags as strings", with("readOnly", "true", "managementEvent", "false", "sessionCredentialFromConsole", "true"),
			map[string]string{"aws.cloudtrail.read_only": "true", "aws.cloudtrail.management_event": "false", "aws.cloudtrail.session_credential_from_console": "true"}},
		{"service as address", with("sourceIPAddress", "ec2.amazonaws.com"), map[string]string{"source.ip": "", "source.address": "ec2.amazonaws.com"}},
		{"AWS itself", with("sourceIPAddress", "AWS Internal/x"), map[string]string{"source.ip": "", "source.address": "AWS Internal/x"}},
		{"leading zeros", with("sourceIPAddress", "203.0.113.009"), map[string]string{"source.ip": "", "source.address": "203.0.113.009"}},
		{"list of addresses", with("sourceIPAddress", "10.1.2.3, 203.0.113.9"), map[string]string{"source.ip": "203.0.113.9"}},
		{"IPv6", with("sourceIPAddress", "2001:db8::9"), map[string]string{"source.ip": "2001:db8::9"}},
		{"mapped IPv6", with("sourceIPAddress", "::ffff:203.0.113.9"), map[string]string{"source.ip": "203.0.113.9"}},
		{"private address", with("sourceIPAddress", "10.1.2.3"), map[string]string{"source.ip": "10.1.2.3"}},
		{"redacted address", with("sourceIPAddress", "redacted"), map[string]string{"source.ip": "", "source.address": "redacted"}},
		{"Logstash output", with("eventTime", nil, "@timestamp", "2026-03-02T10:16:00.000Z", "@version", "1"), map[string]string{"@timestamp": "2026-03-02T10:16:00Z"}},
		{"the inner time counts", `{"detail-type":"AWS API Call via CloudTrail","time":"2026-03-02T11:00:00Z","detail":` + trail + `}`, map[string]string{"@timestamp": "2026-03-02T10:15:00Z"}},
		{"TLS as bare number", with("tlsDetails", rawJSON(`{"tlsVersion":"1.2"}`)), map[string]string{"tls.version": "1.2", "tls.version_protocol": "tls"}},
		{"TLS as a word", with("tlsDetails", rawJSON(`{"tlsVersion":"tlsVersion"}`)), map[string]string{"tls.version": "", "tls.version_protocol": ""}},
		{"key of a broken alphabet", with("userIdentity", rawJSON(`{"type":"IAMUser","accessKeyId":"AKIA0189xx"}`)), map[string]string{"secret.principal": "AKIA0189xx"}},
		{"last duplicate wins", strings.Replace(trail, `"eventName":"ListBuckets"`, `"eventName":"ListBuckets","event\u004eame":"DeleteTrail"`, 1), map[string]string{"event.action": "DeleteTrail"}},
		{"model as profile", with("eventSource", "bedrock.amazonaws.com", "eventName", "Converse", "requestParameters", rawJSON(`{"modelId":"us.meta.llama3-3-70b-instruct-v1:0"}`)), map[string]string{"gen_ai.request.model": "meta/llama3-3-70b-instruct-v1:0"}},
		{"Splunk export", `{"preview":false,"result":{"_raw":` + inString(trail) + `}}`, map[string]string{"event.action": "ListBuckets"}},
		{"indexed document with its original", `{"@timestamp":"2026-03-02T10:15:00Z","event":{"kind":"event","dataset":"aws.cloudtrail","action":"x","original":` + inString(trail) + `}}`,
			map[string]string{"event.action": "ListBuckets", "secret.principal": "ASIAEXAMPLEBUILDKEY2"}},
		{"indexed document without", `{"@timestamp":"2026-03-02T10:15:00Z","event":{"kind":"event","dataset":"aws.cloudtrail","action":"x"},"aws":{"cloudtrail":{"user_identity":{"access_key_id":"AKIA1"}}}}`,
			map[string]string{"event.action": "x", "secret.principal": "AKIA1", "event.dataset": "aws.cloudtrail"}},
		{"a role assumed by a job's session", with("eventName", "AssumeRole", "requestParameters", rawJSON(`{"roleSessionName":"deploy"}`)),
			map[string]string{"aws.cloudtrail.session_name": "deploy", "ci.run.id": "7001-1"}},
		{"Splunk export of fields", `{"preview":false,"result":` + with("_time", "2026-03-02 10:15:00.000 UTC") + `}`, map[string]string{"event.action": "ListBuckets"}},
		{"flattened keys", `{"result":{"eventVersion":"1.08","eventTime":"2026-03-02T10:15:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","userIdentity.type":"IAMUser","userIdentity.userName":"bob","userIdentity.accessKeyId":"AKIA1","requestParameters.userName":"carol"}}`,
			map[string]string{"user.name": "bob", "secret.principal": "AKIA1", "user.target.name": "carol", "aws.cloudtrail.user_identity.type": "IAMUser"}},
		{"objects as printed structs", with("userIdentity", "{type=IAMUser, username=bob, accesskeyid=AKIA1, invokedby=null}", "requestParameters", "{userName=carol}"),
			map[string]string{"user.name": "bob", "secret.principal": "AKIA1", "user.target.name": "carol", "aws.cloudtrail.user_identity.invoked_by": ""}},
		{"parameters as text", with("requestParameters", `{"userName":"carol"}`), map[string]string{"user.target.name": "carol", "user.name": "ci-build"}},
		{"no version, id and region", `{"eventTime":"2026-03-02T10:15:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","userIdentity":{"type":"IAMUser","userName":"bob"}}`,
			map[string]string{"user.name": "bob", "event.dataset": "aws.cloudtrail"}},
		{"under a key of somebody's own", `{"key":"k","value":` + inString(trail) + `}`, map[string]string{"event.action": "ListBuckets"}},
		{"two such keys", `{"MessageId":"m","Body":` + inString(`{"payload":`+trail+`}`) + `}`, map[string]string{"event.action": "ListBuckets"}},
		{"a list under such a key", `{"rows":[` + trail + `],"total":1}`, map[string]string{"event.action": "ListBuckets"}},
		{"a row of cells", `{"QueryResultRows":[[{"eventTime":"2026-03-02 10:15:00.000"},{"eventName":"CreateUser"},{"eventSource":"iam.amazonaws.com"},{"eventID":"1"}]]}`,
			map[string]string{"event.action": "CreateUser", "@timestamp": "2026-03-02T10:15:00Z"}},
		{"a row of fields", `{"results":[[{"field":"@timestamp","value":"2026-03-02 10:16:00.000"},{"field":"@message","value":` + inString(trail) + `}]]}`,
			map[string]string{"event.action": "ListBuckets", "@timestamp": "2026-03-02T10:15:00Z"}},
		{"behind a time", "2026-03-02T10:16:00.000Z " + trail, map[string]string{"event.action": "ListBuckets", "@timestamp": "2026-03-02T10:15:00Z"}},
		{"a flow behind a time", "2026-03-02T10:16:00.000Z 2 111122223333 eni-1 10.0.0.1 203.0.113.1 41822 443 6 14 9120 1772446440 1772446500 ACCEPT OK",
			map[string]string{"destination.ip": "203.0.113.1", "@timestamp": "2026-03-02T10:15:00Z"}},
		{"address with a port", `{"request_id":"r","call_type":"completion","api_key":"k","spend":0,"startTime":"2026-03-02T10:15:00Z","requester_ip_address":"203.0.113.9:51234"}`,
			map[string]string{"source.ip": "203.0.113.9"}},
		{"Elastic's flow", `{"@timestamp":"2026-03-02T10:15:00Z","event":{"dataset":"aws.vpcflow","kind":"event","action":"accept"},"source":{"ip":"10.0.0.1","port":41822},"destination":{"ip":"203.0.113.1","port":443}}`,
			map[string]string{"event.action": "net.egress", "event.dataset": "aws.vpcflow"}},
		{"Elastic's flow back", `{"@timestamp":"2026-03-02T10:15:00Z","event":{"dataset":"aws.vpcflow","kind":"event","action":"accept"},"network":{"direction":"outbound"},"source":{"ip":"10.0.0.1","port":443},"destination":{"ip":"203.0.113.1","port":41822}}`,
			map[string]string{"event.action": "flow"}},
		{"another agent's connection", `{"time":"2026-03-02T10:15:00Z","dest_ip":"203.0.113.77","dest_port":443,"dest_host":"Paste.Example.","process":"curl","verdict":"deny","runner_name":"r-1","repository":"example-org/app","run_id":7001}`,
			map[string]string{"event.dataset": "runner.egress", "event.action": "net.egress", "destination.domain": "paste.example", "destination.ip": "203.0.113.77", "destination.port": "443",
				"process.name": "curl", "event.outcome": "failure", "runner.name": "r-1", "ci.run.id": "7001-1"}},
		{"Elastic's document names its data stream", `{"@timestamp":"2026-03-02T10:15:00Z","data_stream":{"dataset":"aws.cloudtrail"},"event":{"kind":"event","action":"x"}}`,
			map[string]string{"event.dataset": "aws.cloudtrail"}},
		{"search hit of fields", `{"_index":"x","_id":"1","fields":{"@timestamp":["2026-03-02T10:15:00.000Z"],"event.dataset":["aws.cloudtrail"],"event.action":["CreateUser"],"event.kind":["event"],"user.name":["bob"],"event.category":["iam","x"]}}`,
			map[string]string{"event.action": "CreateUser", "event.dataset": "aws.cloudtrail", "user.name": "bob", "@timestamp": "2026-03-02T10:15:00Z"}},
		{"search hit", `{"_index":"x","_source":` + trail + `}`, map[string]string{"event.action": "ListBuckets"}},
		{"Filebeat around a record", `{"@timestamp":"2026-03-02T10:20:00Z","message":` + inString(trail) + `,"log":{"offset":1,"file":{"path":"/x"}},"agent":{"type":"filebeat"},"ecs":{"version":"8.0.0"}}`,
			map[string]string{"event.action": "ListBuckets", "@timestamp": "2026-03-02T10:15:00Z"}},
		{"LiteLLM flag and master key", `{"request_id":"r","call_type":"completion","api_key":"litellm_proxy_master_key","spend":0,"startTime":"2026-03-02 10:15:00.123","cache_hit":"False","metadata":{},"status":"success"}`,
			map[string]string{"secret.principal": "litellm_proxy_master_key", "@timestamp": "2026-03-02T10:15:00.123Z", "gen_ai.usage.cost": "0"}},
		{"LiteLLM logs the key itself", `{"request_id":"r","call_type":"completion","api_key":"sk-1234","spend":0,"startTime":"2026-03-02T10:15:00Z"}`,
			map[string]string{"secret.principal": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"}},
		{"queued job has no runner", `{"action":"queued","workflow_job":{"id":1,"run_id":2,"created_at":"2026-03-02T10:15:00Z","labels":["x"],"runner_id":null,"runner_name":null},"repository":{"full_name":"a/b"}}`,
			map[string]string{"runner.name": "", "runner.id": "", "runner.hosted": "", "ci.run.id": "2-1", "event.action": "job.queued", "ci.job.id": "1"}},
		{"ICMP and dashes", `{"version":"2","account-id":"1","interface-id":"eni-1","srcaddr":"10.0.0.1","dstaddr":"203.0.113.1","srcport":"0","dstport":"0","protocol":"1","bytes":"84","end":"1772446558","action":"ACCEPT","log-status":"OK","instance-id":"-"}`,
			map[string]string{"network.transport": "icmp", "cloud.instance.id": "", "event.action": "net.egress"}},
		{"large integers keep their tail", `{"account_id":"1","interface_id":"eni-1","srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","bytes":9007199254740993,"end":1772446558,"log_status":"OK"}`, map[string]string{"network.bytes": "9007199254740993"}},
		{"answers are no egress", `{"account_id":"1","interface_id":"eni-1","srcaddr":"10.0.0.1","dstaddr":"203.0.113.1","srcport":22,"dstport":50000,"tcp_flags":18,"end":1772446558,"log_status":"OK"}`, map[string]string{"network.direction": "egress", "event.action": "flow"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := file(t, allFields(), "", []byte(c.in), 1<<20)
			if len(r.events) != 1 {
				t.Fatalf("%s", r.summary())
			}
			for f, want := range c.want {
				if got := r.get(0, f); got != want {
					t.Errorf("%s is %q, want %q", f, got, want)
				}
			}
		})
	}
}

// TestIssuedInECS: a document of Elastic without its original still tells what was
// asked and which key was handed out.
func TestIssuedInECS(t *testing.T) {
	in := `{"@timestamp":"2026-03-02T10:15:00Z","event":{"dataset":"aws.cloudtrail","kind":"event","action":"AssumeRoleWithWebIdentity","provider":"sts.amazonaws.com","id":"e1","outcome":"success"},
		"source":{"address":"198.51.100.24","ip":"198.51.100.24"},"user":{"name":"repo:example-org/app:ref:refs/heads/main"},"aws":{"cloudtrail":{"user_identity":{"type":"WebIdentityUser"},
		"flattened":{"request_parameters":{"roleArn":"arn:aws:iam::111122223333:role/ci-build","roleSessionName":"GitHubActions","durationSeconds":900},
		"response_elements":{"credentials":{"accessKeyId":"ASIA1"},"subjectFromWebIdentityToken":"repo:example-org/app:ref:refs/heads/main"}}}}}`
	l := allFields("raw.requestParameters.roleArn")
	r := file(t, l, "", []byte(in), 1<<20)
	if len(r.events) != 2 || r.events[1].Derived != "cred.issued" {
		t.Fatalf("%s", r.summary())
	}
	if got, want := r.get(0, "raw.requestParameters.roleArn"), "arn:aws:iam::111122223333:role/ci-build"; got != want {
		t.Errorf("raw.requestParameters.roleArn is %q, want %q", got, want)
	}
	for f, want := range map[string]string{"secret.principal": "ASIA1", "secret.role": "arn:aws:iam::111122223333:role/ci-build", "secret.ttl": "900", "source.ip": "198.51.100.24", "ci.repo.name": "example-org/app"} {
		if got := r.get(1, f); got != want {
			t.Errorf("%s is %q, want %q", f, got, want)
		}
	}
}

// TestIssuers: every call that hands out a key gives a cred.issued event.
func TestIssuers(t *testing.T) {
	l := allFields()
	for name, c := range map[string]struct{ source, request, response, key, role, ttl string }{
		"AssumeRole":                      {"sts", `{"roleArn":"r","roleSessionName":"gha-7001-2"}`, `{"credentials":{"accessKeyId":"ASIA1","expiration":"Mar 2, 2026, 11:15:00 AM"}}`, "ASIA1", "r", "3600"},
		"AssumeRoleWithSAML":              {"sts", `{"roleArn":"r"}`, `{"credentials":{"accessKeyId":"ASIA1","expiration":"Mar 2, 2026 11:15:00 AM"}}`, "ASIA1", "r", ""},
		"GetSessionToken":                 {"sts", `{"durationSeconds":900}`, `{"credentials":{"accessKeyId":"ASIA2"}}`, "ASIA2", "", "900"},
		"GetFederationToken":              {"sts", `{}`, `{"credentials":{"accessKeyId":"ASIA3"},"federatedUser":{"arn":"f"}}`, "ASIA3", "f", ""},
		"AssumeRoleForPodIdentity":        {"eks-auth", `{"clusterName":"c"}`, `{"credentials":{"accessKeyId":"ASIA4"},"assumedRoleUser":{"arn":"a"}}`, "ASIA4", "a", ""},
		"CreateSession":                   {"rolesanywhere", `{"roleArn":"r"}`, `{"credentialSet":[{"credentials":{"accessKeyId":"ASIA5","expiration":"2026-03-02T10:25:00Z"}}]}`, "ASIA5", "r", "600"},
		"CreateAccessKey":                 {"iam", `{"userName":"u"}`, `{"accessKey":{"accessKeyId":"AKIA6"}}`, "AKIA6", "", ""},
		"CreateServiceSpecificCredential": {"iam", `{"userName":"BedrockAPIKey-1","serviceName":"bedrock.amazonaws.com"}`, `{"serviceSpecificCredential":{"userName":"BedrockAPIKey-1","serviceUserName":"BedrockAPIKey-1-at-1"}}`, "BedrockAPIKey-1", "", ""},
	} {
		in := with("eventSource", c.source+".amazonaws.com", "eventName", name, "requestParameters", rawJSON(c.request), "responseElements", rawJSON(c.response))
		r := file(t, l, "", []byte(in), 1<<20)
		if len(r.events) != 2 || r.events[1].Derived != "cred.issued" || r.events[1].ID != r.events[0].ID+"/cred.issued" {
			t.Errorf("%s: %s", name, r.summary())
			continue
		}
		for f, want := range map[string]string{"event.action": "cred.issued", "secret.principal": c.key, "secret.role": c.role, "secret.ttl": c.ttl, "source.ip": "203.0.113.9"} {
			if got := r.get(1, f); got != want {
				t.Errorf("%s: %s is %q, want %q", name, f, got, want)
			}
		}
		failed := file(t, l, "", []byte(with("eventName", name, "responseElements", rawJSON("null"), "errorCode", "AccessDenied")), 1<<20)
		if len(failed.events) != 1 {
			t.Errorf("%s: a refused call issued a key", name)
		}
	}
}

func TestSubjects(t *testing.T) {
	for in, want := range map[string]subject{
		"repo:example-org/ml-app:ref:refs/heads/feature/x":                            {provider: "github", repo: "example-org/ml-app", ref: "feature/x"},
		"repo:example-org/ml-app:ref:refs/tags/v1":                                    {provider: "github", repo: "example-org/ml-app", ref: "v1"},
		"repo:example-org/ml-app:environment:production":                              {provider: "github", repo: "example-org/ml-app", environment: "production"},
		"repo:example-org/ml-app:pull_request":                                        {provider: "github", repo: "example-org/ml-app", event: "pull_request"},
		"repo:example-org@12/ml-app@34:ref:refs/heads/main":                           {provider: "github", repo: "example-org/ml-app", ref: "main"},
		"job_workflow_ref:example-org/ml-app/.github/workflows/x.yml@refs/heads/main": {provider: "github", repo: "example-org/ml-app", workflow: ".github/workflows/x.yml"},
		"project_path:group/sub/project:ref_type:branch:ref:main":                     {provider: "gitlab", repo: "group/sub/project", ref: "main"},
		"system:serviceaccount:runners:build":                                         {provider: "kubernetes", namespace: "runners", account: "build"},
		"whatever":                                                                    {},
	} {
		if got := parseSubject(in); got != want {
			t.Errorf("%s: %+v", in, got)
		}
	}
}

func TestSessionRun(t *testing.T) {
	for in, want := range map[string]string{
		"gha-7001": "7001 ", "gha-7001-2": "7001 2", "GitHubActions-7001": "7001 ", "github-actions-16543210987": "16543210987 ", "deploy-gha-7001-1": "7001 1",
		"github_run_7001": "7001 ", "run-7001": "7001 ", "ci.7001": "7001 ",
		"GitHubActions": "", "i-0123456789": "", "build-7001": "", "gha-": "", "7001": "", "gha7001": "", "gha-7001-2222": "", "": "", "gha-0": "", "botocore-session-1772446500": "",
	} {
		run, attempt, ok := sessionRun(in)
		got := run + " " + attempt
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"2026-03-02T10:15:00Z": 0, "2026-03-02T10:15:00.1234567Z": 123456700, "2026-03-02T10:15:00.123456789Z": 123456789, "2026-03-02T10:15:00.1234567899Z": 123456789,
		"2026-03-02T06:15:00.123456-0400": 123456000, "2026-03-02T12:15:00+02:00": 0, "2026-03-02T12:15:00+02": 0, "2026-03-02 10:15:00.123000000": 123000000,
		"2026-03-02 10:15:00": 0, "2026-03-02t10:15:00z": 0, "2026/03/02 10:15:00.000": 0, "2026-03-02 10:15:00 UTC": 0,
		"1772446500": 0, "1772446500.049": 49 * time.Millisecond, "1772446500123": 123 * time.Millisecond, "1772446500123.5": 123500 * time.Microsecond,
		"1772446500123456": 123456 * time.Microsecond, "1772446500123456789": 123456789, "639080433000000000": 0, "Mar 2, 2026, 10:15:00 AM": 0, "1.7724465e9": 0,
	} {
		if got, ok := parseTime(in); !ok || got != at.UnixNano()+int64(want) {
			t.Errorf("%s: %v %v", in, time.Unix(0, got).UTC(), ok)
		}
	}
	for _, in := range []string{"", "x", "177244650", "177244650012", "99999999999999999999", "2026-13-02T10:15:00Z", "2026-02-29T10:15:00Z", "2026-03-02T25:15:00Z", "2026-03-02T10:15:00.Z",
		"2026-03-02T10:15:00X", "0001-01-01T00:00:00Z", "2026-03-02", "-1", "NaN", "1e30", "Infinity", "2026-03-02T10:15:00+99:00"} {
		if got, ok := parseTime(in); ok {
			t.Errorf("%q is no time: %v", in, time.Unix(0, got).UTC())
		}
	}
}

// wideZone tells the offsets that package time takes and RFC 3339 does not:
// +24:00 and minutes of 60.
func wideZone(s string) bool {
	zone := s[len(s)-5:]
	return s[len(s)-1] != 'Z' && (zone[:2] > "23" || zone[3:] > "59")
}

func FuzzTime(f *testing.F) {
	f.Add("2026-03-02T10:15:00.123456-04:00")
	f.Add("2024-02-29T23:59:59Z")
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(time.RFC3339Nano, s)
		got, ok := parseTime(s)
		if err == nil && len(s) >= 20 && s[13] == ':' && want.Year() >= firstYear && want.Year() <= lastYear && (!ok || got != want.UnixNano()) && !strings.Contains(s, ",") && !wideZone(s) {
			t.Fatalf("%q: %v %v, want %v", s, time.Unix(0, got).UTC(), ok, want)
		}
	})
}

// FuzzStructText: what is taken for a struct gives valid JSON.
func FuzzStructText(f *testing.F) {
	f.Add([]byte(`{type=AssumedRole, a={b=null, c=[x, y]}, d=x, y, e=}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, ok := structText(nil, b); ok && !json.Valid(out) {
			t.Fatalf("%q gives %q", b, out)
		}
	})
}

// TestEveryFieldThroughECS: rule tests set any field of the registry by its name.
func TestEveryFieldThroughECS(t *testing.T) {
	l := allFields()
	values := map[engine.Type]string{engine.Keyword: `"k"`, engine.IP: `"203.0.113.9"`, engine.Long: `7`, engine.Double: `1.5`, engine.Bool: `true`, engine.Date: `"2026-03-02T10:15:00Z"`, engine.List: `["a","b"]`}
	flat, nested := map[string]any{}, map[string]any{}
	for _, f := range engine.Fields() {
		v := rawJSON(values[f.Type])
		if f.Name == "event.dataset" {
			v = rawJSON(`"litellm"`)
		}
		flat[f.Name] = v
		setPath(nested, f.Name, v)
	}
	for _, doc := range []any{flat, nested} {
		b, _ := json.Marshal(doc)
		for _, format := range []string{"ecs", ""} {
			r := file(t, l, format, b, 1<<20)
			if len(r.events) != 1 || r.events[0].Dataset != engine.LiteLLM {
				t.Fatalf("%.40s: %s %v", b, r.summary(), r.events)
			}
			for _, f := range engine.Fields() {
				if got := r.events[0].Get(l.SlotOf(f.Name)); (got.Kind() != f.Type) != (f.Name == "measure") {
					t.Errorf("%s is %v %q", f.Name, got.Kind(), got.Text())
				}
			}
		}
	}
}

func TestRawPaths(t *testing.T) {
	l := engine.NewLayout()
	want := map[string]string{
		"raw.requestParameters.maxKeys": "1000", "raw.requestParameters.deep": `[1,2.5e3,{"x":[true,false,null]}]`, "raw.userIdentity.sessionContext.attributes": `{"creationDate":"2026-03-02T10:12:04Z","mfaAuthenticated":"false"}`,
		"raw.readOnly": "true", "raw.responseElements": "", "raw.none.at.all": "", "raw.resources.ARN": "a, b", "raw.eventName": "ListBuckets",
	}
	for n := range want {
		if _, err := l.Demand(n); err != nil {
			t.Fatal(err)
		}
	}
	r := file(t, l, "", []byte(strings.Replace(trail, `"readOnly"`, `"resources":[{"ARN":"a"},{"ARN":"b"}],"readOnly"`, 1)), 100)
	for n, w := range want {
		if got := r.get(0, n); got != w {
			t.Errorf("%s is %q, want %q", n, got, w)
		}
	}
	for _, bad := range []string{"raw.a..b", "raw..a", "raw.a."} {
		l := engine.NewLayout()
		l.Demand(bad)
		if _, err := NewPlan(l, Options{}); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// TestIdentity: ids survive copies, tell equal records at different places apart
// in Kafka, and are marked for the pipeline in files.
func TestIdentity(t *testing.T) {
	l := fourteen()
	egress := `{"timestamp":"2026-03-02T10:13:23Z","ipAddress":"203.0.113.77","port":"443","tool":{"name":"x"}}`
	a := file(t, l, "", []byte(egress+"\n"+egress+"\n"), 1<<20)
	b := file(t, l, "", []byte("\n\n"+egress+"\n"), 10)
	if a.events[0].ID != a.events[1].ID || a.events[0].ID != b.events[0].ID || !a.events[0].Place {
		t.Errorf("ids in files: %s %s", a.summary(), b.summary())
	}
	m := message(t, l, engine.Record{Data: []byte(egress + "\n" + egress)})
	if m.events[0].ID == m.events[1].ID || m.events[0].Place || m.events[0].ID == a.events[0].ID {
		t.Errorf("ids in Kafka: %s", m.summary())
	}
	for _, e := range append(a.events, m.events...) {
		if e.Hash != engine.HashID(e.Dataset, e.ID) {
			t.Errorf("hash of %s", e.ID)
		}
	}
	hook := `{"action":"queued","workflow_job":{"id":1,"run_id":2,"created_at":"2026-03-02T10:15:00Z"},"repository":{"full_name":"a/b"}}`
	h := message(t, l, engine.Record{Data: []byte(hook), Headers: []engine.Header{{Key: "x-github-delivery", Value: "d-1"}}})
	if h.events[0].ID != "d-1" {
		t.Errorf("delivery id: %s", h.summary())
	}
}

// leakTest looks for a value in everything that leaves.
type leakTest struct {
	t            *testing.T
	docs         *Documents
	value, where string
	said         int
}

func (h *leakTest) look(what string, b []byte) {
	h.said++
	if strings.Contains(string(b), h.value) {
		h.t.Errorf("%s: the secret stands in the %s: %s", h.where, what, b)
	}
}
func (h *leakTest) Event(ev *engine.Event)     { h.look("document", h.docs.Document(ev)) }
func (h *leakTest) Refuse(r engine.Refusal)    { h.look("dead letter", append(r.Data, r.Error()...)) }
func (h *leakTest) Skip(engine.Origin, string) { h.said++ }

func TestPromptsAreDropped(t *testing.T) {
	l := fourteen()
	p, _ := NewPlan(l, Options{})
	docs := p.NewDocuments()
	for _, in := range []string{
		`{"request_id":"r","call_type":"completion","api_key":"x","spend":0,"startTime":"2026-03-02T10:15:00Z","messages":[{"content":"PRIVATE"}],"response":"PRIVATE","proxy_server_request":{"body":"PRIVATE"}}`,
		`{"@timestamp":"2026-03-02T10:13:23Z","event":{"kind":"event","original":"PRIVATE"},"gen_ai":{"prompt":"PRIVATE","input":{"messages":"PRIVATE"}},"gen_ai.output.messages":["PRIVATE"]}`,
	} {
		h := &leakTest{t: t, docs: docs, value: "PRIVATE", where: in}
		p.NewDecoder().Decode(engine.Record{Data: []byte(in)}, h)
		if h.said != 1 {
			t.Errorf("%s: %d", in, h.said)
		}
	}
}

// TestDocumentKeepsEnrichment: what enrichment put into slots is evidence too.
func TestDocumentKeepsEnrichment(t *testing.T) {
	l := fourteen()
	slot, _ := l.Demand("source.geo.country_iso_code")
	p, _ := NewPlan(l, Options{})
	docs := p.NewDocuments()
	var doc []byte
	p.NewDecoder().Decode(engine.Record{Data: []byte(trail)}, handlerFunc(func(ev *engine.Event) {
		ev.Set(slot, engine.String("ZZ"))
		doc = docs.Document(ev)
	}))
	if !strings.Contains(string(doc), `"country_iso_code":"ZZ"`) || strings.Contains(string(doc), "ingested") {
		t.Errorf("%s", doc)
	}
}

type handlerFunc func(*engine.Event)

func (f handlerFunc) Event(ev *engine.Event)     { f(ev) }
func (f handlerFunc) Refuse(r engine.Refusal)    { panic(fmt.Sprint(r.Error())) }
func (f handlerFunc) Skip(engine.Origin, string) {}

// FuzzDocument: whatever decodes gives a valid document that names its event.
func FuzzDocument(f *testing.F) {
	for _, c := range streams {
		f.Add([]byte(c.in))
	}
	f.Add([]byte(`{"@timestamp":"2026-03-02T10:13:23Z","event":{"kind":"event"},"source.ip":"x","source":"y","ecs.version":{"a":1}}`))
	p, err := NewPlan(fourteen(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	docs := p.NewDocuments()
	f.Fuzz(func(t *testing.T, b []byte) {
		h := handlerQuiet(func(ev *engine.Event) {
			var doc struct {
				Time  time.Time `json:"@timestamp"`
				Event struct{ ID, Dataset string }
			}
			if err := json.Unmarshal(docs.Document(ev), &doc); err != nil {
				t.Fatalf("%v: %s", err, docs.Document(ev))
			}
			if doc.Event.ID != validUTF8(ev.ID) || doc.Event.Dataset != ev.Dataset.String() || doc.Time.UnixNano() != ev.Time {
				t.Fatalf("document of another event: %+v", doc)
			}
		})
		p.NewDecoder().Decode(engine.Record{Data: b, Chunk: true, Last: true, Origin: engine.Origin{Partition: -1}}, h)
	})
}

type handlerQuiet func(*engine.Event)

func (f handlerQuiet) Event(ev *engine.Event)     { f(ev) }
func (f handlerQuiet) Refuse(engine.Refusal)      {}
func (f handlerQuiet) Skip(engine.Origin, string) {}

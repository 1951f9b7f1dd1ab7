package decode

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

// TestJavaText: free-form objects become the text that Elastic's integration
// makes of them.
func TestJavaText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"userName":"alice"}`, "{userName=alice}"},
		{`{"a":1,"b":true,"c":"x y","d":[1,"two",{"e":3}],"f":{"g":"h"}}`, "{a=1, b=true, c=x y, d=[1, two, {e=3}], f={g=h}}"},
		{`{"b":1,"a":2,"Q":3}`, "{a=2, Q=3, b=1}"}, // Q and a share a bucket of sixteen, b comes after them
		{`{"q":null,"r":"","s":{},"t":[],"u":{"v":[null,""]},"w":0,"x":false}`, "{w=0, x=false}"},
		{`{"a":0.5,"b":100.0,"c":12345678.9,"d":1e-5,"e":9007199254740993}`, "{a=0.5, b=100.0, c=1.23456789E7, d=1.0E-5, e=9007199254740993}"},
		{`{"policyDocument":"{\"Action\":\"*\"}"}`, `{policyDocument={"Action":"*"}}`},
		{`{"a":1,"a":2}`, "{a=2}"},
		{`{}`, ""},
		{`null`, ""},
		{`"as text"`, "as text"},
	} {
		r := file(t, allFields(), "", []byte(with("requestParameters", rawJSON(c.in))), 1<<20)
		if got := r.get(0, "aws.cloudtrail.request_parameters"); got != c.want {
			t.Errorf("%s is %s, want %s", c.in, got, c.want)
		}
	}
	if h := javaHash("hello"); h != 99162322^99162322>>16 {
		t.Errorf("hash of hello is %d", h)
	}
	if h := javaHash("\U0001F600"); h != 1772899^1772899>>16 { // D83D DE00
		t.Errorf("hash beyond the basic plane is %d", h)
	}
}

// evidenceOf gives the document of a record's n-th event.
func evidenceOf(t *testing.T, in string, n int) map[string]any {
	t.Helper()
	p, err := NewPlan(allFields(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &collector{docs: p.NewDocuments()}
	p.NewDecoder().Decode(engine.Record{Data: []byte(in), Chunk: true, Last: true, Origin: engine.Origin{Source: "f", Partition: -1}}, g)
	if len(g.all) <= n {
		t.Fatalf("%d documents of %s", len(g.all), in)
	}
	var doc map[string]any
	if err := json.Unmarshal(g.all[n], &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

type collector struct {
	docs *Documents
	all  [][]byte
}

func (c *collector) Event(ev *engine.Event)     { c.all = append(c.all, c.docs.Document(ev)) }
func (c *collector) Refuse(engine.Refusal)      {}
func (c *collector) Skip(engine.Origin, string) {}

// TestElasticDocument compares documents with what Elastic's integration makes
// of such records.
func TestElasticDocument(t *testing.T) {
	admin := `{"type":"AssumedRole","principalId":"AROAEXAMPLEROLE234567:alice","arn":"arn:aws:sts::111122223333:assumed-role/Admin/alice","accountId":"111122223333","accessKeyId":"ASIAEXAMPLESESSION22",` +
		`"sessionContext":{"attributes":{"mfaAuthenticated":"true","creationDate":"2026-03-02T09:00:00Z"},"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLE234567","arn":"arn:aws:iam::111122223333:role/Admin","accountId":"111122223333","userName":"Admin"}}}`
	for _, c := range []struct {
		name, in string
		want     string // path=JSON, one a line; a bare path must be missing
	}{
		{"a user made by a role", with("eventSource", "iam.amazonaws.com", "eventName", "CreateUser", "userIdentity", rawJSON(admin), "readOnly", false, "sessionCredentialFromConsole", "true",
			"requestParameters", rawJSON(`{"userName":"backup","path":""}`), "responseElements", rawJSON(`{"user":{"userName":"backup","userId":"AIDAEXAMPLEBACKUP222","arn":"arn:aws:iam::111122223333:user/backup","permissionsBoundary":null}}`)), `
event.provider="iam.amazonaws.com"
event.action="CreateUser"
event.category=["iam"]
event.type=["user","creation"]
event.outcome="success"
event.kind="event"
user.name="Admin"
user.id="AROAEXAMPLEROLE234567:alice"
user.target.name="backup"
user.target.id="AIDAEXAMPLEBACKUP222"
related.user=["backup"]
aws.cloudtrail.user_identity.session_context.mfa_authenticated="true"
aws.cloudtrail.user_identity.session_context.session_issuer.arn="arn:aws:iam::111122223333:role/Admin"
aws.cloudtrail.session_credential_from_console="true"
aws.cloudtrail.request_parameters="{userName=backup}"
aws.cloudtrail.flattened.request_parameters={"userName":"backup"}
aws.cloudtrail.flattened.response_elements={"user":{"arn":"arn:aws:iam::111122223333:user/backup","userId":"AIDAEXAMPLEBACKUP222","userName":"backup"}}
aws.cloudtrail.read_only=false`},
		{"a user renamed", with("eventSource", "iam.amazonaws.com", "eventName", "UpdateUser", "userIdentity", rawJSON(`{"type":"IAMUser","userName":"alice","principalId":"AIDAEXAMPLEALICE2222","accountId":"111122223333"}`),
			"requestParameters", rawJSON(`{"userName":"bob","newUserName":"robert"}`)), `
event.type=["user","change"]
user.target.name="bob"
user.changes.name="robert"
related.user=["alice","bob","robert"]`},
		{"a group", with("eventSource", "iam.amazonaws.com", "eventName", "CreateGroup", "requestParameters", rawJSON(`{"groupName":"ops"}`), "responseElements", rawJSON(`{"group":{"groupName":"ops","groupId":"AGPAEXAMPLEGROUP2222"}}`)), `
event.type=["group","creation"]
group.name="ops"
group.id="AGPAEXAMPLEGROUP2222"
related.user`},
		{"a console sign-in", with("eventSource", "signin.amazonaws.com", "eventName", "ConsoleLogin", "userIdentity", rawJSON(`{"type":"IAMUser","userName":"alice","accountId":"111122223333","accessKeyId":""}`),
			"requestParameters", nil, "responseElements", rawJSON(`{"ConsoleLogin":"Failure"}`), "additionalEventData", rawJSON(`{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"}`), "errorMessage", "Failed authentication"), `
event.category=["authentication"]
event.outcome="failure"
aws.cloudtrail.error_message="Failed authentication"
aws.cloudtrail.console_login.additional_eventdata={"login_to":"https://console.aws.amazon.com/console/home","mfa_used":false,"mobile_version":false}
aws.cloudtrail.user_identity.access_key_id
aws.cloudtrail.request_parameters
related.user=["alice"]`},
		{"resources once each", with("eventSource", "kms.amazonaws.com", "eventName", "Decrypt", "resources",
			rawJSON(`[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:111122223333:key/k1"},{"type":"AWS::KMS::Key","accountId":"111122223333","ARN":"arn:aws:kms:eu-west-1:111122223333:key/k1"}]`)), `
event.category=["api"]
event.type=["info"]
aws.cloudtrail.resources=[{"account_id":"111122223333","arn":"arn:aws:kms:eu-west-1:111122223333:key/k1","type":"AWS::KMS::Key"}]`},
		{"a service event", with("userIdentity", rawJSON(`{"accountId":"111122223333","invokedBy":"AWS Internal"}`), "eventSource", "kms.amazonaws.com", "eventName", "RotateKey", "eventType", "AwsServiceEvent",
			"serviceEventDetails", rawJSON(`{"keyId":"k1"}`), "requestParameters", nil, "sourceIPAddress", "AWS Internal"), `
aws.cloudtrail.service_event_details="{keyId=k1}"
aws.cloudtrail.flattened.service_event_details={"keyId":"k1"}
aws.cloudtrail.user_identity.invoked_by="AWS Internal"
source.address="AWS Internal"
source.ip
user.name`},
		{"a copy in a data lake", `{"eventversion":"1.08","eventtime":"2026-03-02 10:15:00","eventsource":"iam.amazonaws.com","eventname":"DeleteUser","eventid":"e1","awsregion":"us-east-1",` +
			`"useridentity":"{\"type\":\"IAMUser\",\"username\":\"alice\",\"accountid\":\"111122223333\"}","requestparameters":"{\"userName\":\"bob\"}"}`, `
event.type=["user","deletion"]
user.name="alice"
user.target.name="bob"
related.user=["alice","bob"]
aws.cloudtrail.flattened.request_parameters={"userName":"bob"}`},
	} {
		doc := evidenceOf(t, c.in, 0)
		for _, line := range strings.Split(strings.TrimSpace(c.want), "\n") {
			path, want, ok := strings.Cut(line, "=")
			got := ""
			if v := getPath(doc, path); v != nil {
				b, _ := json.Marshal(v)
				got = string(b)
			}
			if got != want || ok && got == "" {
				t.Errorf("%s: %s is %s, want %s", c.name, path, got, want)
			}
		}
	}
}

// TestTrailOddities: records that exporters, lakes, anonymisers and services
// have bent are decoded as far as they can be read, each as one event.
func TestTrailOddities(t *testing.T) {
	big := `{"policyDocument":"` + strings.Repeat("x", 90<<10) + `"}`
	for _, c := range []struct {
		name, in string
		want     map[string]string
	}{
		{"all null", with("userIdentity", rawJSON("null"), "requestParameters", rawJSON("null"), "responseElements", rawJSON("null"), "resources", rawJSON("null"), "tlsDetails", rawJSON("null"), "userAgent", rawJSON("null"), "sourceIPAddress", rawJSON("null")), map[string]string{"event.action": "ListBuckets", "source.ip": "", "user.name": ""}},
		{"wrong types", with("userIdentity", "somebody", "requestParameters", 7, "responseElements", []int{1}, "resources", "none", "tlsDetails", true, "userAgent", rawJSON("{}"), "sourceIPAddress", 5, "readOnly", "maybe", "additionalEventData", "x"), map[string]string{"event.action": "ListBuckets", "source.ip": "", "aws.cloudtrail.read_only": ""}},
		{"numbers for ids", with("userIdentity", rawJSON(`{"type":"IAMUser","accountId":111122223333,"principalId":42}`), "recipientAccountId", 111122223333, "eventVersion", 1.08), map[string]string{"cloud.account.id": "111122223333", "user.id": "42", "aws.cloudtrail.event_version": "1.08"}},
		{"fraction and offset", with("eventTime", "2026-03-02T11:15:00.250+01:00"), map[string]string{"@timestamp": "2026-03-02T10:15:00.25Z"}},
		{"time as epoch", with("eventTime", 1772446500), map[string]string{"@timestamp": "2026-03-02T10:15:00Z"}},
		{"GovCloud", with("userIdentity", rawJSON(`{"type":"AssumedRole","principalId":"AROAEXAMPLEROLE234567:gha-7001","arn":"arn:aws-us-gov:sts::111122223333:assumed-role/ci-build/gha-7001","accountId":"111122223333"}`)), map[string]string{"aws.cloudtrail.session_name": "gha-7001", "ci.run.id": "7001-1"}},
		{"China", with("eventSource", "s3.amazonaws.com.cn", "awsRegion", "cn-north-1"), map[string]string{"cloud.service.name": "s3", "cloud.region": "cn-north-1"}},
		{"huge parameters", with("requestParameters", rawJSON(big)), map[string]string{"event.action": "ListBuckets"}},
		{"cut parameters", with("requestParameters", rawJSON(`{"requestParametersOmitted":"too large"}`)), map[string]string{"aws.cloudtrail.request_parameters": "{requestParametersOmitted=too large}"}},
		{"no event name", with("eventName", nil), map[string]string{"event.action": "", "event.provider": "s3.amazonaws.com"}},
		{"no source", with("eventSource", nil), map[string]string{"event.action": "ListBuckets", "event.provider": ""}},
		{"Identity Center", with("userIdentity", rawJSON(`{"type":"IdentityCenterUser","accountId":"111122223333","onBehalfOf":{"userId":"u-1","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1"},"credentialId":"c"}`)), map[string]string{"user.id": "u-1"}},
		{"federated", with("userIdentity", rawJSON(`{"type":"FederatedUser","principalId":"111122223333:tmp","arn":"arn:aws:sts::111122223333:federated-user/tmp","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEFEDERATED","sessionContext":{"sessionIssuer":{"type":"IAMUser","userName":"alice"}}}`)), map[string]string{"user.name": "alice", "secret.principal": "ASIAEXAMPLEFEDERATED"}},
		{"another account", with("userIdentity", rawJSON(`{"type":"AWSAccount","principalId":"AIDAEXAMPLEOTHER2222","accountId":"444455556666"}`)), map[string]string{"user.name": "", "user.id": "AIDAEXAMPLEOTHER2222", "cloud.account.id": "444455556666"}},
	} {
		r := file(t, allFields(), "", []byte(c.in), 1<<20)
		if len(r.events) != 1 {
			t.Errorf("%s: %s", c.name, r.summary())
			continue
		}
		for f, want := range c.want {
			if got := r.get(0, f); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, f, got, want)
			}
		}
		evidenceOf(t, c.in, 0)
	}
	for _, version := range []string{"1.02", "1.04", "1.05", "1.06", "1.07", "1.08", "1.09", "1.10", "1.11"} {
		if r := file(t, allFields(), "", []byte(with("eventVersion", version)), 1<<20); r.get(0, "aws.cloudtrail.event_version") != version {
			t.Errorf("version %s: %s", version, r.summary())
		}
	}
	for reason, in := range map[string]string{
		"no eventTime": with("eventTime", nil), "eventTime in words": with("eventTime", "yesterday"), "eventTime null": with("eventTime", rawJSON("null")),
	} {
		if r := file(t, allFields(), "", []byte(in), 1<<20); len(r.events) > 0 || len(r.refused) != 1 || r.refused[0].Reason != "no time" {
			t.Errorf("%s: %s", reason, r.summary())
		}
	}
}

// TestTrailWithoutID: a record without an id is known by its bytes, wherever it
// stands.
func TestTrailWithoutID(t *testing.T) {
	one, two := with("eventID", nil), with("eventID", nil, "eventName", "ListObjects")
	a, b := file(t, allFields(), "", []byte(one+"\n"+two), 1<<20), file(t, allFields(), "", []byte(`{"Records":[`+two+`,`+one+`]}`), 7)
	if len(a.events) != 2 || len(b.events) != 2 {
		t.Fatalf("%s%s", a.summary(), b.summary())
	}
	if a.events[0].ID == a.events[1].ID || a.events[0].ID != b.events[1].ID || a.events[1].ID != b.events[0].ID {
		t.Errorf("%s%s", a.summary(), b.summary())
	}
}

// TestTrailMutations puts every odd value at every place of records of several
// kinds: each stays one event with a valid document, or is refused for the one
// thing that is gone.
func TestTrailMutations(t *testing.T) {
	odd := []any{nil, "", " ", "x", "null", "203.0.113.009", 0, -1, 1e300, 111122223333, true, []any{}, []any{nil, "a", map[string]any{"k": 1}}, map[string]any{}, map[string]any{"deep": map[string]any{"": nil}},
		"2026-13-45T99:00:00Z", "{\"a\":", "{k=v, l=[w]}", strings.Repeat("ä", 5000), "\u0000\u202e<script>"}
	p, err := NewPlan(allFields("raw.requestParameters.a.b", "raw.resources.ARN"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	docs, d := p.NewDocuments(), p.NewDecoder()
	for _, record := range []string{trail, `{"eventVersion":"1.08","userIdentity":{"type":"WebIdentityUser","principalId":"p","userName":"repo:example-org/app:ref:refs/heads/main"},"eventTime":"2026-03-02T10:15:00Z","eventSource":"sts.amazonaws.com",` +
		`"eventName":"AssumeRoleWithWebIdentity","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.24","requestParameters":{"roleArn":"r","roleSessionName":"gha-1","durationSeconds":900},` +
		`"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLEBUILDKEY2","expiration":"Mar 2, 2026, 11:15:00 AM"},"user":{"userId":"u"}},"additionalEventData":{"MFAUsed":"No"},"resources":[{"ARN":"a","accountId":"1"}],"eventID":"e","eventType":"AwsApiCall"}`} {
		var m map[string]any
		if err := json.Unmarshal([]byte(record), &m); err != nil {
			t.Fatal(err)
		}
		mutate(m, odd, func(place string, value any) {
			b, _ := json.Marshal(m)
			r := &mutated{docs: docs}
			d.Decode(engine.Record{Data: b, Chunk: true, Last: true, Origin: engine.Origin{Source: "f", Partition: -1}}, r)
			switch {
			case r.invalid != nil:
				t.Errorf("%s = %v: %v", place, value, r.invalid)
			case r.events+r.refused != 1:
				t.Errorf("%s = %v: %d events, %d refused", place, value, r.events, r.refused)
			case r.refused > 0 && place != "eventTime" && place != "eventSource" && place != "eventName":
				t.Errorf("%s = %v: refused: %s", place, value, r.why)
			}
		})
	}
}

// mutate puts each value at each place of m in turn, calls f, and puts back what
// was there.
func mutate(m map[string]any, values []any, f func(place string, value any)) {
	for key, was := range m {
		if inner, ok := was.(map[string]any); ok {
			mutate(inner, values, func(place string, value any) { f(key+"."+place, value) })
		}
		for _, v := range values {
			m[key] = v
			f(key, v)
		}
		m[key] = was
	}
}

// mutated counts the records' own events and makes their documents.
type mutated struct {
	docs            *Documents
	events, refused int
	why             string
	invalid         error
}

func (m *mutated) Event(ev *engine.Event) {
	var doc map[string]any
	if err := json.Unmarshal(m.docs.Document(ev), &doc); err != nil {
		m.invalid = err
	}
	if ev.Derived == "" {
		m.events++
	}
}
func (m *mutated) Refuse(r engine.Refusal)    { m.refused++; m.why = r.Error() }
func (m *mutated) Skip(engine.Origin, string) {}

func BenchmarkTrailText(b *testing.B) {
	n := node(`{"bucketName":"example","Host":"example.s3.amazonaws.com","versions":{"max":1000,"key":null},"list":["a","b"]}`)
	var o outline
	var dst []byte
	for b.Loop() {
		o.read(n)
		dst = o.appendJava(dst[:0], 0)
	}
}

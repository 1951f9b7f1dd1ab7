package decode

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// leakRecords are records of every dataset, with @@ where a string may hold
// anything: values that are known fields, values that are not, keys, elements
// of arrays, JSON inside a string. ## is the same place inside JSON in a string.
var leakRecords = map[string]string{
	"aws.cloudtrail": `{"eventVersion":"1.11","eventID":"4f7a1b2c-0000-4000-8000-000000000001","eventTime":"2026-03-02T10:15:00Z","eventSource":"sts.amazonaws.com","eventName":"GetCallerIdentity","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.5",` +
		`"userAgent":"cli @@","errorCode":"AccessDenied","errorMessage":"no: @@","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/@@","userName":"@@","accessKeyId":"AKIAEXAMPLEOTHERKEY1"},` +
		`"requestParameters":{"@@":"x","userData":"@@","deep":[{"a":["@@"]}]},"responseElements":{"note":"@@"},"resources":[{"ARN":"@@"}],"additionalEventData":{"@@":true},"unknown":"@@"}`,
	"github.webhook": `{"action":"completed","workflow_job":{"id":9001,"run_id":7001,"run_attempt":1,"name":"build @@","status":"completed","conclusion":"failure","head_branch":"@@","started_at":"2026-03-02T10:11:40Z","completed_at":"2026-03-02T10:12:40Z","labels":["@@"],"runner_name":"@@","steps":[{"name":"@@","status":"completed","conclusion":"failure","number":1,"started_at":"2026-03-02T10:11:41Z","completed_at":"2026-03-02T10:11:52Z"}]},` +
		`"repository":{"full_name":"example-org/ml-app","private":false,"description":"@@"},"sender":{"login":"dev"}}`,
	"litellm": `{"request_id":"chatcmpl-ex1","call_type":"acompletion","api_key":"88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b","spend":0.1,"total_tokens":5,"prompt_tokens":3,"completion_tokens":2,"startTime":"2026-03-02T10:28:40Z","endTime":"2026-03-02T10:28:41Z","model":"gpt-5","model_group":"@@","user":"@@","status":"failure",` +
		`"metadata":"{\"user_api_key_alias\":\"##\",\"user_agent\":\"##\",\"error_information\":{\"error_message\":\"##\"}}","request_tags":["@@"],"messages":[{"role":"user","content":"@@"}],"proxy_server_request":{"headers":{"@@":"1","authorization":"@@"}},"requester_ip_address":"203.0.113.57","@@":1}`,
	"aws.vpcflow":   `{"version":5,"account-id":"111122223333","interface-id":"eni-1","srcaddr":"192.0.2.1","dstaddr":"203.0.113.77","srcport":4444,"dstport":443,"protocol":6,"packets":4,"bytes":900,"start":1772446500,"end":1772446560,"action":"ACCEPT","log-status":"OK","flow-direction":"egress","note":"@@","@@":2}`,
	"runner.egress": `{"timestamp":"2026-03-02T10:15:00Z","runner_name":"ml-build-x7k2p","repo":"example-org/ml-app","run_id":"7002","job":"@@","step":"@@","ipAddress":"203.0.113.77","domainName":"collect.example.net","port":"443","status":"Allowed","matched_policy":"@@","tool":{"name":"curl","sha256":"","parent":null,"arguments":"@@"},"process":{"args":["@@"]},"@@":"y"}`,
	"ecs":           `{"@timestamp":"2026-03-02T10:15:00Z","event":{"id":"e1","dataset":"app","action":"login","kind":"event","reason":"@@"},"message":"@@","process":{"command_line":"curl @@","args":["@@"]},"error":{"message":"@@"},"labels":{"@@":"z"},"user":{"name":"@@"},"ecs":{"version":"8.0.0"}}`,
	"wrapped text":  `{"@timestamp":"2026-03-02T10:15:00Z","log":{"file":{"path":"/runner/9001_build.txt"}},"message":"2026-03-02T10:11:53.4400000Z step says @@ and more","ci":{"run_id":"7001"},"fields":{"x":"@@"}}`,
	"no time":       `{"eventVersion":"1.11","eventName":"X","eventSource":"sts.amazonaws.com","userIdentity":{"userName":"@@"},"@@":1}`,
	"unknown":       `{"what":"@@","@@":[1,"@@"]}`,
	"cut short":     `{"eventVersion":"1.11","eventName":"X","userAgent":"@@","a":["@@"`,
	"trailing":      `{"what":1} @@`,
	"no JSON":       `plain words @@ and more`,
}

// leakSink makes every output that decode can make and watches it.
type leakSink struct {
	t    *testing.T
	w    *secret.Watch
	docs *Documents
	from string
	n    int
	bad  int
	kind map[string]int
}

func (s *leakSink) see(what string, out []byte) {
	s.n++
	if leak := s.w.Leak(out); leak != "" {
		if s.bad++; s.bad <= 10 {
			s.t.Errorf("%s: %s of %d bytes shows %s\n%.500s", s.from, what, len(out), leak, out[max(0, len(out)-500):])
		}
	}
}

func (s *leakSink) Event(ev *engine.Event) {
	s.kind[ev.Dataset.String()]++
	doc := s.docs.Document(ev)
	s.see("document", doc)
	if !json.Valid(doc) {
		s.t.Errorf("%s: document is no JSON: %s", s.from, doc)
	}
	if ev.Dataset == engine.GitHubActions { // cleaned when it is read
		s.see("event", fmt.Appendf(nil, "%s %v %v %+v", ev.ID, ev.Values, ev.All, ev.Origin))
		kept := ev.Clone()
		s.see("clone", fmt.Appendf(nil, "%+v", kept))
		kept.Document = doc
	}
}

func (s *leakSink) Refuse(r engine.Refusal) {
	s.kind["refused"]++
	s.see("refusal", r.Data)
	s.see("refusal's detail", []byte(r.Error()))
}

func (s *leakSink) Skip(o engine.Origin, reason string) { s.see("skip", []byte(reason)) }

func newLeakSink(t *testing.T, cs []secret.Canary) (*leakSink, *Plan) {
	l := engine.NewLayout()
	for i := range engine.Fields() {
		if i%2 == 0 { // some are demanded and some are not
			l.DemandField(engine.Field(i))
		}
	}
	p, err := NewPlan(l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &leakSink{t: t, w: secret.NewWatch(cs), docs: p.NewDocuments(), kind: map[string]int{}}, p
}

func inJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

func TestNoRecordLeaksACanary(t *testing.T) {
	cs := secret.Canaries(11)
	s, p := newLeakSink(t, cs)
	for name, record := range leakRecords {
		for i, c := range cs {
			for n, plant := range c.Plants {
				at := inJSON(plant.Text)
				forms := []string{at}
				if plant.Encoding == "unicode escapes" {
					forms = append(forms, plant.Text)
				}
				for _, at := range forms {
					data := strings.ReplaceAll(strings.ReplaceAll(record, "##", inJSON(at)), "@@", at)
					s.from = name + ", " + c.Format + ", " + plant.Encoding
					d := p.NewDecoder()
					d.Decode(engine.Record{Data: []byte(data), Origin: engine.Origin{Source: "logs", Offset: 3}}, s)
					if (n+i)%4 != 0 {
						continue
					}
					d = p.NewDecoder()
					chunked(d, s, []byte(data+"\n"+data+"\n"), 97)
				}
			}
		}
	}
	t.Logf("%d outputs, %v", s.n, s.kind)
	for _, ds := range []string{"aws.cloudtrail", "github.webhook", "litellm", "aws.vpcflow", "runner.egress", "ecs", "refused"} {
		if s.kind[ds] == 0 {
			t.Errorf("no output of %s: the test shows nothing", ds)
		}
	}
}

func TestNoBuildTextLeaksACanary(t *testing.T) {
	cs := secret.Canaries(12)
	s, p := newLeakSink(t, cs)
	line := func(text string) string {
		return "2026-03-02T10:11:53.4400000Z " + strings.ReplaceAll(text, "\n", "\n2026-03-02T10:11:53.4500000Z ") + "\n"
	}
	forms := []string{
		"%s", "DEBUG headers {'x': '%s'}", "curl -H 'x: %s' https://collect.example.net/x", "##[group]Run deploy --key %s", "##[error]%s", "MODEL=%s",
		"hf download example-org/model --token %s", "pip install --index-url https://u:%s@pypi.example/simple x", "\x1b[31m%s\x1b[0m", "10%%\r%s\r100%%",
		"docker pull registry.example/%s:latest", "Downloading https://huggingface.co/example-org/m/resolve/main/%s", "#12 0.345 %s", "echo %s \\\n --more", "git clone https://x:%s@github.com/example-org/ml-app",
		"uses: example/%s@v1", "Runner name: '%s'", "Complete job name: %s", "python -c \"from_pretrained('%s', trust_remote_code=True)\"",
	}
	for _, c := range cs {
		for _, plant := range c.Plants {
			for i, form := range forms {
				if (i+len(plant.Text))%3 != 0 {
					continue
				}
				var b strings.Builder
				b.WriteString("\ufeff" + line("Current runner version: '2.331.0'") + line("PATH=/usr/bin\nHOME=/home/runner\nGITHUB_TOKEN=***\nRUNNER_OS=Linux"))
				b.WriteString(line("SECRET_VALUE=" + plant.Text + "\nAWS_REGION=eu-west-1"))
				b.WriteString(line(fmt.Sprintf(form, plant.Text)))
				b.WriteString(line("##[error]Process completed with exit code 1.") + line("Cleaning up orphan processes"))
				s.from = fmt.Sprintf("%s, %s, %q", c.Format, plant.Encoding, form)
				chunked(p.NewDecoder(), s, []byte(b.String()), []int{1 << 20, 61, 509}[i%3])
			}
		}
	}
	t.Logf("%d outputs, %v", s.n, s.kind)
	if s.kind["github.actions"] == 0 {
		t.Error("no event of build text: the test shows nothing")
	}
}

func TestNoLabelLeaksACanary(t *testing.T) {
	cs := secret.Canaries(13)
	s, p := newLeakSink(t, cs)
	for i, c := range cs {
		for _, plant := range c.Plants {
			at := inJSON(plant.Text)
			s.from = "labels, " + c.Format + ", " + plant.Encoding
			labels := []string{`"ci":{"run_id":"7001"}`}
			for k := range labelNames {
				if labelNames[k] != lblLogTag && labelNames[k] != lblPartial && labelNames[k] != lblLog && (len(k)+i)%3 == 0 {
					labels = append(labels, `"`+k+`":"`+at+`"`)
				}
			}
			data := `{"@timestamp":"2026-03-02T10:15:00Z",` + strings.Join(labels, ",") + `,"message":"2026-03-02T10:11:52.0000001Z Current runner version: '2.331.0'\n2026-03-02T10:11:53.4400000Z ##[error]Process completed with exit code 1."}`
			p.NewDecoder().Decode(engine.Record{Data: []byte(data), Origin: engine.Origin{Source: "logs"}}, s)
			text := "2026-03-02T10:11:52.0000001Z Current runner version: '2.331.0'\n2026-03-02T10:11:53.4400000Z ##[error]Process completed with exit code 1.\n"
			p.NewDecoder().Decode(engine.Record{Data: []byte(text), Origin: engine.Origin{Source: "logs"}, Key: plant.Text,
				Headers: []engine.Header{{Key: "ci.repo", Value: plant.Text}, {Key: "runner_name", Value: plant.Text}}}, s)
		}
	}
	t.Logf("%d outputs, %v", s.n, s.kind)
	if s.kind["github.actions"] == 0 {
		t.Error("no event of build text: the test shows nothing")
	}
}

func TestNoOversizedRecordLeaksACanary(t *testing.T) {
	cs := secret.Canaries(14)
	s, p := newLeakSink(t, cs)
	p, err := NewPlan(p.layout, Options{MaxRecord: 20 << 10})
	if err != nil {
		t.Fatal(err)
	}
	s.docs = p.NewDocuments()
	fill := strings.Repeat("x ", 40<<10)
	for i, c := range cs {
		for j, plant := range c.Plants[:4] {
			at := inJSON(plant.Text)
			for k := range 6 {
				if (i+j)%6 != k && (i > 0 || testing.Short()) {
					continue
				}
				// where the chunks end that make a record too large, and where a
				// dead letter ends; always behind a blank
				n := 16<<10 + k*777
				from := 2*n - []int{len(at) / 2, 20, len(at) - 3}[k%3] - 50
				if k > 3 {
					from = 64<<10 - len(at)/2 - 40
				}
				from &^= 1
				body := fill[:from] + at + " " + fill[:30<<10]
				for name, data := range map[string]string{
					"JSON":  `{"eventVersion":"1.11","eventName":"X","a":"` + body + `","b":"` + at + `"}`,
					"array": `{"Records":[{"eventVersion":"1.11","eventName":"X","a":"` + body + `"},{"b":"` + at + `"}]}`,
					"text":  body,
					"log":   "2026-03-02T10:11:53.4400000Z " + body,
				} {
					s.from = fmt.Sprintf("%s of %d with %s, %s at %d", name, len(data), c.Format, plant.Encoding, from)
					p.NewDecoder().Decode(engine.Record{Data: []byte(data), Origin: engine.Origin{Source: "logs"}}, s)
					chunked(p.NewDecoder(), s, []byte(data+"\n"), n)
				}
			}
		}
	}
	t.Logf("%d outputs, %v", s.n, s.kind)
	if s.kind["refused"] == 0 {
		t.Error("nothing was refused: the test shows nothing")
	}
}

// chunked gives a file to a decoder in chunks of n bytes, each in memory that is
// reused like a source's.
func chunked(d *Decoder, h engine.Handler, data []byte, n int) {
	o := engine.Origin{Source: "7001/9001_build.txt", Partition: -1}
	buf := make([]byte, n)
	for {
		k := copy(buf, data)
		data = data[k:]
		d.Decode(engine.Record{Data: buf[:k], Origin: o, Chunk: true, Last: len(data) == 0}, h)
		o.Offset += int64(k)
		if len(data) == 0 {
			return
		}
	}
}

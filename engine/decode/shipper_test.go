package decode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

const pullLine = "2026-03-02T10:11:53.4400000Z Downloading https://huggingface.co/example-org/demo/resolve/main/a.bin"

// decodeMessages decodes messages of one Kafka partition.
func decodeMessages(t testing.TB, recs ...engine.Record) *textLog {
	t.Helper()
	l := &textLog{t: t, ids: map[string]bool{}}
	d := newDecoder(t, allFields())
	for i, r := range recs {
		if r.Origin.Source == "" {
			r.Origin = engine.Origin{Source: "ci-logs", Partition: 3, Offset: int64(100 + i)}
		}
		d.Decode(r, l)
	}
	return l
}

func messages(data ...string) (out []engine.Record) {
	for _, d := range data {
		out = append(out, engine.Record{Data: []byte(d)})
	}
	return out
}

// Every shipper wraps the same line; each must give the model and its job.
func TestShippersUnwrap(t *testing.T) {
	plain := strings.TrimPrefix(pullLine, "2026-03-02T10:11:53.4400000Z ")
	var codes []string
	for _, b := range []byte(plain) {
		codes = append(codes, fmt.Sprint(b))
	}
	const inner, outer = "10:11:53.44", "10:12:00"
	for _, tt := range []struct{ name, doc, time, words string }{
		{"Vector file", `{"message":"` + pullLine + `","timestamp":"2026-03-02T10:12:00Z","host":"build-1","source_type":"file","file":"/var/log/ci/run-7001/job-9001.log"}`,
			inner, "ci.run.id=7001-1 ci.job.id=9001 host.name=build-1"},
		{"Vector Kubernetes", `{"message":"` + plain + `","timestamp":"2026-03-02T10:12:00Z","source_type":"kubernetes_logs","kubernetes":{"pod_name":"ml-build-x7k2p","pod_namespace":"arc","container_name":"runner","pod_labels":{"ci.run_id":"7001","ci.job_id":"9001","actions-ephemeral-runner":"True"}}}`,
			outer, "ci.run.id=7001-1 ci.job.id=9001 orchestrator.resource.name=ml-build-x7k2p orchestrator.namespace=arc runner.ephemeral=true event.created=2026-03-02T10:12:00Z"},
		{"Filebeat", `{"@timestamp":"2026-03-02T10:12:00.000Z","@metadata":{"beat":"filebeat","type":"_doc","version":"8.17.0"},"message":"` + pullLine + `","log":{"offset":11,"file":{"path":"/logs/7001_9001_train.txt"}},"fields":{"ci":{"repo":"example-org/ml-app"}},"host":{"name":"h1"},"input":{"type":"filestream"},"agent":{"type":"filebeat"}}`,
			inner, "ci.run.id=7001-1 ci.job.id=9001 ci.job.name=train ci.repo.name=example-org/ml-app log.file.path=/logs/7001_9001_train.txt"},
		{"Filebeat after ingest", `{"@timestamp":"2026-03-02T10:12:00.000Z","agent":{"type":"filebeat"},"event":{"original":"` + pullLine + `"},"fields":{"ci.run_id":7001}}`,
			inner, "ci.run.id=7001-1"},
		{"Logstash", `{"@version":"1","@timestamp":"2026-03-02T10:12:00Z","message":"` + pullLine + `","tags":["_jsonparsefailure"],"github":{"run_id":"7001","run_attempt":"2"}}`,
			inner, "ci.run.id=7001-2"},
		{"Jenkins", `{"data":{"id":"12","result":null,"fullProjectName":"team/app","buildNum":12,"agentName":"build-3","buildVariables":{"BRANCH":"main"}},"message":["` + plain + `"],"source":"jenkins","source_host":"https://ci.example.net/","@buildTimestamp":"2026-03-02T10:11:40+0000","@timestamp":"2026-03-02T10:12:00+0000","@version":1}`,
			outer, "ci.provider=jenkins ci.job.name=team/app ci.run.number=team/app/12 runner.name=build-3"},
		{"Fluent Bit CRI", `{"@timestamp":1772446320.0,"log":"2026-03-02T10:11:59.99Z stdout F ` + pullLine + `\n","stream":"stdout","kubernetes":{"pod_name":"p1","namespace_name":"arc","labels":{"ci.job_id":"9001"},"host":"node-1","container_name":"runner"}}`,
			inner, "ci.job.id=9001 orchestrator.resource.name=p1 host.name=node-1"},
		{"Fluent Bit float time", `{"date":1772446320.5,"log":"` + plain + `","kubernetes":{"pod_name":"p1","container_name":"runner"}}`,
			"10:12:00.5", "event.created=2026-03-02T10:12:00.5Z"},
		{"Fluentd", `{"tag":"kube.p1","time":1772446320,"record":{"log":"` + plain + `\n","stream":"stdout","kubernetes":{"pod_name":"p1","annotations":{"ci.run_id":"7001"}}}}`,
			outer, "ci.run.id=7001-1"},
		{"Docker json-file", `{"log":"` + pullLine + `\n","stream":"stdout","time":"2026-03-02T10:12:00.000000001Z"}`, inner, ""},
		{"journald text", `{"MESSAGE":"` + pullLine + `","_SYSTEMD_UNIT":"actions.runner.service","__REALTIME_TIMESTAMP":"1772446320000000","_HOSTNAME":"build-1"}`,
			inner, "host.name=build-1"},
		{"journald bytes", `{"MESSAGE":[` + strings.Join(codes, ",") + `],"_SYSTEMD_UNIT":"x.service","__REALTIME_TIMESTAMP":"1772446320000000","CI_JOB_ID":"9001"}`,
			outer, "ci.job.id=9001"},
		{"rsyslog", `{"msg":"` + pullLine + `","programname":"runner","hostname":"build-1","severity":"info","timereported":"2026-03-02T10:12:00Z"}`, inner, ""},
		{"OTLP", `{"resourceLogs":[{"resource":{"attributes":[{"key":"k8s.pod.name","value":{"stringValue":"p1"}},{"key":"cicd.pipeline.run.id","value":{"intValue":"7001"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772446320000000000","body":{"stringValue":"` + plain + `"},"attributes":[{"key":"cicd.pipeline.task.run.id","value":{"stringValue":"9001"}}]}]}]}]}`,
			outer, "ci.run.id=7001-1 ci.job.id=9001 orchestrator.resource.name=p1"},
		{"Loki", `{"streams":[{"stream":{"job_id":"9001"},"values":[["1772446320000000000","` + plain + `"]]}]}`, outer, "ci.job.id=9001"},
		{"bare with labels", `{"message":"` + pullLine + `","ci":{"run_id":"7001","job":"train","repo":"example-org/ml-app"}}`, inner, "ci.run.id=7001-1 ci.job.name=train ci.repo.name=example-org/ml-app"},
		{"two wrappings", `{"message":"{\"log\":\"` + pullLine + `\\n\",\"stream\":\"stdout\",\"time\":\"2026-03-02T10:12:00Z\"}","source_type":"kafka","ci":{"job_id":"9001"}}`, inner, "ci.job.id=9001"},
		{"syslog line", "<134>1 2026-03-02T10:12:00Z build-1 runner 42 - - " + pullLine, inner, ""},
		{"plain text", pullLine, inner, ""},
	} {
		l := decodeMessages(t, messages(tt.doc)...)
		if len(l.events) != 1 {
			t.Errorf("%s: %d events, refused %v: %v", tt.name, len(l.events), l.refused, l.events)
			continue
		}
		for _, w := range strings.Fields("model.ref=example-org/demo " + tt.words) {
			if !strings.Contains(l.events[0]+" ", " "+w+" ") {
				t.Errorf("%s: no %s in %s", tt.name, w, l.events[0])
			}
		}
		if !strings.HasPrefix(l.events[0], "model.pulled "+tt.time+" ") {
			t.Errorf("%s: not at %s: %s", tt.name, tt.time, l.events[0])
		}
		if strings.Contains(l.events[0], "event.created") != (tt.time != inner) {
			t.Errorf("%s: event.created must mark a shipper's time, and only that: %s", tt.name, l.events[0])
		}
	}
}

func TestJobContextFromHeadersAndKey(t *testing.T) {
	l := decodeMessages(t,
		engine.Record{Data: []byte(pullLine), Headers: []engine.Header{{Key: "CI.Run_ID", Value: "7001"}, {Key: "ci.job_id", Value: "9001"}, {Key: "runner.name", Value: "r1"}}},
		engine.Record{Data: []byte(pullLine), Key: "example-org/ml-app/7001/2/9002"},
		engine.Record{Data: []byte(pullLine), Key: "9003"},
	)
	l.has("ci.run.id=7001-1", "ci.job.id=9001", "runner.name=r1")
	l.has("ci.run.id=7001-2", "ci.job.id=9002", "ci.repo.name=example-org/ml-app")
	l.has("ci.job.id=9003")
}

func TestManyRecordsInOneMessage(t *testing.T) {
	var recs []string
	for i := range 5 {
		recs = append(recs, fmt.Sprintf(`{"timeUnixNano":"177244632000000000%d","body":{"stringValue":"docker pull example/i%d"},"attributes":[{"key":"ci.job_id","value":{"stringValue":"%d"}}]}`, i, i, i/3))
	}
	l := decodeMessages(t, messages(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[`+strings.Join(recs, ",")+`]}]}]}`)...)
	if l.kinds("image.pulled") != 5 {
		t.Errorf("got %v, refused %v", l.events, l.refused)
	}
	l = decodeMessages(t, messages(`{"data":{"fullProjectName":"a","buildNum":1},"message":["+ docker pull a","+ docker pull b","Finished: SUCCESS"],"@version":1,"@timestamp":"2026-03-02T10:11:59+0000"}`)...)
	if l.kinds("image.pulled") != 2 || l.kinds("job.finished") != 1 {
		t.Errorf("got %v, refused %v", l.events, l.refused)
	}
}

// A key cut by the runtime's 16 KB limit is one key, however the cut is marked.
func TestCutLinesAreJoined(t *testing.T) {
	key := secret.Fake("anthropic_api_key", 1)
	long := strings.Repeat("lorem ipsum ", 1366)[:16384-20-1] + " "
	long = "2026-03-02T10:12:00Z " + long[:len(long)-22] + " "
	a, b := long+key[:20], key[20:]+" tail"
	if len(a) != 16384 {
		t.Fatal(len(a))
	}
	label := `"ci":{"job_id":"9001"}`
	for _, tt := range []struct{ name, one, two string }{
		{"CRI", `{"log":"2026-03-02T10:12:00Z stdout P ` + a + `","stream":"stdout",` + label + `}`, `{"log":"2026-03-02T10:12:00Z stdout F ` + b + `","stream":"stdout",` + label + `}`},
		{"logtag", `{"message":"` + a + `","logtag":"P","stream":"stdout","time":"2026-03-02T10:12:00Z",` + label + `}`, `{"message":"` + b + `","logtag":"F","stream":"stdout","time":"2026-03-02T10:12:00Z",` + label + `}`},
		{"Docker", `{"log":"` + a + `","stream":"stdout","time":"2026-03-02T10:12:00Z",` + label + `}`, `{"log":"` + b + `\n","stream":"stdout","time":"2026-03-02T10:12:00Z",` + label + `}`},
		{"Fluentd driver", `{"log":"` + a + `","partial_message":"true","partial_last":"false","stream":"stdout","time":"2026-03-02T10:12:00Z",` + label + `}`, `{"log":"` + b + `","partial_message":"true","partial_last":"true","stream":"stdout","time":"2026-03-02T10:12:00Z",` + label + `}`},
		{"nothing but the size", a, b},
		{"raw CRI", "2026-03-02T10:12:00Z stdout P " + a, "2026-03-02T10:12:00Z stdout F " + b},
	} {
		recs := messages(tt.one, tt.two)
		for i := range recs {
			recs[i].Format = "github.actions"
		}
		l := decodeMessages(t, recs...)
		if l.kinds("secret.exposed") != 1 || len(l.events) != 1 {
			t.Errorf("%s: %d events, refused %v: %.300v", tt.name, len(l.events), l.refused, l.events)
		}
	}
}

func TestInterleavedJobsKeepTheirOwnMemory(t *testing.T) {
	var recs []engine.Record
	logs := [2][]string{
		strings.Split(strings.TrimSpace(stamped("Current runner version: '1'", "Runner name: 'r0'", "##[group]Run env", "##[endgroup]", "PATH=/bin", "HOME=/root", "CI=true", "A=1", "B=2", "done", "Cleaning up orphan processes")), "\n"),
		strings.Split(strings.TrimSpace(stamped("Current runner version: '1'", "Runner name: 'r1'", "##[group]Run x", "##[endgroup]", "curl \\", "  -v https://a.example", "* Connected to a.example (203.0.113.1) port 443", "##[error]Process completed with exit code 3.", "Cleaning up orphan processes")), "\n"),
	}
	for i := range max(len(logs[0]), len(logs[1])) {
		for k := range 2 {
			if i < len(logs[k]) {
				recs = append(recs, engine.Record{Data: []byte(logs[k][i]), Key: fmt.Sprint(9000 + k)})
			}
		}
	}
	l := decodeMessages(t, recs...)
	l.has("env.dumped", "ci.job.id=9000", "ci.env.count=5", "runner.name=r0")
	l.has("net.egress", "ci.job.id=9001", "runner.name=r1")
	l.has("step.finished", "ci.job.id=9001", "event.outcome=failure", "error.code=3")
	l.has("job.finished", "ci.job.id=9000", "event.outcome=success")
	l.has("job.finished", "ci.job.id=9001", "event.outcome=failure")
	if l.kinds("job.started") != 2 {
		t.Errorf("got %v", l.events)
	}
}

func TestRepeatedLinesAreDropped(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(stamped("##[group]Run env", "##[endgroup]", "PATH=/bin", "HOME=/root", "CI=true", "docker pull a", "docker pull a")), "\n")
	var recs []engine.Record
	for range 2 { // a whole redelivery
		for i, s := range lines {
			recs = append(recs, engine.Record{Data: []byte(s), Key: "9001", Origin: engine.Origin{Source: "t", Partition: 1, Offset: int64(i)}})
		}
	}
	l := decodeMessages(t, recs...)
	if l.skipped != len(lines) || l.kinds("image.pulled") != 1 {
		t.Errorf("%d skipped of %d; %v", l.skipped, len(lines), l.events)
	}
}

func TestLinesWithoutTime(t *testing.T) {
	l := decodeMessages(t, engine.Record{Data: []byte("docker pull example/a"), Key: "9001", Format: "github.actions", Time: 1772446320e9})
	l.has("image.pulled", "10:12:00", "event.created=2026-03-02T10:12:00Z")
	l = decodeMessages(t, engine.Record{Data: []byte("docker pull example/a"), Key: "9001", Format: "github.actions"})
	if len(l.events) != 0 || len(l.refused) != 1 || l.refused[0] != "no time" {
		t.Errorf("events %v, refused %v", l.events, l.refused)
	}
	l = readText(t, "x", stamped("docker pull a")+"docker pull b\n")
	if l.kinds("image.pulled") != 2 {
		t.Errorf("a torn line has the time of the line above: %v", l.events)
	}
}

func TestJSONPrintedByABuild(t *testing.T) {
	doc := `{"message":"{\"level\":\"info\",\"cmd\":\"docker pull example/a\",\"key\":\"` + secret.Fake("github_token", 1) + `\"}","timestamp":"2026-03-02T10:12:00Z","source_type":"kubernetes_logs","kubernetes":{"pod_name":"r","container_name":"runner"}}`
	l := decodeMessages(t, messages(doc)...)
	if l.kinds("secret.exposed") != 1 || l.kinds("image.pulled") != 1 || len(l.refused) > 0 {
		t.Errorf("events %v, refused %v", l.events, l.refused)
	}
}

package story

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"time"
)

// How records become files: where collectors put them, late, twice and out of order.

// trailFiles gives CloudTrail: the main account as a bucket holds it, twice for
// what a second trail records too; staging through CloudWatch; audit through
// EventBridge.
func (s *Story) trailFiles() []File {
	d := newDice(s.seed, "trail files")
	prod := s.production()
	out := bucket(d, prod, prodAccount, "AWSLogs/", prod.sorted(), 30*minute)
	var twice []span
	for _, r := range prod.sorted() { // the second trail records changes and role sessions only
		rec := prod.record(r)
		if bytes.Contains(rec, []byte(`"readOnly":false`)) || bytes.Contains(rec, []byte(`AssumeRole`)) {
			twice = append(twice, r)
		}
	}
	out = append(out, bucket(d, prod, prodAccount, "AWSLogs/o-exampleorgid/", twice, 6*hour)...)
	out = append(out, File{Name: digestName, Data: squeeze([]byte(digest))})
	out = append(out, s.watchFile(d), s.bridgeFile(d))
	return out
}

const (
	digestName = "AWSLogs/" + prodAccount + "/CloudTrail-Digest/" + region + "/2026/03/02/" + prodAccount + "_CloudTrail-Digest_" + region + "_main_" + region + "_20260302T010000Z.json.gz"
	digest     = `{"awsAccountId":"` + prodAccount + `","digestStartTime":"2026-03-02T00:00:00Z","digestEndTime":"2026-03-02T01:00:00Z","digestS3Bucket":"example-trail","digestPublicKeyFingerprint":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","logFiles":[]}`
)

// bucket writes what a trail delivers: a file for each span of delivery, its
// records in no order. A record is delivered some minutes after its time.
func bucket(d dice, t *trail, account, prefix string, recs []span, every int64) []File {
	late := make([]span, len(recs))
	for i, r := range recs {
		late[i] = span{at: r.at + int64(d.between(120, 900))*second, from: r.from, to: r.to}
	}
	moved := stream{buf: t.buf, recs: late}
	start := Day.UnixNano()
	var out []File
	for _, part := range cut(moved.sorted(), start, every) {
		delivered := part[len(part)-1].at
		d.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		var b []byte
		b = append(b, `{"Records":[`...)
		for i, r := range part {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, t.record(r)...)
		}
		b = append(b, `]}`...)
		at := time.Unix(0, delivered).UTC()
		out = append(out, File{
			Name: fmt.Sprintf("%s%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json.gz", prefix, account, region, at.Format("2006/01/02"), account, region, at.Format("20060102T1504Z"), d.text(alphaNum, 16)),
			Data: squeeze(b),
		})
	}
	return out
}

func squeeze(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// watchFile is the staging account as a CloudWatch Logs subscription sends it.
func (s *Story) watchFile(d dice) File {
	t := newTrail(s.seed, stagingAccount)
	t.staging(1400)
	recs := t.sorted()
	var b []byte
	b = append(b, `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1772409600000,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`+"\n"...)
	for len(recs) > 0 {
		n := min(len(recs), d.between(3, 12))
		b = append(b, `{"messageType":"DATA_MESSAGE","owner":"`+stagingAccount+`","logGroup":"cloudtrail/staging","logStream":"`+stagingAccount+`_CloudTrail_`+region+`","subscriptionFilters":["all"],"logEvents":[`...)
		for i, r := range recs[:n] {
			if i > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, `{"id":"3%s","timestamp":%d,"message":`, d.text("0123456789", 55), r.at/1_000_000)
			b = appendJSON(b, string(t.record(r)))
			b = append(b, '}')
		}
		b = append(b, "]}\n"...)
		recs = recs[n:]
	}
	return File{Name: "cloudwatch/staging-cloudtrail.ndjson", Data: b}
}

// bridgeFile is the audit account as EventBridge hands it on. The outer time is
// when it was handed on, the outer id is its own.
func (s *Story) bridgeFile(d dice) File {
	t := newTrail(s.seed, auditAccount)
	t.audit(350)
	recs := t.sorted()
	jumble(d, recs, 6)
	var b []byte
	for _, r := range recs {
		b = fmt.Appendf(b, `{"version":"0","id":"%s","detail-type":"AWS API Call via CloudTrail","source":"aws.config","account":"%s","time":"%s","region":"%s","resources":[],"detail":`,
			d.uuid(), auditAccount, stamp(r.at+int64(d.between(5, 60))*second, 0), region)
		b = append(b, t.record(r)...)
		b = append(b, "}\n"...)
	}
	return File{Name: "eventbridge/audit.ndjson", Data: b}
}

// staging is a quieter copy of production.
func (t *trail) staging(n int) {
	who := assumed(stagingAccount, "app-server", "i-0"+t.hex(16), fakeAWS(t.dice, "ASIA"), t.start)
	for range n {
		t.call(t.anytime(), &call{who: who, service: "ec2", name: pick(t.dice, []string{"DescribeInstances", "DescribeTags", "DescribeVolumes"}), from: cloudNAT[2], agent: agentSDK,
			request: `{"filterSet":{"items":[{"name":"tag:app","valueSet":{"items":[{"value":"server"}]}}]}}`})
	}
}

// audit only reads and counts.
func (t *trail) audit(n int) {
	who := assumed(auditAccount, "config-recorder", "recorder", fakeAWS(t.dice, "ASIA"), t.start)
	for range n {
		t.call(t.anytime(), &call{who: who, service: "config", name: pick(t.dice, []string{"DescribeComplianceByConfigRule", "GetResourceConfigHistory", "PutEvaluations"}),
			from: "config.amazonaws.com", agent: "config.amazonaws.com", request: `{"limit":100}`})
	}
}

// gatewayFiles gives the AI gateway's log: rows in four files, not quite in
// order, and payloads.
func (s *Story) gatewayFiles() []File {
	g := s.requests()
	d := newDice(s.seed, "gateway files")
	recs := g.rows.sorted()
	jumble(d, recs, 8)
	var out []File
	for i, part := range parts(recs, 4) {
		out = append(out, File{Name: fmt.Sprintf("litellm/spend-%d.ndjson", i), Data: g.rows.lines(part)})
	}
	return append(out, File{Name: "litellm/callbacks.ndjson.gz", Data: squeeze(g.payloads.lines(g.payloads.sorted()))})
}

func parts(recs []span, n int) [][]span {
	var out [][]span
	for i := range n {
		out = append(out, recs[i*len(recs)/n:(i+1)*len(recs)/n])
	}
	return out
}

func (s *Story) hookFiles() []File {
	bare, wrapped := s.hooks()
	return []File{
		{Name: "webhooks/public-repositories.ndjson", Data: bare.lines(bare.sorted())},
		{Name: "webhooks/private-repositories.ndjson", Data: wrapped.lines(wrapped.sorted())},
	}
}

func (s *Story) networkFiles() []File {
	builds, services, public := s.flows()
	agent := s.egress()
	d := newDice(s.seed, "network files")
	var out []File
	recs := builds.sorted()
	jumble(d, recs, 30)
	for i, part := range parts(recs, 4) {
		out = append(out, File{Name: fmt.Sprintf("vpcflow/builds-%d.log.gz", i), Data: squeeze(append([]byte(flowLayout+"\n"), builds.lines(part)...))})
	}
	out = append(out,
		File{Name: "vpcflow/services.log", Data: append([]byte(serviceLayout+"\n"), services.lines(services.sorted())...)},
		File{Name: "vpcflow/public.ndjson", Data: public.lines(public.sorted())})
	recs = agent.sorted()
	jumble(d, recs, 5)
	return append(out, File{Name: "harden-runner/connections.ndjson", Data: agent.lines(recs)})
}

// logFiles gives the build logs: most as one text file a job, some through the
// shippers of our own runners and of two repositories.
func (s *Story) logFiles() []File {
	var out []File
	var vector, beat, bit stream
	d := newDice(s.seed, "log files")
	for _, j := range s.jobs {
		l := s.write(j)
		switch {
		case !j.hosted:
			l.ship(&beat, d, shipBeat)
		case j.repo == dataKit:
			l.ship(&vector, d, shipVector)
		case j.repo == webDocs:
			l.ship(&bit, d, shipBit)
		default:
			out = append(out, File{Name: fmt.Sprintf("actions/%s/actions/runs/%d/attempts/%d/jobs/%d.txt", j.repo.name, j.run, j.attempt, j.id), Data: l.b})
		}
	}
	return append(out,
		File{Name: "filebeat/runners.ndjson.gz", Data: squeeze(beat.lines(beat.sorted()))},
		File{Name: "vector/data-kit.ndjson", Data: vector.lines(vector.sorted())},
		File{Name: "fluent-bit/docs.ndjson", Data: bit.lines(bit.sorted())})
}

// ship wraps each line as a shipper does; the lines of one job keep their order.
func (l *logText) ship(out *stream, d dice, wrap func(b []byte, j *job, line string, read int64, n int) []byte) {
	from := 0
	read := l.j.end + 20*second
	for _, to := range l.ends {
		line := strings.TrimPrefix(string(l.b[from:to-1]), "\ufeff")
		read += d.Int64N(second / 10)
		out.buf = wrap(out.buf, l.j, line, read, from)
		out.add(read)
		from = to
	}
}

func shipBeat(b []byte, j *job, line string, read int64, offset int) []byte {
	b = fmt.Appendf(b, `{"@timestamp":"%s","@metadata":{"beat":"filebeat","type":"_doc","version":"8.17.2"},"log":{"offset":%d,"file":{"path":"/var/log/runner/%d.log"}},"message":`, stamp(read, 3), offset, j.id)
	b = appendJSON(b, line)
	return fmt.Appendf(b, `,"input":{"type":"filestream"},"fields":{"ci":{"repo":"%s","run_id":"%d","run_attempt":"%d","job_id":"%d","workflow":"%s"}},`+
		`"kubernetes":{"pod":{"name":"%s"},"namespace":"arc-runners","container":{"name":"job"}},"agent":{"type":"filebeat","version":"8.17.2"},"ecs":{"version":"8.0.0"},"host":{"name":"node-3"}}`,
		j.repo.name, j.run, j.attempt, j.id, j.workflow, j.runner)
}

func shipVector(b []byte, j *job, line string, read int64, _ int) []byte {
	b = fmt.Appendf(b, `{"file":"/var/log/actions/%s/actions/runs/%d/attempts/%d/jobs/%d.log","host":"log-relay-1","message":`, j.repo.name, j.run, j.attempt, j.id)
	b = appendJSON(b, line)
	return fmt.Appendf(b, `,"source_type":"file","timestamp":"%s"}`, stamp(read, 9))
}

func shipBit(b []byte, j *job, line string, read int64, _ int) []byte {
	b = fmt.Appendf(b, `{"@timestamp":%d.%06d,"log":`, read/second, read%second/1000)
	b = appendJSON(b, line+"\n")
	return fmt.Appendf(b, `,"stream":"stdout","ci":{"repo":"%s","run_id":"%d","run_attempt":"%d","job_id":"%d"}}`, j.repo.name, j.run, j.attempt, j.id)
}

package decode

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// memorable are lines that mean something only together with others.
var memorable = func() []string {
	pem := strings.Split(strings.TrimSpace(secret.Fake("private_key", 3)), "\n")
	key := secret.Fake("anthropic_api_key", 3)
	lines := append(pem,
		"Current runner version: '2.331.0'", "Runner name: 'GitHub Actions 7'", "Complete job name: train", "Uses: example-org/ci/.github/workflows/w.yml@v1 (0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a)",
		"##[group]Run python train.py", "##[endgroup]", "##[error]Process completed with exit code 1.", "Post job cleanup.", "Cleaning up orphan processes",
		"Running with gitlab-runner 17.9.0 (abc)", "section_start:1772446301:step_script\r\x1b[0Kgo", "section_end:1772446309:step_script\r", "00O+ it goes on", "00O docker pull", "00O+ example/a", "Job succeeded",
		"Started by user dev", "[Pipeline] { (Build)", "[Pipeline] // stage", "Finished: FAILURE", "Running on node-1 in /w",
		"PATH=/bin", "HOME=/root", "CI=true", "TOKEN=***", "AWS_REGION=eu-west-1", "MODEL=a", "+ cat /proc/4711/environ",
		`curl -H "x-api-key: `+key[:40]+`\`, key[40:]+`" https://a.example`, `copied to C:\work\`, "key "+key,
		"aws_access_key_id = AKIAEXAMPLEBUILDKEY1", "aws_secret_access_key = "+secret.Fake("aws_secret_key", 1),
		"A new version of the following files was downloaded from https://huggingface.co/example-org/m:", "- modeling_m.py", ". Make sure to double-check they do not contain any added malicious code. To avoid downloading new versions of the code file, you can pin a revision.",
		"git clone https://huggingface.co/example-org/m", "cd m", "pip install .", "python setup.py install", "HF_ENDPOINT=https://mirror.example", "Downloading https://mirror.example/example-org/m/resolve/main/run.py", "bash run.sh", "python run.py",
		"AutoModel.from_pretrained('example-org/m', trust_remote_code=True)", "Digest: sha256:"+strings.Repeat("ab", 32), "Status: Downloaded newer image for example/a:1", "docker pull example/a:1",
		"* Connected to a.example (203.0.113.7) port 443", "domain resolved: b.example ip address: 203.0.113.8", "endpoint called ip address:port 203.0.113.8:443 domain: process: x", "Assuming role with OIDC", "Authenticated as assumedRoleId AROAEXAMPLE:session",
		"", "x", "epoch 1 loss 0.1", "10%\rdocker pull example/b\r100%")
	return append(lines, wrap(base64Of(base64Of("GITHUB_TOKEN="+secret.Fake("github_token", 3)+" and some more text so that the block has a few lines")), 76)...)
}()

// carried puts a line into a record of one of many kinds.
func carried(line string, job, how byte, at int64) engine.Record {
	stamp := fmt.Sprintf("2026-03-%02dT%02d:%02d:%02d.%07dZ ", 2+at/86400%20, at/3600%24, at/60%60, at%60, at%977)
	rec := engine.Record{Time: 1772409600e9 + at*1e9, Key: fmt.Sprint(9001 + int(job%4))}
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	switch how % 10 {
	case 0:
		line = stamp + "stdout P " + line
	case 1:
		line = stamp + "stdout F " + line
	case 2: // torn off, or of a log without stamps
	case 3:
		rec.Key, rec.Headers = "", []engine.Header{{Key: "ci.run.id", Value: "7001"}, {Key: "ci.job", Value: fmt.Sprint("job", job%4)}}
		line = stamp + line
	case 4:
		rec.Key = ""
		line = fmt.Sprintf(`{"@timestamp":"2026-03-02T10:20:00.000Z","@metadata":{"beat":"filebeat"},"message":%s,"log":{"file":{"path":"/var/log/ci/run-7001/job-900%d.log"}},"agent":{"type":"filebeat"}}`, quoted(stamp+line), job%4)
	case 5:
		rec.Key = ""
		line = fmt.Sprintf(`{"log":%s,"stream":"stdout","time":"2026-03-02T10:20:00Z","kubernetes":{"pod_name":"p%d","labels":{"actions.github.com/run-id":"7001"}}}`, quoted(stamp+line), job%4)
	case 6:
		rec.Key = ""
		line = stamp + line
	case 7:
		line = stamp + line + strings.Repeat(".", max(0, cutSize-len(stamp)-len(line))) // as long as what runtimes cut
	default:
		line = stamp + line
	}
	rec.Data = []byte(line)
	return rec
}

// FuzzRestart: a decoder that was saved and restored at any places goes on as
// one that never stopped. Four bytes make a record: which line, of which job, in
// what wrapping, and what happens afterwards.
func FuzzRestart(f *testing.F) {
	var all []byte
	for i := range memorable {
		all = append(all, byte(i), byte(i%3), 8, byte(i))
	}
	f.Add(all)
	for how := range byte(10) {
		var some []byte
		for i := range memorable {
			some = append(some, byte(i*7), byte(i)%5, how+byte(i%2), byte(i*31))
		}
		f.Add(some)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		var recs []engine.Record
		var then []byte
		at := int64(36000)
		for ; len(script) >= 4 && len(recs) < 150; script = script[4:] {
			at += int64(script[3] & 3)
			if script[1]&0xf0 == 0xf0 {
				at += 7 * 3600 // everything else is old now
			}
			rec := carried(memorable[int(script[0])%len(memorable)], script[1], script[2], at)
			rec.Origin = engine.Origin{Source: "logs", Partition: 3, Offset: int64(len(recs))}
			if back := int(script[3] >> 4); script[3]&0xc == 0xc && back < len(recs) {
				rec = recs[len(recs)-1-back] // delivered again
			}
			recs, then = append(recs, rec), append(then, script[3]>>2)
		}
		checkRestarts(t, "restarts here and there", recs, 3, func(i int) bool { return then[i]&1 != 0 })
		checkRestarts(t, "restarts everywhere", recs, 1, func(int) bool { return true })
	})
}

// FuzzJobState: no bytes break the reader of a job or the decoder that goes on
// with it, and what was read is written and read again as the same.
func FuzzJobState(f *testing.F) {
	f.Add(fullJob().bytes())
	f.Add((&textJob{}).bytes())
	j := fullJob()
	j.hold.kind, j.hold.text, j.hold.cuts = holdBackslash, []byte("docker pull \\ a"), []int{3, 15}
	f.Add(j.bytes())
	plan := keptPlan(f, allFields())
	f.Fuzz(func(t *testing.T, b []byte) {
		j, ok := readJob(b)
		if !ok {
			return
		}
		once := j.bytes()
		again, ok := readJob(once)
		if !ok || string(again.bytes()) != string(once) {
			t.Fatalf("written again it is something else: %v\n%x\n%x", ok, once, again.bytes())
		}
		d := plan.NewDecoder()
		d.openLines(1)
		m := d.buildText()
		j.key = "\x003"
		m.mem.restore([]*textJob{j})
		for i, text := range []string{"x", "-----END PRIVATE KEY-----", "docker pull a", "Cleaning up orphan processes"} {
			rec := carried(text, 0, 6, int64(40000+i))
			rec.Origin = engine.Origin{Partition: 3, Offset: int64(i)}
			decodeAll(d, []engine.Record{rec}, &transcript{})
		}
	})
}

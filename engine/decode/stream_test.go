package decode

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/seed-843b225c/reflex/engine"
)

// rec is a short CloudTrail record with an id.
func rec(id string) string {
	return `{"eventVersion":"1.08","eventTime":"2026-03-02T10:15:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"` + id + `"}`
}

func pretty(s string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(s), "", "  "); err != nil {
		panic(err)
	}
	return b.String()
}

func inString(s string) string { b, _ := json.Marshal(s); return string(b) }

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func utf16le(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// streams are whole files and what must come out of them: ids of events with
// their lines, reasons of refusals with theirs.
var streams = []struct {
	name, in string
	events   string // id@line ...
	refused  string // reason@line ...
	skipped  string
}{
	{"empty", "", "", "", "empty"},
	{"blank", " \n\r\n\t", "", "", ""},
	{"lines", rec("a") + "\n" + rec("b") + "\n", "a@1 b@2", "", ""},
	{"no last line end", rec("a") + "\n" + rec("b"), "a@1 b@2", "", ""},
	{"windows line ends, empty lines", rec("a") + "\r\n\r\n" + rec("b") + "\r\n", "a@1 b@3", "", ""},
	{"byte order mark", "\xef\xbb\xbf" + rec("a") + "\n", "a@1", "", ""},
	{"side by side", rec("a") + rec("b") + " " + rec("c") + "\n", "a@1 b@1 c@1", "", ""},
	{"over many lines", pretty(rec("a")) + "\n" + pretty(rec("b")) + "\n", "a@1 b@8", "", ""},
	{"envelope", `{"Records":[` + rec("a") + "," + rec("b") + `]}`, "a@1 b@1", "", ""},
	{"envelope over many lines", pretty(`{"Records":[` + rec("a") + "," + rec("b") + `]}`), "a@3 b@10", "", ""},
	{"envelope with more keys", `{"x":1,"Records":[` + rec("a") + `],"next":null}` + "\n" + rec("b"), "a@1 b@2", "", ""},
	{"empty envelope", `{"Records":[]}` + "\n" + rec("b"), "b@2", "", ""},
	{"envelope a line", `{"Records":[` + rec("a") + "]}\n" + `{"Records": [` + rec("b") + "]}\n", "a@1 b@2", "", ""},
	{"list", "[" + rec("a") + ",\n" + rec("b") + "]", "a@1 b@2", "", ""},
	{"list over many lines", pretty("[" + rec("a") + "," + rec("b") + "]"), "a@2 b@9", "", ""},
	{"rows with their names", "eventTime,eventSource,eventName,eventID,userIdentity\r\n2026-03-02T10:15:00Z,s3.amazonaws.com,GetObject,a,\"{type=Root,\nx=1}\"\r\n\r\n\"2026-03-02T10:15:00Z\",s3.amazonaws.com,GetObject,\"b\",\n", "a@2 b@5", "", ""},
	{"a row too short", "eventTime,eventSource,eventName,eventID\n2026-03-02T10:15:00Z,s3.amazonaws.com\n2026-03-02T10:15:00Z,s3.amazonaws.com,GetObject,b\n", "b@3", "not a row@2", ""},
	{"a row cut", "eventTime,eventSource,eventName,eventID\n2026-03-02T10:15:00Z,s3.amazonaws.com,GetObject,\"b", "", "truncated@2", ""},
	{"nothing but zero bytes", strings.Repeat("\x00", 1700), "", "", "zero bytes empty"},
	{"names without rows", "eventTime,eventSource,eventName,eventID\n", "", "", "empty"},
	{"rows of something else", "a,b,c\n1,2,3\n", "", "unknown format@1", ""},
	{"list of strings", "[" + inString(rec("a")) + "]", "a@1", "", ""},
	{"list in a list", "[[" + rec("a") + "]]", "a@1", "", ""},
	{"list of nothing useful", `{"Records":[1,` + rec("a") + "]}", "a@1", "not a record@1", ""},
	{"torn line", rec("a") + "\n" + rec("x")[:60] + "\n" + rec("b") + "\n", "a@1 b@3", "not JSON@2", ""},
	{"line torn between values", rec("a") + "\n" + `{"eventVersion":"1.08",` + "\n" + rec("b") + "\n", "a@1 b@3", "not JSON@2", ""},
	{"line torn before a value", `{"eventVersion":` + "\n" + rec("b") + "\n" + rec("c"), "b@2 c@3", "not JSON@1", ""},
	{"line torn in a list", `{"eventVersion":[` + "\n" + rec("b") + "\n" + rec("c"), "b@2 c@3", "not JSON@1", ""},
	{"end of a torn line first", `ntName":"x"}` + "\n" + rec("b"), "b@2", "unknown format@1", ""},
	{"bytes behind a record", rec("a") + "x\n" + rec("b"), "b@2", "not JSON@1", ""},
	{"control character", strings.Replace(rec("x"), "Get", "G\x01et", 1) + "\n" + rec("b"), "b@2", "not JSON@1", ""},
	{"NUL", rec("a") + "\n" + strings.Replace(rec("x"), "Get", "G\x00et", 1) + "\n" + rec("b"), "a@1 b@3", "not JSON@2", ""},
	{"NULs at the end", rec("a") + "\n" + strings.Repeat("\x00", 3000), "a@1", "", "zero bytes"},
	{"NULs first", strings.Repeat("\x00", 3000) + rec("a") + "\n" + rec("b"), "a@1 b@2", "", "zero bytes"},
	{"NULs between", rec("a") + "\n\x00\x00\x00" + rec("b") + "\n\x00\n" + rec("c"), "a@1 b@2 c@4", "", "zero bytes zero bytes"},
	{"nothing but NULs", strings.Repeat("\x00", 3000), "", "", "zero bytes empty"},
	{"lines of a list", rec("a") + ",\n" + rec("b") + " ,\r\n" + rec("c") + ",", "a@1 b@2 c@3", "", ""},
	{"torn inside a string, the next behind it", rec("a") + "\n" + rec("x")[:60] + rec("b") + "\n" + rec("c"), "a@1 b@2 c@3", "not JSON@2", ""},
	{"torn behind a value, the next behind it", `{"eventVersion":"1.08"` + rec("b") + "\n" + rec("c"), "b@1 c@2", "not JSON@1", ""},
	{"torn in a key, the next behind it", `{"eventVersion":"1.08","even` + rec("b") + " \r\n" + rec("c"), "b@1 c@2", "not JSON@1", ""},
	{"torn, and no whole record behind it", `{"eventVersion":"1.08","even{"eventName":"x"},` + "\n" + rec("c"), "c@2", "not JSON@1", ""},
	{"too deep in a list of one line", `{"Records":[` + rec("a") + "," + strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000) + "," + rec("b") + `]}`, "a@1 b@1", "nested too deep@1", ""},
	{"cut inside a record", rec("a") + "\n" + rec("b")[:70], "a@1", "truncated@2", ""},
	{"cut inside an envelope", `{"Records":[` + rec("a") + "," + rec("b")[:70], "a@1", "truncated@1", ""},
	{"cut between records of an envelope", `{"Records":[` + rec("a") + ",", "a@1", "truncated@1", ""},
	{"cut behind the list", `{"Records":[` + rec("a") + "]", "a@1", "truncated@1", ""},
	{"cut in an envelope over many lines", pretty(`{"Records":[` + rec("a") + "," + rec("b") + `]}`)[:300], "a@3", "truncated@10", ""},
	{"bad record in an envelope of one line", `{"Records":[` + rec("a") + `,{"eventName":01},` + rec("b") + `]}`, "a@1 b@1", "not JSON@1", ""},
	{"bad record in a list of lines", "[\n" + rec("a") + ",\n" + rec("x")[:50] + "\n" + rec("b") + "\n]\n" + rec("c"), "a@2 b@4 c@6", "not JSON@3", ""},
	{"bad document over many lines", strings.Replace(pretty(rec("x")), "\"GetObject\"", "GetObject", 1) + "\n" + pretty(rec("b")), "b@8", "not JSON@1", ""},
	{"envelope broken behind the list", `{"Records":[` + rec("a") + `]]` + "\n" + rec("b"), "a@1 b@2", "not JSON@1", ""},
	{"unknown keys", rec("a") + "\n" + `{"x":1}` + "\n" + rec("b"), "a@1 b@3", "unknown format@2", ""},
	{"no time", strings.Replace(rec("x"), "2026", "x", 1) + "\n" + rec("b"), "b@2", "no time@1", ""},
	{"text nobody knows, once", "hello\nworld\n\nagain\n" + rec("a") + "\nend\n", "a@5", "unknown format@1 unknown format@6", ""},
	{"binary", "\x7fELF\x02\x01\x01\x00\x00\x00" + strings.Repeat("\x01\x00\n", 5000), "", "binary@1", ""},
	{"binary that begins like JSON", "{" + strings.Repeat("\x80\x01\xfe\n\x02", 500), "", "binary@1", ""},
	{"nested too deep", strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000) + "\n" + rec("b"), "b@2", "nested too deep@1", ""},
	{"UTF-16 with mark", "\xff\xfe" + utf16le(rec("a")+"\n"), "", "UTF-16@1", ""},
	{"UTF-16 without mark", utf16le(rec("a") + "\n"), "", "UTF-16@1", ""},
	{"zip", "PK\x03\x04\x00\x00", "", "archive@1", ""},
	{"digest", `{"awsAccountId":"111122223333","digestStartTime":"2026-03-02T10:00:00Z","digestEndTime":"2026-03-02T11:00:00Z","digestS3Bucket":"b","logFiles":[]}`, "", "", "CloudTrail digest"},
	{"EventBridge", `{"version":"0","id":"o","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","time":"2026-03-02T10:16:00Z","detail":` + rec("a") + `}`, "a@1", "", ""},
	{"CloudWatch Logs", `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1772446500123,"message":` + inString(rec("a")) + `},{"id":"2","timestamp":1772446500123,"message":` + inString(rec("b")) + `}]}`, "a@1 b@1", "", ""},
	{"CloudWatch Logs, other order", `{"logEvents":[{"id":"1","timestamp":1772446500123,"message":"CWL CONTROL MESSAGE: x"}],"messageType":"CONTROL_MESSAGE"}`, "", "", "CloudWatch control message"},
	{"Firehose", `{"records":[{"recordId":"r","data":"` + b64(rec("a")) + `"},{"recordId":"r","data":"` + b64(zipped(rec("b")+"\n"+rec("c"))) + `"}]}`, "a@1 b@1 c@1", "", ""},
	{"Firehose, not base64", `{"records":[{"recordId":"r","data":"***"},{"recordId":"r","data":"` + b64(rec("a")) + `"}]}`, "a@1", "not base64@1", ""},
	{"LookupEvents", `{"Events":[{"EventId":"a","CloudTrailEvent":` + inString(rec("a")) + `},{"CloudTrailEvent":` + inString(rec("b")) + `}]}`, "a@1 b@1", "", ""},
	{"SNS", `{"Type":"Notification","MessageId":"m","Message":` + inString(`{"Records":[`+rec("a")+`]}`) + `}`, "a@1", "", ""},
	{"Pub/Sub", `{"message":{"data":"` + b64(rec("a")) + `","messageId":"1"}}`, "a@1", "", ""},
	{"Lambda", `{"awslogs":{"data":"` + b64(zipped(`{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":1772446500123,"message":`+inString(rec("a"))+`}]}`)) + `"}}`, "a@1", "", ""},
	{"string in string in string", `{"Type":"Notification","Message":` + inString(`{"Type":"Notification","Message":`+inString(`{"Type":"Notification","Message":`+inString(rec("a"))+`}`)+`}`) + `}`, "a@1", "", ""},
	{"bucket notification", `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-03-02T10:15:00Z","eventName":"ObjectCreated:Put","awsRegion":"eu-west-1"}]}`, "", "unknown format@1", ""},
}

func TestStreams(t *testing.T) {
	l := fourteen()
	for _, c := range streams {
		for _, size := range []int{1 << 20, 1, 13, 200} {
			t.Run(fmt.Sprintf("%s/%d", c.name, size), func(t *testing.T) {
				r := file(t, l, "", []byte(c.in), size)
				var events, refused []string
				for _, e := range r.events {
					events = append(events, fmt.Sprintf("%s@%d", e.ID, e.Origin.Line))
				}
				for _, f := range r.refused {
					refused = append(refused, fmt.Sprintf("%s@%d", f.Reason, f.Origin.Line))
				}
				if got := strings.Join(events, " "); got != c.events {
					t.Errorf("events %q, want %q", got, c.events)
				}
				if got := strings.Join(refused, " "); got != c.refused {
					t.Errorf("refused %q, want %q\n%s", got, c.refused, r.summary())
				}
				if got := strings.Join(r.skipped, " "); got != c.skipped {
					t.Errorf("skipped %q, want %q", got, c.skipped)
				}
			})
		}
	}
}

// TestOffsets: where an event says it stands in a file, there its bytes are.
func TestOffsets(t *testing.T) {
	l := fourteen()
	for _, c := range streams {
		if strings.Contains(c.in, `\"`) || strings.Contains(c.in, `"data":`) || strings.HasPrefix(c.in, "eventTime,") {
			continue // unwrapped from text or made of a row: the place is the wrapping's
		}
		for _, size := range []int{3, 1 << 20} {
			for _, e := range file(t, l, "", []byte(c.in), size).events {
				if !strings.HasPrefix(c.in[e.Origin.Offset:], string(e.Raw)) {
					t.Errorf("%s: event %s is not at %d", c.name, e.ID, e.Origin.Offset)
				}
			}
		}
	}
}

// TestStreamsChunked: pieces of any size give what the whole gives.
func TestStreamsChunked(t *testing.T) {
	l := fourteen()
	r := rand.New(rand.NewSource(2))
	for range 300 {
		var in []byte
		for range 1 + r.Intn(4) {
			c := streams[r.Intn(len(streams))]
			if strings.Contains(c.name, "UTF-16") || c.name == "binary" || c.name == "zip" {
				continue
			}
			in = append(append(in, c.in...), '\n')
		}
		if r.Intn(2) == 0 && len(in) > 1 {
			in = in[:r.Intn(len(in))]
		}
		want := file(t, l, "", in, 1<<20)
		got := file(t, l, "", in, 1+r.Intn(300))
		if want.summary() != got.summary() {
			t.Fatalf("%q\nwhole:\n%s\npieces:\n%s", in, want.summary(), got.summary())
		}
	}
}

func TestMessages(t *testing.T) {
	l := fourteen()
	for name, data := range map[string]string{
		"plain": rec("a") + "\n" + rec("b"), "gzip": zipped(rec("a") + "\n" + rec("b")), "list": "[" + rec("a") + "," + rec("b") + "]",
		"envelope": zipped(`{"Records":[` + rec("a") + "," + rec("b") + `]}`),
	} {
		r := message(t, l, engine.Record{Data: []byte(data)})
		if len(r.events) != 2 || r.events[1].ID != "b" || len(r.refused) > 0 {
			t.Fatalf("%s: %s", name, r.summary())
		}
		if o := r.events[1].Origin; o.Offset != 42 || o.Partition != 3 || o.Index != 1 || o.Line != 0 {
			t.Errorf("%s: origin %+v", name, o)
		}
	}
	if r := message(t, l, engine.Record{}); len(r.skipped) != 1 {
		t.Errorf("tombstone: %s", r.summary())
	}
	if r := message(t, l, engine.Record{Data: []byte(zipped(rec("a") + "\n" + rec("b") + strings.Repeat(" ", 1000))[:100])}); len(r.refused) == 0 {
		t.Errorf("cut gzip: %s", r.summary())
	}
}

// TestLargeFile: one line of many megabytes is read; one record over the limit
// is refused and the rest goes on.
func TestLargeFile(t *testing.T) {
	l := fourteen()
	huge := strings.Replace(rec("huge"), "GetObject", strings.Repeat("x", 2<<20), 1)
	for name, c := range map[string]struct{ open, sep, shut string }{
		"envelope": {`{"Records":[`, ",", "]}"}, "lines": {"", "\n", "\n"}, "list": {"[", ", ", "]"},
	} {
		var b strings.Builder
		b.WriteString(c.open)
		for i := range 20000 {
			if i > 0 {
				b.WriteString(c.sep)
			}
			if i == 700 {
				b.WriteString(huge + c.sep)
			}
			b.WriteString(rec(fmt.Sprint(i)))
		}
		b.WriteString(c.shut)
		p, _ := NewPlan(l, Options{})
		d := p.NewDecoder()
		r := &recorder{layout: l, quiet: true}
		chunks(d, r, "", []byte(b.String()), 128<<10)
		if r.count != 20000 || len(r.refused) != 1 || r.refused[0].Reason != "too large" {
			t.Errorf("%s: %d events, %d refused", name, r.count, len(r.refused))
		}
		if n := cap(d.streams[0].carry); n > 4<<20 {
			t.Errorf("%s: %d bytes carried", name, n)
		}
	}
}

// FuzzStream: pieces give what the whole gives, nothing is lost silently, and
// every event's bytes are valid JSON.
func FuzzStream(f *testing.F) {
	for i, c := range streams {
		f.Add([]byte(c.in), i)
	}
	p, err := NewPlan(fourteen(), Options{MaxRecord: 2000})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if len(b) > 4000 {
			return
		}
		want, got := &recorder{}, &recorder{}
		whole := p.NewDecoder()
		chunks(whole, want, "", b, len(b)+1)
		chunks(p.NewDecoder(), got, "", b, 1+int(uint(size)%100))
		for _, e := range want.events {
			if !json.Valid(e.Raw) {
				t.Fatalf("event %q is not JSON", e.Raw)
			}
		}
		if want.count == 0 && len(want.refused) == 0 && len(want.skipped) == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))) > 0 &&
			!bytes.ContainsAny(b, "[") && !tookAsBuildText(whole) {
			t.Fatalf("%q: nothing said", b)
		}
		if len(b) < 1000 && want.summary() != got.summary() {
			t.Fatalf("%q\nwhole:\n%s\npieces of %d:\n%s", b, want.summary(), 1+int(uint(size)%100), got.summary())
		}
	})
}

// tookAsBuildText reports whether some of the input was read as a build log: its
// lines say something only where something happened.
func tookAsBuildText(d *Decoder) bool {
	return slices.ContainsFunc(d.opened, func(o *openedFormat) bool {
		if o == nil {
			return false
		}
		_, text := o.lineDecoder.(*textDecoder)
		return text
	})
}

// TestAFormatOfTextAndJSONTakesBoth: a topic named vpcflow brings what S3 holds
// (text) as well as what a subscription sends (JSON).
func TestAFormatOfTextAndJSONTakesBoth(t *testing.T) {
	text := "2 111122223333 eni-0a1b2c3d4e5f60718 192.0.2.5 198.51.100.9 443 50000 6 10 840 1772446320 1772446380 ACCEPT OK"
	object := `{"version":2,"account-id":"111122223333","interface-id":"eni-0a1b2c3d4e5f60718","srcaddr":"192.0.2.5","dstaddr":"198.51.100.9","srcport":443,"dstport":50000,"protocol":6,"packets":10,"bytes":840,"start":1772446320,"end":1772446380,"action":"ACCEPT","log-status":"OK"}`
	p, err := NewPlan(engine.NewLayout(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, r := p.NewDecoder(), &recorder{}
	for i, data := range []string{text, object, " " + object, text} {
		d.Decode(engine.Record{Data: []byte(data), Format: "vpcflow", Origin: engine.Origin{Source: "t", Offset: int64(i)}}, r)
	}
	chunks(p.NewDecoder(), r, "vpcflow", []byte(object+"\n"+object+"\n"), 100)
	if r.count != 6 || len(r.refused) != 0 {
		t.Errorf("%d events, refused %v", r.count, r.refused)
	}
}

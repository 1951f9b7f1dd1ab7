package detect

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/rule"
)

// benchSet makes n rules of mixed shapes: by action, by provider and action, by
// list, by text, by prefix, by pattern, by address, with or.
func benchSet(tb testing.TB, n int) *rule.Set {
	shapes := []string{
		`event.action == "Action%d"`,
		`event.provider == "service%d.example" and event.outcome == "failure"`,
		`event.action in ["Action%d", "Other%[1]d", "Third%[1]d"] and not known(source.ip) and source.ip != nil`,
		`message contains "marker-%d" and event.action != "x"`,
		`event.action == "GetObject" and user.name == "user%d"`,
		`user_agent.original startsWith "tool%d/"`,
		`message matches "(?i)error %d: [a-z]+ failed"`,
		`source.ip == "203.0.113.%d" or event.action == "Only%[1]d"`,
		`event.action == "AssumeRole" and raw.requestParameters.roleArn == "arn:aws:iam::111122223333:role/r%d"`,
		`lower(user_agent.original) contains "scanner%d" and event.outcome == "success"`,
	}
	var conditions []string
	for i := range n {
		arg := i
		if i%10 == 7 {
			arg = i % 250
		}
		conditions = append(conditions, fmt.Sprintf(shapes[i%len(shapes)], arg))
	}
	return compile(tb, testData(tb), conditions)
}

// benchEvents are CloudTrail-like events; one in fifty fulfils some rule's
// equality.
func benchEvents(l *engine.Layout) []*engine.Event {
	r := rand.New(rand.NewPCG(1, 2))
	var out []*engine.Event
	for range 1000 {
		ev := &engine.Event{Dataset: engine.CloudTrail, Time: start, Values: make([]engine.Value, l.Len())}
		for name, v := range map[string]engine.Value{
			"event.action":                  engine.String([]string{"GetObject", "PutObject", "DescribeInstances", "Decrypt", "AssumeRole", fmt.Sprint("Action", r.IntN(1000))}[min(5, r.IntN(250)/5%6)]),
			"event.provider":                engine.String([]string{"s3.amazonaws.com", "ec2.amazonaws.com", "kms.amazonaws.com"}[r.IntN(3)]),
			"event.outcome":                 engine.String("success"),
			"source.ip":                     engine.Address(netip.AddrFrom4([4]byte{198, 51, 100, byte(r.IntN(256))})),
			"user.name":                     engine.String(fmt.Sprintf("user-name-%d", r.IntN(100))),
			"user_agent.original":           engine.String("aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOARCH#amd64 api/s3#1.58.2"),
			"message":                       engine.String("User: arn:aws:sts::111122223333:assumed-role/build/session is not authorized to perform: s3:GetObject on resource"),
			"raw.requestParameters.roleArn": engine.String(fmt.Sprintf("arn:aws:iam::111122223333:role/build-%d", r.IntN(50))),
		} {
			ev.Set(l.SlotOf(name), v)
		}
		out = append(out, ev)
	}
	return out
}

func BenchmarkDetect(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		set := benchSet(b, n)
		events := benchEvents(set.Layout)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			d := New(set, nil)
			b.ReportAllocs()
			hits, i := 0, 0
			for b.Loop() {
				d.Detect(events[i%len(events)], func(engine.Hit) { hits++ })
				i++
			}
			b.ReportMetric(float64(hits)/float64(i), "hits/op")
		})
	}
	set := benchSet(b, 1000)
	events := benchEvents(set.Layout)
	b.Run("rules=1000/oracle", func(b *testing.B) {
		d := NewIndex(set).NewOracle(nil)
		i := 0
		for b.Loop() {
			d.Detect(events[i%len(events)], func(engine.Hit) {})
			i++
		}
	})
}

func BenchmarkNewIndex(b *testing.B) {
	set := benchSet(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		NewIndex(set)
	}
}

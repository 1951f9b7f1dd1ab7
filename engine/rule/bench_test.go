package rule

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// BenchmarkLoad loads and compiles 1,000 rules of mixed kinds, as at start.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "---\nid: rule-%d\ntitle: Rule number %d\nstatus: test\nlevel: medium\ntags: [attack.t1078.004, reflex.expose]\nfrom: [aws.cloudtrail]\n", i, i)
		fmt.Fprintf(&text, "when: |\n  event.action == \"Action%d\" and user.name != nil\n  and not (source.ip != nil and cidr(source.ip, \"10.%d.0.0/16\"))\n", i, i%256)
		if i%5 == 0 {
			text.WriteString("count: {by: [user.name], within: 10m, at_least: 5}\n")
		}
		text.WriteString("alert:\n  title: '{{ user.name }} did {{ event.action }} from {{ source.ip }}'\n  entities: {user: user.name, ip: source.ip}\n  dedup: {by: [user.name], within: 1h}\nrunbook: [Look., Act.]\n")
		text.WriteString("tests:\n  - {name: fires, events: [{dataset: aws.cloudtrail, set: {user.name: example, source.ip: 203.0.113.7}}], alerts: 1}\n  - {name: quiet, events: [{dataset: aws.cloudtrail, set: {user.name: example}}], alerts: 0}\n")
	}
	files := fstest.MapFS{"rules.yml": {Data: []byte(text.String())}}
	b.ReportAllocs()
	for b.Loop() {
		p, _ := Load(files)
		set, ms := Compile(p, testOptions())
		if set == nil || len(set.Rules) != 1000 {
			b.Fatal(ms)
		}
	}
}

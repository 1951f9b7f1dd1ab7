package story

import "fmt"

// appFiles gives what is in ECS already: the sign-ins and requests of a web
// application, as its agent writes them.
func (s *Story) appFiles() []File {
	d := newDice(s.seed, "apps")
	var out stream
	for range 900 {
		at := d.in(Day.UnixNano(), 24*hour)
		action, kind, outcome, from := "http.request", "access", "success", d.addr(netStranger, 130, 190)
		if d.chance(0.2) {
			action, kind, from = "user.login", "start", pick(d, vpnExits)
			if d.chance(0.1) {
				outcome = "failure" // quiet: a mistyped password
			}
		}
		out.buf = fmt.Appendf(out.buf, `{"@timestamp":"%s","ecs":{"version":"8.11.0"},"event":{"id":"%s","kind":"event","dataset":"console.access","category":["web"],"type":["%s"],"action":"%s","outcome":"%s","duration":%d},`+
			`"source":{"ip":"%s","port":%d},"user":{"name":"%s"},"user_agent":{"original":"%s"},"host":{"name":"web-%d"},"http":{"request":{"method":"GET"},"response":{"status_code":200}},"url":{"path":"/models/%d"},"service":{"name":"console"}}`,
			stamp(at, 3), d.uuid(), kind, action, outcome, d.between(100_000, 90_000_000), from, d.between(1024, 65000), pick(d, people), agentConsole, d.between(1, 3), d.IntN(40))
		out.add(at)
	}
	return []File{{Name: "console/access.ndjson", Data: out.lines(out.sorted())}}
}

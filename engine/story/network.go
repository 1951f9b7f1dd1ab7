package story

import (
	"fmt"
	"slices"
	"strconv"
)

// What crossed the network: flow logs of the VPC in two layouts, and what the
// agent on the build machines saw.

// flowLayout is the order that our build network's flow log was set up with.
const flowLayout = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id flow-direction traffic-path"

// serviceLayout is the order of the services' network: no direction in it.
const serviceLayout = "start end account-id interface-id srcaddr srcport dstaddr dstport protocol packets bytes action log-status version"

type flow struct {
	at       int64 // end of the window
	eni      string
	instance string
	src, dst string
	sport    int
	dport    int
	bytes    int
	rejected bool
	in       bool
}

func (f *flow) action() string {
	if f.rejected {
		return "REJECT"
	}
	return "ACCEPT"
}

func (f *flow) direction() (string, string) {
	if f.in {
		return "ingress", "-"
	}
	return "egress", "8"
}

func (f *flow) packets() int { return 1 + f.bytes/900 }

// flows makes the three flow logs: of the build network as text, of the
// services' network as text in another order, of the public network as JSON.
func (s *Story) flows() (builds, services, public *stream) {
	d := newDice(s.seed, "flows")
	builds, services, public = &stream{}, &stream{}, &stream{}
	start := Day.UnixNano()
	put := func(f *flow) {
		f.at -= f.at % second
		dir, path := f.direction()
		builds.buf = fmt.Appendf(builds.buf, "5 %s %s %s %s %d %d 6 %d %d %d %d %s OK vpc-0aa1bb2cc3dd4ee5f subnet-0bb1cc2dd3ee4ff50 %s 3 IPv4 %s %s eu-west-1 euw1-az1 %s %s",
			prodAccount, f.eni, f.src, f.dst, f.sport, f.dport, f.packets(), f.bytes, f.at/second-58, f.at/second, f.action(), f.instance, f.src, f.dst, dir, path)
		builds.add(f.at)
	}
	// Each pod of a build has an address of its own on the machine it runs on.
	type node struct{ eni, instance string }
	var nodes []node
	for range 3 {
		nodes = append(nodes, node{"eni-0" + d.hex(16), "i-0" + d.hex(16)})
	}
	talk := func(src, dst string, at int64, out, in int) {
		n, port := nodes[int(src[len(src)-1])%len(nodes)], d.between(32768, 60999)
		put(&flow{at: at, eni: n.eni, instance: n.instance, src: src, dst: dst, sport: port, dport: 443, bytes: out})
		put(&flow{at: at, eni: n.eni, instance: n.instance, src: dst, dst: src, sport: 443, dport: port, bytes: in, in: true})
	}
	targets := []host{hostGitHub, hostPyPI, hostWheels, hostHub, hostHubCDN, hostHubXet, hostS3, hostSTS, hostECR, hostResults}
	for range 2000 { // what the machines do by themselves: pull images, send logs
		size := d.between(800, 400_000)
		talk("10.20.1."+strconv.Itoa(201+d.IntN(3)), pick(d, targets).ip, d.in(start, 24*hour), size/8, size)
	}
	for _, j := range s.jobs {
		for i := range 12 {
			if j.hosted {
				break
			}
			size := d.between(800, 400_000)
			talk(j.machine, pick(d, targets).ip, j.start+int64(8+i*4)*second, size/8, size)
		}
	}
	// The second story's upload.
	talk(s.theft.job.machine, exfilIP, s.theft.sent+40*second, 9120, 1840)
	s.serviceFlows(d, services)
	s.publicFlows(d, public)
	return builds, services, public
}

// serviceFlows: our services talk to each other.
func (s *Story) serviceFlows(d dice, out *stream) {
	eni := []string{"eni-0" + d.hex(16), "eni-0" + d.hex(16), "eni-0" + d.hex(16)}
	for i := range 2200 {
		at := d.in(Day.UnixNano(), 24*hour)
		at -= at % second
		src, dst := d.addr("10.20.2.", 10, 60), d.addr("10.20.3.", 10, 30)
		if i%60 == 0 { // a window without traffic
			out.buf = fmt.Appendf(out.buf, "%d %d %s %s - - - - - - - - NODATA 2", at/second-60, at/second, prodAccount, eni[i%3])
			out.add(at)
			continue
		}
		out.buf = fmt.Appendf(out.buf, "%d %d %s %s %s %d %s %d 6 %d %d ACCEPT OK 2", at/second-60, at/second, prodAccount, eni[i%3],
			src, d.between(32768, 60999), dst, pick(d, []int{5432, 6379, 8080}), d.between(4, 300), d.between(400, 300_000))
		out.add(at)
	}
}

// publicFlows is quiet: the noise of the internet knocks at a public address
// and is turned away, and our load balancer answers strangers.
func (s *Story) publicFlows(d dice, out *stream) {
	eni := "eni-0" + d.hex(16)
	put := func(at int64, src, dst string, sport, dport int, action string, size int) {
		at -= at % second
		out.buf = fmt.Appendf(out.buf, `{"version":2,"account-id":"%s","interface-id":"%s","srcaddr":"%s","dstaddr":"%s","srcport":%d,"dstport":%d,"protocol":6,"packets":%d,"bytes":%d,"start":%d,"end":%d,"action":"%s","log-status":"OK"}`,
			prodAccount, eni, src, dst, sport, dport, 1+size/900, size, at/second-60, at/second, action)
		out.add(at)
	}
	for range 1100 {
		put(d.in(Day.UnixNano(), 24*hour), d.addr(netStranger, 192, 254), "10.20.9.8", d.between(1024, 65000), pick(d, []int{22, 23, 80, 445, 3389, 8080}), "REJECT", 40)
	}
	for range 500 {
		at, who, port := d.in(Day.UnixNano(), 24*hour), d.addr(netStranger, 130, 190), d.between(1024, 65000)
		put(at, who, "10.20.9.8", port, 443, "ACCEPT", d.between(500, 4000))
		put(at, "10.20.9.8", who, 443, port, "ACCEPT", d.between(1500, 90_000))
	}
}

// egress is what the agent on a build machine saw.
func (s *Story) egress() *stream {
	out := &stream{}
	d := newDice(s.seed, "egress")
	put := func(j *job, at int64, h host, tool, parent string, blocked bool) {
		status, policy, reason := "", "", ""
		if blocked {
			status, policy, reason = "Dropped", "block", "not in allowed-endpoints"
		}
		out.buf = fmt.Appendf(out.buf, `{"timestamp":"%s","ipAddress":"%s","port":"443","domainName":"%s","status":"%s","matched_policy":"%s","reason":"%s","tool":{"name":"%s","sha256":"%s","parent":{"name":"%s"}},`+
			`"repository":"%s","run_id":"%d","run_attempt":"%d","job_id":"%d","job_name":"%s","workflow":"%s","runner_name":"%s","source_ip":"%s"}`,
			stamp(at, 3), h.ip, h.name, status, policy, reason, tool, d.hex(64), parent, j.repo.name, j.run, j.attempt, j.id, j.name, j.workflow, j.runner, j.address())
		out.add(at)
	}
	for _, j := range s.jobs {
		seen := reaches(j.kind)
		for range d.between(8, 16) {
			t := pick(d, seen)
			put(j, d.in(j.start+3*second, max(second, j.end-j.start-6*second)), t.host, t.tool, t.parent, false)
		}
	}
	j := s.theft.job
	put(j, s.theft.sent, host{exfilHost, exfilIP}, "python3.12", "python3.12", false)
	put(j, s.theft.sent+90*second, host{exfilHost, exfilIP}, "python3.12", "python3.12", false) // it asks for orders
	return out
}

// address is the job's machine as the agent on it sees it.
func (j *job) address() string {
	if j.machine != "" {
		return j.machine
	}
	return "10.1.0." + strconv.Itoa(int(j.id%200)+4)
}

type reach struct {
	host         host
	tool, parent string
}

var (
	reachGit = []reach{{hostGitHub, "git-remote-https", "git"}, {hostAPI, "Runner.Worker", "Runner.Listener"}, {hostResults, "Runner.Worker", "Runner.Listener"}, {hostTokens, "Runner.Listener", "systemd"}}
	reachPip = []reach{{hostPyPI, "pip", "bash"}, {hostWheels, "pip", "bash"}, {hostObjects, "node", "Runner.Worker"}}
	reachNPM = []reach{{hostNPM, "node", "npm"}}
	reachHub = []reach{{hostHub, "hf", "bash"}, {hostHubCDN, "hf", "bash"}, {hostHubXet, "hf", "bash"}, {hostS3, "aws", "bash"}, {hostSTS, "node", "Runner.Worker"}}
	reachImg = []reach{{hostDocker, "dockerd", "systemd"}, {hostAuth, "dockerd", "systemd"}, {hostGHCR, "dockerd", "systemd"}, {hostECR, "dockerd", "systemd"}, {hostSTS, "node", "Runner.Worker"}, {hostDebian, "apt-get", "bash"}}
)

// reaches lists where a kind of job goes. quiet: all of it is allowed; wheels
// come from an address that other sites share.
func reaches(k kind) []reach {
	switch k {
	case kindEval, kindLeak:
		return slices.Concat(reachGit, reachPip, []reach{{hostGateway, "python3.12", "bash"}})
	case kindTrain, kindTheft:
		return slices.Concat(reachGit, reachHub)
	case kindDeploy:
		return slices.Concat(reachGit, reachImg)
	case kindPlan:
		return slices.Concat(reachGit, []reach{{hostSTS, "node", "Runner.Worker"}, {hostS3, "terraform", "bash"}})
	case kindNode:
		return slices.Concat(reachGit, reachNPM)
	}
	return slices.Concat(reachGit, reachPip)
}

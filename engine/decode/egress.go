package decode

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// runnerEgress reads the connections that an agent on a build runner reports,
// as StepSecurity's Harden-Runner does. Which repository and job they belong to
// stands in keys beside them, in the request path, or in the wrapping.
var runnerEgress = format{
	name:    "runner.egress",
	dataset: engine.RunnerEgress,
	signs: "timestamp ipAddress domainName port tool status matched_policy time " +
		"repository repo run_id runId job_id runner_name runnerName runner github.repository ci.repo " + egressAddress + egressDomain,
	sniff: func(r *reading) bool {
		if r.has(0) && (r.has(1) || r.has(2)) && (r.kind(3) != 0 || r.kind(4) == '{' || r.kind(5) != 0 || r.kind(6) != 0) {
			return true
		}
		return (r.has(0) || r.has(7)) && anyOf(r, 8, 18) && anyOf(r, 18, len(r.at)) // another agent's: it must name the build
	},
	table: runnerEgressTable,
}

// anyOf reports whether one of the paths from i up to, not with, end holds a value.
func anyOf(r *reading, i, end int) bool {
	for ; i < end; i++ {
		if r.has(i) {
			return true
		}
	}
	return false
}

const (
	egressAddress = "ipAddress ip_address dest_ip dst_ip destination_ip destinationIp remote_ip remote_addr destination.ip "
	egressDomain  = "domainName domain domain_name dest_host dest_domain dst_host destination_host destination_domain destinationDomain hostname_requested destination.domain "
	egressPort    = "port dest_port dst_port destination_port destinationPort remote_port destination.port "
	egressStatus  = "status verdict decision action "

	egressRun  = "run_id runId github.run_id ci.run_id ci.run.number run_attempt runAttempt github.run_attempt ci.run_attempt ci.run.id "
	egressRepo = "repository repo github.repository ci.repo ci.repo.name path request_path "
)

var runnerEgressTable = []row{
	{field: "@timestamp", from: "timestamp time"},
	{field: "event.action", from: "tool process process_name " + egressPort, value: func(r *reading) engine.Value {
		if r.kind(0) == 0 && r.kind(1) == 0 && !anyOf(r, 2, len(r.at)) {
			return engine.String("dns.query")
		}
		return engine.String("net.egress")
	}},
	{field: "event.id", from: "id"},
	{field: "event.provider", is: "harden-runner"},
	{field: "event.category", is: "network"},
	{field: "event.type", from: egressStatus, value: func(r *reading) engine.Value {
		if blocked(r) {
			return flowDenied
		}
		return flowAllowed
	}},
	{field: "event.outcome", from: egressStatus, value: func(r *reading) engine.Value {
		if blocked(r) {
			return engine.String("failure")
		}
		return engine.String("success")
	}},
	{field: "event.reason", from: "reason matched_policy"},
	{field: "destination.address", from: egressAddress + egressDomain},
	{field: "destination.ip", from: egressAddress},
	{field: "destination.port", from: egressPort},
	{field: "destination.domain", from: egressDomain, value: func(r *reading) engine.Value {
		for i := range r.at {
			if r.has(i) {
				return text(r.lower(strings.Trim(r.str(i), ".")))
			}
		}
		return engine.Value{}
	}},
	{field: "destination.bytes", from: "bytesReceived bytes_received"},
	{field: "source.ip", from: "sourceIp source_ip runner_ip runnerIp"},
	{field: "source.bytes", from: "bytesSent bytes_sent"},
	{field: "network.direction", is: "egress"},
	{field: "network.transport", from: "protocol", value: func(r *reading) engine.Value {
		if r.has(0) {
			return text(r.lower(r.str(0)))
		}
		return engine.String("tcp")
	}},
	{field: "network.type", from: egressAddress, value: func(r *reading) engine.Value {
		for i := range r.at {
			switch {
			case strings.Contains(r.str(i), ":"):
				return engine.String("ipv6")
			case r.has(i):
				return engine.String("ipv4")
			}
		}
		return engine.Value{}
	}},
	{field: "process.name", from: "tool.name process.name processName process_name process", value: func(r *reading) engine.Value { return text(firstOf(r, 0, 1, 2, 3, 4)) }},
	{field: "process.executable", from: "tool.path tool.executable process.executable"},
	{field: "process.command_line", from: "tool.cmd tool.command_line process.command_line command_line cmdline"},
	{field: "process.pid", from: "tool.pid pid process.pid"},
	{field: "process.hash.sha256", from: "tool.sha256"},
	{field: "process.parent.name", from: "tool.parent.name parent_process process.parent.name"},
	{field: "process.parent.command_line", from: "tool.parent.cmd tool.parent.command_line"},
	{field: "host.name", from: "hostname host.name host", value: func(r *reading) engine.Value {
		return text(firstNonEmpty(firstOf(r, 0, 1, 2), r.c.label("host.name", "hostname")))
	}},
	{field: "ci.provider", is: "github"},
	{field: "ci.repo.name", from: egressRepo, value: func(r *reading) engine.Value { return text(egressRepository(r)) }},
	{field: "ci.repo.owner", from: egressRepo, value: func(r *reading) engine.Value {
		owner, _, ok := strings.Cut(egressRepository(r), "/")
		if !ok {
			return engine.Value{}
		}
		return text(owner)
	}},
	{field: "ci.workflow.name", from: "workflow github.workflow ci.workflow", value: orLabel("ci.workflow", "ci.workflow.name", "github.workflow")},
	{field: "ci.run.id", from: egressRun, value: func(r *reading) engine.Value {
		run, attempt := egressRunOf(r)
		if run == "" {
			return engine.Value{}
		}
		return text(r.join(run, "-", attempt))
	}},
	{field: "ci.run.number", from: egressRun, value: func(r *reading) engine.Value {
		run, _ := egressRunOf(r)
		return text(run)
	}},
	{field: "ci.run.attempt", from: egressRun, value: func(r *reading) engine.Value {
		run, attempt := egressRunOf(r)
		if run == "" {
			return engine.Value{}
		}
		return parseLong(attempt)
	}},
	{field: "ci.job.id", from: "job_id jobId github.job_id ci.job_id ci.job.id", value: orLabel("ci.job_id", "ci.job.id", "job_id", "github.job_id", "fields.ci.job_id")},
	{field: "ci.job.name", from: "job job_name ci.job.name", value: orLabel("ci.job", "ci.job.name", "job_name", "fields.ci.job")},
	{field: "ci.step.name", from: "step step_name ci.step.name"},
	{field: "runner.name", from: "runner_name runnerName runner.name", value: orLabel("runner.name", "runner_name", "fields.runner.name", "kubernetes.pod.name", "kubernetes.pod_name")},
	{field: "runner.ip", from: "runner_ip runnerIp runner.ip", value: func(r *reading) engine.Value {
		return flowAddress(r, 0, 1, 2)
	}},
	{field: "container.id", from: "container_id tool.container_id"},
}

// blocked reads the words by which agents say that a connection did not come about.
func blocked(r *reading) bool {
	for i := range r.at {
		switch strings.ToLower(r.str(i)) {
		case "dropped", "drop", "blocked", "block", "denied", "deny", "rejected", "reject":
			return true
		}
	}
	return false
}

// orLabel reads the row's paths, then what travels beside the record.
func orLabel(names ...string) func(*reading) engine.Value {
	return func(r *reading) engine.Value {
		for i := range r.at {
			if s := r.str(i); s != "" {
				return text(s)
			}
		}
		return r.label(names...)
	}
}

// egressRepository finds owner/name; the agent's own requests have it in their
// path: .../github/OWNER/REPO/actions/jobs/ID/networkconnection.
func egressRepository(r *reading) string {
	if s := firstOf(r, 0, 1, 2, 3, 4); s != "" {
		return s
	}
	path := firstNonEmpty(firstOf(r, 5, 6), r.c.label("path", "headers.path", "request_path", "url"))
	if _, rest, ok := strings.Cut(path, "/github/"); ok {
		if owner, rest, ok := strings.Cut(rest, "/"); ok {
			repo, _, _ := strings.Cut(rest, "/")
			return r.join(owner, "/", repo)
		}
	}
	return r.c.label("ci.repo", "ci.repo.name", "repository", "repo", "github.repository", "fields.ci.repo")
}

func egressRunOf(r *reading) (run, attempt string) {
	run = firstNonEmpty(firstOf(r, 0, 1, 2, 3, 4), r.c.label("ci.run_id", "run_id", "github.run_id", "ci.run.number", "fields.ci.run_id"))
	attempt = firstNonEmpty(firstOf(r, 5, 6, 7, 8), r.c.label("ci.run_attempt", "run_attempt", "github.run_attempt", "fields.ci.run_attempt"))
	if run == "" {
		run = firstNonEmpty(r.str(9), r.c.label("ci.run.id"))
	}
	if i := strings.LastIndexByte(run, '-'); i > 0 && digits(run[:i]) && digits(run[i+1:]) {
		run, attempt = run[:i], firstNonEmpty(attempt, run[i+1:])
	}
	return run, attemptOr1(attempt)
}

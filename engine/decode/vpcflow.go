package decode

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// vpcFlow reads AWS VPC flow logs as JSON, with hyphens or underscores in the
// names. Lines of text (vpcflow_text.go) become such records first.
var vpcFlow = format{
	name:    "vpcflow",
	dataset: engine.VPCFlow,
	signs:   "interface-id interface_id srcaddr dstaddr log-status log_status account-id account_id",
	sniff: func(r *reading) bool {
		id := r.kind(0) != 0 || r.kind(1) != 0
		return id && (r.kind(2) != 0 && r.kind(3) != 0 || r.kind(4) != 0 || r.kind(5) != 0) ||
			r.kind(2) != 0 && r.kind(3) != 0 && (r.kind(6) != 0 || r.kind(7) != 0)
	},
	skipFrom: "log-status log_status",
	skip: func(r *reading) string {
		switch firstOf(r, 0, 1) { // constants: the value itself dies with the record
		case "NODATA":
			return "NODATA"
		case "SKIPDATA":
			return "SKIPDATA"
		}
		return ""
	},
	dash:  true,
	table: vpcFlowTable,
}

// vpc gives both spellings of a name.
func vpc(names ...string) string {
	var out []string
	for _, n := range names {
		out = append(out, n)
		if u := strings.ReplaceAll(n, "-", "_"); u != n {
			out = append(out, u)
		}
	}
	return strings.Join(out, " ")
}

// flowFrom are the paths that tell a flow's direction.
const flowFrom = "flow-direction flow_direction srcaddr dstaddr srcport dstport tcp-flags tcp_flags pkt-srcaddr pkt_srcaddr pkt-dstaddr pkt_dstaddr "

var vpcFlowTable = []row{
	{field: "@timestamp", from: "end start"},
	{field: "event.action", from: flowFrom, value: func(r *reading) engine.Value {
		if flowDirection(r) == "egress" && !flowAnswers(r) {
			return engine.String("net.egress")
		}
		return engine.String("flow") // what comes in, and the answers to it
	}},
	{field: "event.provider", is: "aws"},
	{field: "event.category", is: "network"},
	{field: "event.type", from: "action", value: func(r *reading) engine.Value {
		switch r.str(0) {
		case "ACCEPT":
			return flowAllowed
		case "REJECT":
			return flowDenied
		}
		return flowConnection
	}},
	{field: "event.outcome", from: "action", value: func(r *reading) engine.Value {
		switch r.str(0) {
		case "ACCEPT":
			return engine.String("success")
		case "REJECT":
			return engine.String("failure")
		}
		return engine.Value{}
	}},
	{field: "event.reason", from: vpc("reject-reason")},
	{field: "event.start", from: "start"},
	{field: "event.end", from: "end"},
	{field: "source.address", from: "srcaddr"},
	{field: "source.ip", from: flowFrom, value: func(r *reading) engine.Value {
		if flowDirection(r) == "ingress" {
			return flowAddress(r, 8, 9, 2) // behind a NAT the packet tells the true far end
		}
		return flowAddress(r, 2)
	}},
	{field: "source.port", from: "srcport"},
	{field: "source.bytes", from: "bytes"},
	{field: "source.packets", from: "packets"},
	{field: "destination.address", from: "dstaddr"},
	{field: "destination.ip", from: flowFrom, value: func(r *reading) engine.Value {
		if flowDirection(r) == "egress" {
			return flowAddress(r, 10, 11, 3)
		}
		return flowAddress(r, 3)
	}},
	{field: "destination.port", from: "dstport"},
	{field: "network.bytes", from: "bytes"},
	{field: "network.packets", from: "packets"},
	{field: "network.direction", from: flowFrom, value: func(r *reading) engine.Value { return engine.String(flowDirection(r)) }},
	{field: "network.iana_number", from: "protocol"},
	{field: "network.transport", from: "protocol", value: func(r *reading) engine.Value {
		switch r.str(0) {
		case "6":
			return engine.String("tcp")
		case "17":
			return engine.String("udp")
		case "1":
			return engine.String("icmp")
		case "58":
			return engine.String("ipv6-icmp")
		}
		return engine.Value{}
	}},
	{field: "network.type", from: "type srcaddr", value: func(r *reading) engine.Value {
		switch {
		case strings.EqualFold(r.str(0), "IPv6"), strings.Contains(r.str(1), ":"):
			return engine.String("ipv6")
		case r.has(0) || r.has(1):
			return engine.String("ipv4")
		}
		return engine.Value{}
	}},
	{field: "cloud.provider", is: "aws"},
	{field: "cloud.account.id", from: vpc("account-id")},
	{field: "cloud.region", from: "region"},
	{field: "cloud.availability_zone", from: vpc("az-id")},
	{field: "cloud.instance.id", from: vpc("instance-id")},
	{field: "container.id", from: vpc("ecs-container-id")},
	{field: "aws.vpcflow.version", from: "version"},
	{field: "aws.vpcflow.interface_id", from: vpc("interface-id")},
	{field: "aws.vpcflow.action", from: "action"},
	{field: "aws.vpcflow.log_status", from: vpc("log-status")},
	{field: "aws.vpcflow.tcp_flags", from: vpc("tcp-flags")},
	{field: "aws.vpcflow.vpc_id", from: vpc("vpc-id")},
	{field: "aws.vpcflow.subnet_id", from: vpc("subnet-id")},
}

var (
	flowAllowed    = engine.Strings("connection", "allowed")
	flowDenied     = engine.Strings("connection", "denied")
	flowConnection = engine.Strings("connection")
)

func flowAddress(r *reading, paths ...int) engine.Value {
	for _, i := range paths {
		if a, ok := parseAddr(r.str(i)); ok {
			return engine.Address(a)
		}
	}
	return engine.Value{}
}

// flowDirection says which way a flow's packets go, seen from our side. Without
// the field, our side is the private address.
func flowDirection(r *reading) string {
	switch d := firstOf(r, 0, 1); d {
	case "egress", "ingress":
		return d
	}
	src, ok := parseAddr(r.str(2))
	dst, ok2 := parseAddr(r.str(3))
	if !ok || !ok2 {
		return "unknown"
	}
	ours, theirs := !public(src.Unmap()), !public(dst.Unmap())
	switch {
	case ours && theirs:
		return "internal"
	case ours:
		return "egress"
	case theirs:
		return "ingress"
	}
	return "unknown"
}

// flowAnswers reports whether the sender of a flow answers a connection that
// the other side opened: SYN and ACK were seen, else it sends from a service's port.
func flowAnswers(r *reading) bool {
	const syn, ack = 2, 16
	if flags := parseLong(firstOf(r, 6, 7)).Int(); flags&syn != 0 {
		return flags&ack != 0
	}
	from, to := parseLong(r.str(4)).Int(), parseLong(r.str(5)).Int()
	return from != 0 && to != 0 && from < to && from < 32768
}

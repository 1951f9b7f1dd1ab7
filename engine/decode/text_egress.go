package decode

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// net.egress: a program said that it connected somewhere (curl -v, wget), or an
// agent on the runner did (Harden-Runner's log and annotations). A command that
// only names an address tells nothing, unless the log shows that it ran
// (text_command.go).

const kwEgress = kwConnected | kwEstablished | kwConnectFail | kwConnecting | kwWget | kwEndpoint | kwNotAllowed | kwDomainResolved | kwHarden

// nameOf is an address and the name that was resolved to it.
type nameOf struct {
	addr netip.Addr
	name string
}

// flow is one connection as text tells it.
type flow struct {
	domain, process string
	addr            netip.Addr
	port, pid       int64
	failed          bool
	asked           bool // a command names it; whether it came about is unknown
	reason          string
}

// egress tells every connection of a line.
func (t *textDecoder) egress(j *textJob, b []byte, found keyword) {
	switch {
	case found&kwConnected != 0 && hasPrefix(b, "* Connected to "):
		t.curl(j, b[len("* Connected to "):], false)
	case found&kwEstablished != 0 && hasPrefix(b, "* Established connection to "):
		t.curl(j, b[len("* Established connection to "):], false)
	case found&kwConnectFail != 0:
		if i := bytes.Index(b, []byte("Failed to connect to ")); i >= 0 && (hasPrefix(b, "* ") || hasPrefix(b, "curl: ")) {
			t.curl(j, b[i+len("Failed to connect to "):], true)
		}
	case found&kwWget != 0 && hasPrefix(b, "--2"):
		t.wgetRequest(j, b)
	case found&kwConnecting != 0 && hasPrefix(b, "Connecting to "):
		t.wgetConnect(j, b[len("Connecting to "):])
	case found&(kwEndpoint|kwNotAllowed|kwDomainResolved|kwHarden) != 0:
		t.harden(j, b, found)
	}
}

// curl reads "HOST (IP) port N", "HOST (IP port N)" and "HOST port N after ...".
func (t *textDecoder) curl(j *textJob, b []byte, failed bool) {
	f := flow{process: "curl", failed: failed}
	host, k := word(b, 0)
	f.setHost(strings.TrimSuffix(host, ","))
	for k < len(b) {
		var w string
		w, k = word(b, k)
		w = strings.Trim(w, "(),")
		if a, err := netip.ParseAddr(w); err == nil && !f.addr.IsValid() {
			f.addr = a
		}
		if w == "port" {
			w, _ = word(b, k)
			f.port, _ = strconv.ParseInt(strings.Trim(w, ":(),"), 10, 32)
			break
		}
	}
	if f.port != 0 {
		t.flow(j, &f)
	}
}

// setHost files a host under address or name.
func (f *flow) setHost(host string) {
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil {
		f.addr = a
		return
	}
	f.domain = domainName(host)
}

// domainName gives a name in lower case without its last dot, "" for what is none.
func domainName(s string) string {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if len(s) > 253 {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; !hostByte(c) && c != '_' && c < 0x80 {
			return ""
		}
	}
	return s
}

// wgetRequest reads "--2026-03-02 10:15:00--  https://HOST/PATH".
func (t *textDecoder) wgetRequest(j *textJob, b []byte) {
	i := bytes.Index(b, []byte("--  http"))
	if i < 0 || i > 32 {
		return
	}
	scheme, rest, ok := strings.Cut(string(b[i+4:]), "://")
	if !ok {
		return
	}
	f := flow{process: "wget", port: 443}
	if scheme == "http" {
		f.port = 80
	}
	host, _, _ := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	if h, p, found := strings.Cut(host, ":"); found && !strings.HasPrefix(host, "[") {
		host = h
		f.port, _ = strconv.ParseInt(p, 10, 32)
	}
	f.setHost(strings.TrimSpace(host))
	t.flow(j, &f)
}

// wgetConnect reads "HOST (HOST)|IP|:443... connected." and "IP:443... connected.".
func (t *textDecoder) wgetConnect(j *textJob, b []byte) {
	f := flow{process: "wget"}
	end := bytes.Index(b, []byte("..."))
	if end < 0 {
		return
	}
	where, how := string(b[:end]), string(b[end+3:])
	i := strings.LastIndexByte(where, ':')
	if i < 0 {
		return
	}
	f.port, _ = strconv.ParseInt(where[i+1:], 10, 32)
	where = where[:i]
	host, _, _ := strings.Cut(where, " ")
	if parts := strings.Split(where, "|"); len(parts) == 3 {
		f.addr, _ = netip.ParseAddr(parts[1])
		host, _, _ = strings.Cut(parts[0], " ")
	}
	f.setHost(host)
	f.failed = !strings.Contains(how, "connected")
	if f.port > 0 && (f.addr.IsValid() || f.domain != "") {
		t.flow(j, &f)
	}
}

// harden reads what Harden-Runner's agent and its annotations say.
func (t *textDecoder) harden(j *textJob, b []byte, found keyword) {
	f := flow{}
	f.addr, f.port = addrPort(after(b, "ip address:port"))
	if !f.addr.IsValid() {
		f.addr, f.port = addrPort(after(b, "ip address"))
	}
	f.domain = domainName(after(b, "domain:"))
	f.process = after(b, "process:")
	f.pid, _ = strconv.ParseInt(after(b, "pid:"), 10, 64)
	switch {
	case found&kwDomainResolved != 0:
		name := domainName(after(b, "domain resolved:"))
		if f.addr.IsValid() && name != "" {
			j.resolved(f.addr, name)
		}
		return
	case found&kwEndpoint != 0:
		if !f.addr.IsValid() && f.domain == "" {
			return
		}
	case found&kwNotAllowed != 0:
		f.domain, f.failed, f.reason = domainName(after(b, "domain not allowed:")), true, "domain not allowed"
	default:
		if indexFold(b, "blocked") < 0 {
			return
		}
		f.failed, f.reason = true, "blocked by Harden-Runner"
		if i := indexFold(b, "for domain"); i >= 0 {
			f.domain = domainName(firstField(b[i+len("for domain"):]))
		} else if i := indexFold(b, "ip address"); i >= 0 {
			f.addr, f.port = addrPort(firstField(b[i+len("ip address"):]))
		}
	}
	if f.domain == "" && !f.addr.IsValid() {
		return
	}
	if f.domain == "" {
		f.domain = j.nameFor(f.addr)
	}
	t.flow(j, &f)
}

// after gives the word behind "KEY" or "KEY:" in any case, up to a comma or space.
func after(b []byte, key string) string {
	i := indexFold(b, key)
	if i < 0 {
		return ""
	}
	rest := b[i+len(key):]
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) > 0 && rest[0] == ',' {
		return ""
	}
	return firstField(rest)
}

func firstField(b []byte) string {
	b = bytes.TrimLeft(b, " :'\"`")
	n := 0
	for n < len(b) && strings.IndexByte(" ,;'\"`()\t", b[n]) < 0 {
		n++
	}
	return strings.TrimRight(string(b[:n]), ".")
}

// addrPort reads IP, IP:PORT or [IP]:PORT.
func addrPort(s string) (netip.Addr, int64) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr(), int64(ap.Port())
	}
	a, _ := netip.ParseAddr(strings.Trim(s, "[]"))
	return a, 0
}

// resolved remembers the last few names that the log resolved: a hint for the
// name of a connection that has none.
func (j *textJob) resolved(a netip.Addr, name string) {
	a = a.Unmap()
	for i := range j.names {
		if j.names[i].addr == a {
			j.names[i].name = strings.Clone(name)
			return
		}
	}
	if len(j.names) >= 32 {
		j.names = append(j.names[:0], j.names[1:]...)
	}
	j.names = append(j.names, nameOf{a, strings.Clone(name)})
}

func (j *textJob) nameFor(a netip.Addr) string {
	for i := range j.names {
		if j.names[i].addr == a.Unmap() {
			return j.names[i].name
		}
	}
	return ""
}

// flow tells net.egress once for each far end in a step.
func (t *textDecoder) flow(j *textJob, f *flow) {
	addr := ""
	if f.addr.IsValid() {
		addr = f.addr.Unmap().String()
	}
	outcome := "success"
	if f.failed {
		outcome = "failure"
	} else if f.asked {
		outcome = "unknown"
	}
	if !t.news(j, "flow", f.domain, addr, strconv.FormatInt(f.port, 10), outcome, f.process) {
		return
	}
	t.begin()
	t.str(fDirection, "egress")
	t.str(fOutcome, outcome)
	t.str(fReason, f.reason)
	if t.str(fDestAddress, addr); addr == "" {
		t.str(fDestAddress, f.domain)
	}
	t.set(fDestIP, engine.Address(f.addr))
	t.str(fDestDomain, f.domain)
	if f.port > 0 && f.port < 1<<16 {
		t.set(fDestPort, engine.Int(f.port))
	}
	if f.addr.IsValid() {
		kind := "ipv6"
		if f.addr.Unmap().Is4() {
			kind = "ipv4"
		}
		t.str(fNetworkType, kind)
	}
	t.str(fTransport, "tcp")
	t.str(fProcess, f.process)
	if f.pid > 0 {
		t.set(fPID, engine.Int(f.pid))
	}
	t.emit(j, netEgress)
}

var (
	fDirection   = engine.MustField("network.direction")
	fTransport   = engine.MustField("network.transport")
	fNetworkType = engine.MustField("network.type")
	fDestAddress = engine.MustField("destination.address")
	fDestIP      = engine.MustField("destination.ip")
	fDestDomain  = engine.MustField("destination.domain")
	fDestPort    = engine.MustField("destination.port")
	fProcess     = engine.MustField("process.name")
	fPID         = engine.MustField("process.pid")
)

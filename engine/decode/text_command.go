package decode

import (
	"bytes"
	"strconv"
	"strings"
)

// A command that only stands in a log need not have run: scripts are printed,
// helps and comments too. Four places are sure: the trace of a shell ("+ curl ..."),
// the first line of a step's script, a command of the runner, and an instruction of
// an image build. Of such a line curl, wget and bash's own sockets tell where a
// connection went; that it came about, they do not tell: the outcome is unknown.

const kwCommand = kwCurl | kwWgetGet | kwDevTCP

// ran gives the command line that a line says has run, nil for none.
func ran(b []byte) []byte {
	for _, p := range [...]string{"##[group]Run ", "##[command]", "[command]", "RUN "} {
		if hasPrefix(b, p) {
			return b[len(p):]
		}
	}
	n := 0
	for n < len(b) && b[n] == '+' {
		n++
	}
	if n == 0 || n > 4 || n == len(b) || b[n] != ' ' {
		return nil
	}
	return b[n+1:]
}

// commands tells the connections of a command line that ran.
func (t *textDecoder) commands(j *textJob, b []byte, found keyword) {
	cmd := ran(b)
	if cmd == nil {
		return
	}
	for _, program := range [...]string{"curl", "wget"} {
		for from := 0; ; {
			i := bytes.Index(cmd[from:], []byte(program+" "))
			if i < 0 {
				break
			}
			i += from
			from = i + len(program)
			if commandAt(cmd, i) {
				t.fetches(j, program, cmd[from:commandEnd(cmd, from)])
			}
		}
	}
	if found&kwDevTCP != 0 {
		_, rest, _ := bytes.Cut(cmd, []byte("/dev/tcp/"))
		host, port, _ := strings.Cut(firstField(rest), "/")
		f := flow{process: "bash", asked: true}
		f.port, _ = strconv.ParseInt(port, 10, 32)
		if f.setHost(host); f.port > 0 && !shellWord(host) {
			t.flow(j, &f)
		}
	}
}

// fetches tells the first URL among a program's arguments. The value of a flag is none.
func (t *textDecoder) fetches(j *textJob, program string, args []byte) {
	for k, flag := 0, ""; k < len(args); {
		var w string
		if w, k = word(args, k); w == "" {
			continue
		}
		if w[0] == '-' {
			flag = w
			continue
		}
		scheme, rest, isURL := strings.Cut(w, "://")
		if !isURL || takesValue(flag) {
			flag = ""
			continue
		}
		f := flow{process: program, asked: true}
		switch strings.ToLower(scheme) {
		case "https":
			f.port = 443
		case "http":
			f.port = 80
		default:
			return
		}
		rest, _, _ = strings.Cut(rest, "?")
		host, _, _ := strings.Cut(rest, "/")
		host = host[strings.LastIndexByte(host, '@')+1:]
		if shellWord(host) || host == "" {
			return
		}
		if i := strings.LastIndexByte(host, ':'); i > 0 && digits(host[i+1:]) {
			f.port, _ = strconv.ParseInt(host[i+1:], 10, 32)
			host = host[:i]
		}
		if f.setHost(host); f.addr.IsValid() || strings.Contains(f.domain, ".") {
			t.flow(j, &f)
		}
		return
	}
}

// takesValue reports flags of curl and wget whose next word is theirs and may be a URL.
func takesValue(flag string) bool {
	switch flag {
	case "-e", "--referer", "-x", "--proxy", "-H", "--header", "-d", "--data", "--data-raw", "--data-binary", "-A", "--user-agent", "-b", "-F", "--form":
		return true
	}
	return false
}

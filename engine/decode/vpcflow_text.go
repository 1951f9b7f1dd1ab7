package decode

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// vpcFlowText reads flow logs as lines of columns. A header line, as S3 files
// have it, gives the order of the columns; without one it is the default order
// of version 2, followed by what later versions added, in their order.
var vpcFlowText = &lineFormat{
	name:    "vpcflow",
	dataset: engine.VPCFlow,
	sniff:   sniffFlow,
	open: func(p *Plan) lineDecoder {
		return &flowLines{d: p.NewDecoder(), rd: p.named("vpcflow"), names: flowDefault}
	},
}

var flowDefault = bytes.Fields([]byte("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status " +
	"vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type sublocation-id " +
	"pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"))

// sniffFlow recognises a header and lines in the default order.
func sniffFlow(line []byte) bool {
	line = withoutStamp(line)
	if flowHeader(line) {
		return true
	}
	if len(line) < 2 || line[0] < '2' || line[0] > '9' || line[1] != ' ' || columns(line) < 14 {
		return false
	}
	f := bytes.Fields(line)
	status := string(f[13])
	return (status == "OK" || status == "NODATA" || status == "SKIPDATA") && (bytes.HasPrefix(f[2], []byte("eni-")) || len(f[1]) == 12)
}

// withoutStamp takes off the time that CloudWatch Logs puts before a line it exports.
func withoutStamp(line []byte) []byte {
	_, _, n := leadingStamp(line)
	return line[n:]
}

// flowHeader reports whether a line names columns: names begin with a letter,
// values of the first columns hardly ever do.
func flowHeader(line []byte) bool {
	if len(line) == 0 || line[0] < 'a' || line[0] > 'z' || !bytes.Contains(line, []byte("addr")) && !bytes.Contains(line, []byte("interface")) {
		return false
	}
	f := bytes.Fields(line)
	known := 0
	for _, name := range f {
		if flowNames[string(name)] {
			known++
		}
	}
	return known >= 4 && known*2 >= len(f)
}

// flowNames are the known columns in both spellings.
var flowNames = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range flowDefault {
		m[string(n)] = true
		m[strings.ReplaceAll(string(n), "-", "_")] = true
	}
	return m
}()

// columns counts the columns of a line.
func columns(line []byte) int {
	n, blank := 0, true
	for _, c := range line {
		b := c == ' ' || c == '\t'
		if blank && !b {
			n++
		}
		blank = b
	}
	return n
}

// flowLines turns each line into a JSON record of its columns and reads that,
// so that both carriers share one table and raw.<column> works for both.
type flowLines struct {
	d      *Decoder
	rd     *reader
	names  [][]byte
	header bool // a header line gave the names
	source string
	json   []byte
	lined  context
}

func (f *flowLines) line(line []byte, c *context, out *emitter) {
	line = withoutStamp(bytes.TrimSpace(line))
	if len(line) == 0 {
		return
	}
	if c.origin.Source != f.source || c.stream && c.origin.Line == 1 && c.origin.Index == 0 {
		f.source, f.names, f.header = c.origin.Source, flowDefault, false
	}
	if flowHeader(line) {
		f.names = nil
		for _, name := range bytes.Fields(line) {
			f.names = append(f.names, bytes.ReplaceAll(bytes.Clone(name), []byte("_"), []byte("-")))
		}
		f.header = true
		return
	}
	n := columns(line)
	switch {
	case f.header && n != len(f.names):
		out.refuse(c, "not a flow", "the line has "+strconv.Itoa(n)+" columns, its header "+strconv.Itoa(len(f.names)), line)
		return
	case !f.header && n < 14:
		out.refuse(c, "not a flow", "the line has "+strconv.Itoa(n)+" columns; 14 are the least, and other orders need a header line", line)
		return
	}
	f.json = append(f.json[:0], '{')
	for i := 0; i < len(f.names); i++ {
		var v []byte
		line = bytes.TrimLeft(line, " \t")
		if end := blankAt(line); end >= 0 {
			v, line = line[:end], line[end:]
		} else {
			v, line = line, nil
		}
		if len(v) == 0 {
			break
		}
		if i > 0 {
			f.json = append(f.json, ',')
		}
		f.json = append(append(append(f.json, '"'), f.names[i]...), `":`...)
		f.json = appendJSON(f.json, v)
	}
	f.json = append(f.json, '}')
	f.d.out.h = out.h
	f.lined = *c
	f.lined.byLine = c.stream
	f.d.readAs(f.rd, f.json, &f.lined)
}

func (f *flowLines) end(*context, *emitter) {}

// state keeps the header: it may have come in another record than its lines.
func (f *flowLines) state(c *coder) {
	c.str(&f.source)
	if c.flag(&f.header); f.header {
		list(c, &f.names, (*coder).bytes)
	}
}

func blankAt(b []byte) int {
	for i, c := range b {
		if c == ' ' || c == '\t' {
			return i
		}
	}
	return -1
}

// appendJSON appends text as a JSON string.
func appendJSON(b, s []byte) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

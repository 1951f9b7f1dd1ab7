package decode

import (
	"strings"
)

// Log shippers wrap a line of a file or a container in an object of their own.
// Here the line is found again, with what travelled beside it. A payload is
// text, JSON in a string, or an object; the decoder takes it from there.
//
//	Vector                message + source_type
//	Filebeat, Elastic Agent   message (or event.original) + agent, @metadata or input
//	Logstash              message + @version; Jenkins' plugin writes message as a list
//	Fluent Bit, Fluentd   log or message + stream, kubernetes, date or @timestamp; {"time","record":{...}}
//	OpenTelemetry         resourceLogs[].scopeLogs[].logRecords[].body, many in one message
//	Loki push             streams[].values[]
//	Docker json-file      log + stream + time
//	journald              MESSAGE, a string or a list of byte values
//	rsyslog               msg or message + facility, programname or syslogtag
//	anything else         message, log, line, lines, text ... + at least one label that names a build

// shipper is one way of wrapping.
type shipper struct {
	name string
	is   func(k *shipKeys) bool
	open func(d *Decoder, doc node, k *shipKeys, c *context, each func([]byte, *context))
}

// shippers is the table, the most specific first.
var shippers = [...]shipper{
	{"OpenTelemetry", func(k *shipKeys) bool { return k.resourceLogs.kind() == '[' }, openOTLP},
	{"Loki", func(k *shipKeys) bool { return k.streams.kind() == '[' && lokiStreams(k.streams) }, openLoki},
	{"journald", func(k *shipKeys) bool {
		return k.journal != nil && (k.journalTime != nil || k.journalUnit != nil || k.priority != nil)
	}, openOne},
	{"Fluentd", func(k *shipKeys) bool {
		return k.record.kind() == '{' && k.message == nil && k.log == nil && (k.record.get("log") != nil || k.record.get("message") != nil)
	}, openRecord},
	{"Vector", func(k *shipKeys) bool { return k.message != nil && k.sourceType != nil }, openOne},
	{"Filebeat", func(k *shipKeys) bool {
		return (k.message != nil || k.original() != nil) && (k.metadata.get("beat") != nil || (k.agent != nil || k.input != nil) && !k.parsed())
	}, openOne},
	{"Logstash", func(k *shipKeys) bool { return k.message != nil && k.version != nil && !k.parsed() }, openOne},
	{"container log", func(k *shipKeys) bool {
		return (k.log.kind() == '"' || k.message.kind() == '"') && (k.stream.kind() == '"' || k.kubernetes.kind() == '{' || k.logtag != nil) && !k.parsed() ||
			k.log.kind() == '"' && k.time() != nil
	}, openOne},
	{"rsyslog", func(k *shipKeys) bool {
		return (k.message.kind() == '"' || k.msg.kind() == '"') && (k.program != nil || k.tag != nil || k.facility != nil && k.host != nil)
	}, openOne},
	{"labelled line", func(k *shipKeys) bool { return k.label && !k.parsed() && k.payload() != nil }, openOne},
}

// shipKeys are the top-level keys by which shippers are told apart.
type shipKeys struct {
	message, log, msg, journal, event, record, resourceLogs, streams        node
	sourceType, metadata, agent, input, version, stream, kubernetes, logtag node
	journalTime, journalUnit, priority, program, tag, facility, host        node
	text                                                                    node
	timestamp, atTimestamp, timeKey, date, ts, timeReported, source         node
	label                                                                   bool
}

// read notes the keys of a document. A key met twice counts with its last value.
func (k *shipKeys) read(doc node) {
	*k = shipKeys{}
	doc.fields(func(key string, v node) bool {
		if at := k.slot(key); at != nil {
			*at = v
		} else if labelNames[key] != 0 || key == "ci" || key == "github" || key == "fields" || key == "labels" || key == "runner" {
			k.label = true
		}
		return true
	})
}

func (k *shipKeys) slot(key string) *node {
	switch key {
	case "message":
		return &k.message
	case "log":
		return &k.log
	case "line", "lines", "logs", "text", "content", "output", "log_line", "log_text", "log_content":
		return &k.text
	case "msg":
		return &k.msg
	case "MESSAGE":
		return &k.journal
	case "event":
		return &k.event
	case "record":
		return &k.record
	case "resourceLogs":
		return &k.resourceLogs
	case "streams":
		return &k.streams
	case "source_type":
		return &k.sourceType
	case "@metadata":
		return &k.metadata
	case "agent":
		return &k.agent
	case "input":
		return &k.input
	case "@version":
		return &k.version
	case "stream":
		return &k.stream
	case "kubernetes":
		return &k.kubernetes
	case "logtag", "_p":
		return &k.logtag
	case "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP":
		return &k.journalTime
	case "_SYSTEMD_UNIT":
		return &k.journalUnit
	case "PRIORITY":
		return &k.priority
	case "programname", "app-name", "appname":
		return &k.program
	case "syslogtag":
		return &k.tag
	case "facility", "syslogfacility", "syslogfacility-text":
		return &k.facility
	case "hostname", "host":
		return &k.host
	case "timestamp":
		return &k.timestamp
	case "@timestamp":
		return &k.atTimestamp
	case "time":
		return &k.timeKey
	case "date":
		return &k.date
	case "ts":
		return &k.ts
	case "timereported", "timegenerated":
		return &k.timeReported
	case "source":
		return &k.source
	}
	return nil
}

// parsed reports a document that says itself what happened: it is a record, not
// a wrapping, though it may carry a message.
func (k *shipKeys) parsed() bool {
	return k.event.get("action") != nil || k.event.get("category") != nil
}

// original is the line that an ingest pipeline kept aside.
func (k *shipKeys) original() node { return k.event.get("original") }

// time finds when the shipper read the line.
func (k *shipKeys) time() node {
	for _, n := range [...]node{k.journalTime, k.timestamp, k.atTimestamp, k.timeKey, k.date, k.ts, k.timeReported} {
		if kind := n.kind(); kind == '"' || kind == '0' {
			return n
		}
	}
	return nil
}

// payload finds the line.
func (k *shipKeys) payload() node {
	for _, n := range [...]node{k.journal, k.original(), k.message, k.log, k.msg, k.text} {
		if kind := n.kind(); kind == '"' || kind == '{' || kind == '[' {
			return n
		}
	}
	return nil
}

// unship calls each with every payload that a log shipper wrapped in doc
// (text or JSON, unescaped; bytes it may change) and the context inside that
// wrapping. It reports false, without a call, when doc is no shipper's document.
func (d *Decoder) unship(doc node, c *context, each func(payload []byte, c *context)) bool {
	var k shipKeys
	k.read(doc)
	for i := range shippers {
		if s := &shippers[i]; s.is(&k) {
			s.open(d, doc, &k, c, each)
			return true
		}
	}
	return false
}

// openOne hands on a document that wraps one line, or a list of lines.
func openOne(_ *Decoder, doc node, k *shipKeys, c *context, each func([]byte, *context)) {
	in := inside(doc, c)
	if ns := shipTime(k.time()); ns != 0 {
		in.shipped = ns
	}
	if p := doc.at("log.file.path").str(); p != "" {
		in.file = p
	}
	payload := k.payload()
	if payload.kind() == '[' && !byteList(payload) {
		payload.elements(func(v node) bool {
			if text := payloadBytes(v); text != nil {
				each(text, in)
			}
			in.origin.Index++
			return true
		})
		return
	}
	if text := payloadBytes(payload); text != nil {
		each(text, in)
	}
}

// openRecord opens Fluentd's {"tag","time","record":{...}}.
func openRecord(d *Decoder, doc node, k *shipKeys, c *context, each func([]byte, *context)) {
	in := inside(doc, c)
	if ns := shipTime(k.time()); ns != 0 {
		in.shipped = ns
	}
	var inner shipKeys
	inner.read(k.record)
	openOne(d, k.record, &inner, in, each)
}

// openOTLP opens an export request of OpenTelemetry: many records, their time
// in nanoseconds as text.
func openOTLP(_ *Decoder, doc node, k *shipKeys, c *context, each func([]byte, *context)) {
	index := c.origin.Index
	k.resourceLogs.elements(func(rl node) bool {
		res := inside(rl.get("resource"), c)
		scopes := rl.get("scopeLogs")
		if scopes == nil {
			scopes = rl.get("instrumentationLibraryLogs")
		}
		scopes.elements(func(sl node) bool {
			sl.get("logRecords").elements(func(lr node) bool {
				in := inside(lr, res)
				in.origin.Index = index
				index++
				for _, key := range [...]string{"timeUnixNano", "observedTimeUnixNano"} {
					if ns := shipTime(lr.get(key)); ns != 0 {
						in.shipped = ns
						break
					}
				}
				if text := otlpValue(nil, lr.get("body"), false); len(text) > 0 {
					each(text, in)
				}
				return true
			})
			return true
		})
		return true
	})
}

// otlpValue appends a value of OpenTelemetry: a string as it is (quoted inside
// others), key-value lists and lists as JSON.
func otlpValue(dst []byte, v node, quote bool) []byte {
	if s := v.get("stringValue"); s != nil {
		if quote {
			return append(dst, s...)
		}
		return s.text(dst)
	}
	if kv := v.get("kvlistValue"); kv != nil {
		dst = append(dst, '{')
		first := true
		kv.get("values").elements(func(e node) bool {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, e.get("key")...), ':')
			dst = otlpValue(dst, e.get("value"), true)
			return true
		})
		return append(dst, '}')
	}
	if list := v.get("arrayValue"); list != nil {
		dst = append(dst, '[')
		first := true
		list.get("values").elements(func(e node) bool {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = otlpValue(dst, e, true)
			return true
		})
		return append(dst, ']')
	}
	for _, key := range [...]string{"intValue", "doubleValue", "boolValue"} {
		if s := v.get(key).str(); s != "" {
			return append(dst, s...)
		}
	}
	if quote {
		return append(dst, "null"...)
	}
	return dst
}

// lokiStreams reports {"stream":{...},"values":[...]} in the first element.
func lokiStreams(n node) (ok bool) {
	n.elements(func(s node) bool {
		ok = s.get("stream").kind() == '{' && s.get("values").kind() == '['
		return false
	})
	return ok
}

// openLoki opens a push request of Loki: labels, then pairs of time and line.
func openLoki(_ *Decoder, _ node, k *shipKeys, c *context, each func([]byte, *context)) {
	index := c.origin.Index
	k.streams.elements(func(s node) bool {
		labels := s.get("stream")
		s.get("values").elements(func(pair node) bool {
			in := inside(labels, c)
			in.origin.Index = index
			index++
			n := 0
			var text []byte
			pair.elements(func(v node) bool {
				switch n {
				case 0:
					if ns := shipTime(v); ns != 0 {
						in.shipped = ns
					}
				case 1:
					text = payloadBytes(v)
				}
				n++
				return n < 2
			})
			if text != nil {
				each(text, in)
			}
			return true
		})
		return true
	})
}

// inside is the context within a wrapping.
func inside(doc node, c *context) *context {
	in := *c
	in.outer, in.parent = doc, c
	return &in
}

// shipTime reads a shipper's time: text or number, any unit.
func shipTime(n node) int64 {
	if n.kind() != '"' && n.kind() != '0' {
		return 0
	}
	ns, ok := parseTime(n.str())
	if !ok {
		return 0
	}
	return ns
}

// payloadBytes gives a payload unescaped, in bytes of its own.
func payloadBytes(v node) []byte {
	switch v.kind() {
	case '"':
		text := v.text(make([]byte, 0, len(v)))
		if n := len(text); n > 0 && text[n-1] == '\n' {
			text = text[:n-1]
		}
		return text
	case '{':
		return append([]byte(nil), v...)
	case '[':
		if byteList(v) {
			var text []byte
			v.elements(func(e node) bool {
				text = append(text, byte(num(e)))
				return true
			})
			return text
		}
		return append([]byte(nil), v...)
	}
	return nil
}

// byteList reports a list of numbers from 0 to 255: how journald writes what is
// no UTF-8.
func byteList(v node) bool {
	ok, n := true, 0
	v.elements(func(e node) bool {
		x := -1
		if len(e) <= 3 {
			x = num(e)
		}
		ok = x >= 0 && x <= 255
		n++
		return ok
	})
	return ok && n > 0
}

// claimsBuildText reports whether what travels beside a line says that it comes
// from a build: a label that names run, job, runner or repository, the path of a
// log file, a message key, or a runner's pod.
func claimsBuildText(c *context) bool {
	var l textLabels
	l.read(c)
	v := &l.value
	for _, id := range [...]label{lblRun, lblJob, lblRunner, lblProject, lblEphemeral} {
		if v[id] != "" {
			return true
		}
	}
	if v[lblContainer] == "runner" || strings.Contains(v[lblPod], "runner") || v[lblRepo] != "" && v[lblWorkflow] != "" {
		return true
	}
	file := v[lblFile]
	if file == "" {
		file = c.file
	}
	var ci ciContext
	ci.fromPath(file)
	if ci.run != "" || ci.jobID != "" {
		return true
	}
	if c.key != "" && keyPlain.MatchString(c.key) {
		return true
	}
	return false
}

package rule

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seed-843b225c/reflex/engine"
)

// TestStart is where the virtual clock of every test begins.
var TestStart = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// TestCase is one inline test of a rule: events and the alerts they must give.
// It says everything the outcome depends on: lists hold what the test gives
// and are empty otherwise, no network is known but the test's, exceptions are
// not in force. So a test of a shipped rule does not depend on local lists.
type TestCase struct {
	Name      string
	Rule      string // id of the rule under test
	File      string
	Line      int
	Events    []TestEvent
	Lists     []TestList
	Known     []netip.Prefix
	Keys      []engine.AIKey
	Duplicate bool // every record arrives twice
	Restart   bool // the process is killed after every record and starts again
	Shuffle   int  // so many more arrival orders must give the same alerts
	Want      WantAlerts
}

// TestList is what a list holds in a test. Type is empty when the test does
// not say: then it is that of the loaded list of the name.
type TestList struct {
	Name, Type string
	Entries    []string
}

// TestEvent is one entry of events, repetitions not yet unrolled.
type TestEvent struct {
	Line    int
	Dataset engine.Dataset
	At      time.Duration // after TestStart
	Late    time.Duration // arrives so long after its time
	Copies  int           // further copies that arrive
	Restart bool          // the process is killed when the last of its records has arrived, and starts again
	Times   int           // at least 1
	Every   time.Duration
	Set     []TestField
	Each    []TestEach
	Raw     []byte // the record as its source writes it; nil when Set is used
}

// TestField is one field of set.
type TestField struct {
	Name  string
	Text  string // as written; {{ n }} not yet filled in
	Value engine.Value
}

// TestEach is one field of repeat.each: event i has value i modulo their number.
type TestEach struct {
	Name   string
	Values []engine.Value
}

// WantAlerts is what a test expects: a number, or each alert by start.
type WantAlerts struct {
	Number int
	Alerts []WantAlert // nil when only the number counts
}

// WantAlert is what one alert must say; zero values are not compared.
type WantAlert struct {
	Level    engine.Level
	Title    string
	Count    int64
	Entities map[string]string
	Line     int
}

// TestRecord is one record of a test, ready for a decoder.
type TestRecord struct {
	Dataset engine.Dataset
	Raw     bool   // Data is in the format of its dataset; else ECS JSON
	Data    []byte // one record, no line end for JSON
	Time    int64  // event time, ns
	Arrives int64  // when it arrives, ns
	Event   int    // index into TestCase.Events
	Restart bool   // after this record the process is killed and starts again
}

// readTest takes up and checks one test.
func readTest(v node, r *Rule, i int) TestCase {
	t := TestCase{
		Name: v.get("name").str(), Rule: r.ID, File: v.w.src.name, Line: v.pos().Line,
		Duplicate: v.get("duplicate").boolean(false), Restart: v.get("restart").boolean(false), Shuffle: int(v.get("shuffle").integer()),
	}
	for _, e := range v.get("events").list() {
		t.Events = append(t.Events, readTestEvent(e))
	}
	v.get("lists").each(func(k Text, c node) {
		l := TestList{Name: k.Value, Type: c.get("type").str()}
		entries := c
		if c.is(yaml.MappingNode) {
			entries = c.get("entries")
		}
		for _, e := range entries.texts() {
			if l.Type != "" {
				if why := entryMistake(l.Type, e.Value); why != "" {
					v.w.mistakes = append(v.w.mistakes, e.Pos.Mistake(0, "", "%s", why))
				}
			}
			l.Entries = append(l.Entries, e.Value)
		}
		t.Lists = append(t.Lists, l)
	})
	for _, k := range v.get("known").texts() {
		if p, err := parseNetwork(k.Value); err == nil {
			t.Known = append(t.Known, p)
		}
	}
	for _, k := range v.get("keys").list() {
		if key, ok := readKey(k); ok {
			t.Keys = append(t.Keys, key)
		}
	}
	t.Want = readWant(v.get("alerts"))
	return t
}

func readWant(v node) WantAlerts {
	if !v.is(yaml.SequenceNode) {
		return WantAlerts{Number: int(v.integer())}
	}
	w := WantAlerts{Alerts: []WantAlert{}}
	for _, a := range v.list() {
		want := WantAlert{Level: a.get("level").level(), Title: a.get("title").str(), Count: a.get("count").integer(), Line: a.pos().Line}
		a.get("entities").each(func(k Text, c node) {
			if want.Entities == nil {
				want.Entities = map[string]string{}
			}
			want.Entities[k.Value] = c.str()
		})
		w.Alerts = append(w.Alerts, want)
	}
	w.Number = len(w.Alerts)
	return w
}

// maxTimes bounds the repetitions of a test event.
const maxTimes = 100_000

func readTestEvent(v node) TestEvent {
	e := TestEvent{
		Line: v.pos().Line, At: v.get("at").duration(0), Late: v.get("late").duration(0),
		Copies: int(v.get("duplicate").integer()), Restart: v.get("restart").boolean(false), Times: 1,
	}
	e.Dataset, _ = engine.LookupDataset(v.get("dataset").str())
	set, raw, rep := v.get("set"), v.get("raw"), v.get("repeat")
	switch {
	case set.present() && raw.present():
		v.w.wrong(raw.n, "", "an event has set or raw, not both")
	case !set.present() && !raw.present() && v.is(yaml.MappingNode) && !rep.get("each").present():
		v.w.wrong(v.n, "set: {event.action: ...}", "an event needs set or raw")
	}
	set.each(func(k Text, c node) {
		if val, why := setValue(k.Value, c.n); why == "" {
			e.Set = append(e.Set, TestField{k.Value, c.str(), val})
		}
	})
	if raw.present() {
		e.Raw = rawRecord(raw)
	}
	if rep.present() {
		e.Every = rep.get("every").duration(time.Second)
		rep.get("each").each(func(k Text, c node) {
			each := TestEach{Name: k.Value}
			for _, x := range c.list() {
				if val, why := setValue(k.Value, x.n); why == "" {
					each.Values = append(each.Values, val)
				}
			}
			if len(each.Values) > 0 {
				e.Each = append(e.Each, each)
				e.Times = max(e.Times, len(each.Values))
			}
		})
		if n := rep.get("times"); n.present() {
			e.Times = int(max(1, n.integer()))
		}
		if e.Times > maxTimes {
			v.w.wrong(rep.n, "", "an event is repeated at most %d times", maxTimes)
			e.Times = 1
		}
		if raw.present() && len(e.Each) > 0 {
			v.w.wrong(rep.n, "", "each changes fields of set: a raw record has none")
		}
	}
	return e
}

// rawRecord gives a raw record's bytes: text as it is, a mapping as JSON.
func rawRecord(v node) []byte {
	if !v.is(yaml.MappingNode) {
		return []byte(v.str())
	}
	b, err := json.Marshal(plainNode(v.n, 0))
	if err != nil {
		v.w.wrong(v.n, "", "raw is no JSON record: %v", err)
	}
	return b
}

// plainNode turns YAML into what JSON can say. Numbers keep their digits.
func plainNode(n *yaml.Node, depth int) any {
	switch {
	case depth > 64:
		return nil
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plainNode(n.Content[i+1], depth+1)
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plainNode(c, depth+1))
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}

// setValue reads a value of set as the registry types the field; why says what
// is wrong with it.
func setValue(name string, n *yaml.Node) (v engine.Value, why string) {
	typ := engine.Keyword
	f, registered := engine.LookupField(name)
	if registered {
		typ = f.Type()
	} else if n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
		typ = map[string]engine.Type{"!!int": engine.Long, "!!float": engine.Double, "!!bool": engine.Bool}[n.Tag]
		if typ == 0 {
			typ = engine.Keyword
		}
	}
	if typ == engine.List || n.Kind == yaml.SequenceNode {
		if n.Kind != yaml.SequenceNode {
			return v, "must be a list of texts"
		}
		if registered && typ != engine.List {
			return v, "must be one value, not a list"
		}
		var list []string
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return v, "must be a list of texts"
			}
			list = append(list, c.Value)
		}
		return engine.Strings(list...), ""
	}
	if n.Kind != yaml.ScalarNode {
		return v, "must be one value, not " + nodeNoun(n)
	}
	if n.Tag == "!!null" {
		return v, "is empty: leave the field out"
	}
	return parseValue(typ, n.Value)
}

// parseValue reads a text as a value of a type.
func parseValue(typ engine.Type, s string) (v engine.Value, why string) {
	switch typ {
	case engine.IP:
		a, err := netip.ParseAddr(s)
		if err != nil {
			return v, "is an address: " + strconv.Quote(s) + " is none"
		}
		return engine.Address(a), ""
	case engine.Long:
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return v, "is a whole number: " + strconv.Quote(s) + " is none"
		}
		return engine.Int(i), ""
	case engine.Double:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || engine.Float(f).IsNil() {
			return v, "is a number: " + strconv.Quote(s) + " is none"
		}
		return engine.Float(f), ""
	case engine.Bool:
		if s != "true" && s != "false" {
			return v, "is true or false, not " + strconv.Quote(s)
		}
		return engine.Boolean(s == "true"), ""
	case engine.Date:
		t, err := readDate(s)
		if err != nil {
			return v, "is a time: " + strconv.Quote(s) + " is none"
		}
		return engine.Instant(t), ""
	}
	return engine.String(s), ""
}

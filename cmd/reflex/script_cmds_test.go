package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCmds are the words of the scripts beside testscript's own. Those that
// write a file take its name first.
var scriptCmds = map[string]func(*testscript.TestScript, bool, []string){
	"fake": fake, "reflexes": reflexes, "trail": trail, "bytes": writeBytes, "pack": pack, "cut": cutFile, "join": join, "same-alerts": sameAlerts, "below": below,
}

// trailRule is the file trail.yml of every script; see trail.
const trailRule = `
id: trail-stopped
title: A trail was stopped
level: medium
from: [aws.cloudtrail]
when: event.action == "StopLogging"
alert: {entities: {user: user.name}}
`

// scriptCondition adds [root], who may read everything, and [full], a device
// on which no byte finds place.
func scriptCondition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Getuid() == 0, nil
	case "full":
		_, err := os.Stat("/dev/full")
		return err == nil, nil
	}
	return false, fmt.Errorf("no condition is named %s", cond)
}

var seconds = regexp.MustCompile(`in [0-9]+\.[0-9] s\.`)

// reflexes runs reflex and wants an exit code: reflexes CODE ARGS... . What it
// said is in the files out and err, with the time it took made the same.
func reflexes(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("reflex", args[1:]...)
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	for stream, name := range map[string]string{"stdout": "out", "stderr": "err"} {
		text := seconds.ReplaceAllString(ts.ReadFile(stream), "in 0.0 s.")
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit %d, want %s\n%s", code, args[0], ts.ReadFile("stderr"))
	}
}

// trail writes CloudTrail records, one a second from ten o'clock, every fifth
// stopping the trail: trail FILE FORM N [FIRST] [PADDING].
// Forms: lines, reversed, line-list, list, envelope, pretty-list,
// pretty-lines, pretty-envelope.
func trail(ts *testscript.TestScript, _ bool, args []string) {
	form, n, first, pad := args[1], number0(ts, args, 2), number0(ts, args, 3), number0(ts, args, 4)
	var records []string
	for i := first; i < first+n; i++ {
		name := "GetObject"
		if i%5 == 4 {
			name = "StopLogging"
		}
		records = append(records, fmt.Sprintf(`{"eventVersion":"1.09","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":"dev"},"eventTime":"%s","eventSource":"cloudtrail.amazonaws.com","eventName":"%s","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","requestParameters":{"pad":"%s"},"eventID":"e%d"}`,
			time.Date(2026, 3, 2, 10, 0, i, 0, time.UTC).Format(time.RFC3339), name, strings.Repeat("x", pad), i))
	}
	pretty := func(s string) string {
		var b bytes.Buffer
		ts.Check(json.Indent(&b, []byte(s), "", "  "))
		return b.String() + "\n"
	}
	list := "[" + strings.Join(records, ",") + "]"
	var text string
	switch form {
	case "lines":
		text = strings.Join(records, "\n") + "\n"
	case "reversed":
		slices.Reverse(records)
		text = strings.Join(records, "\n") + "\n"
	case "line-list":
		text = "[\n" + strings.Join(records, ",\n") + "\n]\n"
	case "list":
		text = list
	case "envelope":
		text = `{"Records":` + list + `}`
	case "pretty-list":
		text = pretty(list)
	case "pretty-envelope":
		text = pretty(`{"Records":` + list + `}`)
	case "pretty-lines":
		for _, r := range records {
			text += pretty(r)
		}
	default:
		ts.Fatalf("no form is named %s", form)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

func number0(ts *testscript.TestScript, args []string, i int) int {
	if i >= len(args) {
		return 0
	}
	n, err := strconv.Atoi(args[i])
	ts.Check(err)
	return n
}

// writeBytes writes text with Go's escapes, so often: bytes FILE TEXT [N].
func writeBytes(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[1], `"`, `\"`) + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte(text), max(1, number0(ts, args, 2))), 0o644))
}

// pack writes a file in another coding: pack FILE gzip|zstd|utf16|utf16le|crlf FROM.
func pack(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[2]))
	var b bytes.Buffer
	switch args[1] {
	case "gzip":
		w := gzip.NewWriter(&b)
		w.Write(data)
		ts.Check(w.Close())
	case "zstd":
		w, err := zstd.NewWriter(&b)
		ts.Check(err)
		w.Write(data)
		ts.Check(w.Close())
	case "utf16", "utf16le":
		if args[1] == "utf16" {
			b.Write([]byte{0xff, 0xfe})
		}
		ts.Check(binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(string(data)))))
	case "crlf":
		b.Write(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")))
	default:
		ts.Fatalf("no coding is named %s", args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// cutFile writes the first N bytes, or with -N all but the last N: cut FILE FROM N.
func cutFile(ts *testscript.TestScript, _ bool, args []string) {
	data, n := ts.ReadFile(args[1]), number0(ts, args, 2)
	if n < 0 {
		n += len(data)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(data[:n]), 0o644))
}

// join writes files one behind the other: join FILE FROM... .
func join(ts *testscript.TestScript, _ bool, args []string) {
	var all []byte
	for _, name := range args[1:] {
		all = append(all, ts.ReadFile(name)...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), all, 0o644))
}

// sameAlerts compares two outputs of --alerts byte by byte, but for the places
// where the evidence stood, and wants at least one alert.
func sameAlerts(ts *testscript.TestScript, _ bool, args []string) {
	a, b := placeless(ts, args[0]), placeless(ts, args[1])
	if a == "" || a != b {
		ts.Fatalf("alerts differ, or there are none:\n%s\n%s", a, b)
	}
}

var place = regexp.MustCompile(`"(origin|path|file|line|offset)":("[^"]*"|[0-9]+)`)

func placeless(ts *testscript.TestScript, name string) string {
	return place.ReplaceAllString(ts.ReadFile(name), `"$1":0`)
}

// below wants a number in the object of --stats to be at most N (any N under
// the race detector, which takes memory and time): below FILE KEY N.
func below(ts *testscript.TestScript, _ bool, args []string) {
	var stats map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &stats))
	got, ok := stats[args[1]].(float64)
	if !ok {
		ts.Fatalf("%s is no number in %s", args[1], args[0])
	}
	if got > float64(number0(ts, args, 2)) && !raceDetector {
		ts.Fatalf("%s is %.0f, want at most %s", args[1], got, args[2])
	}
}

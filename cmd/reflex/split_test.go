package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine/story"
)

// TestAlertsOfADayInManyFiles deals the CloudTrail records of a day to a few
// files and to more than can be open at once, sorted, shuffled and with copies.
// What --alerts writes is the same to the byte, but for the places where the
// evidence stood.
func TestAlertsOfADayInManyFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("plays days on the path of another test")
	}
	day := story.New(5)
	dir := t.TempDir()
	a := &app{out: newPrinter(&bytes.Buffer{}), err: newPrinter(&bytes.Buffer{})}
	if err := a.writeDay(day, dir); err != nil {
		t.Fatal(err)
	}
	alerts := func(logs string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "alerts.ndjson")
		var out, said bytes.Buffer
		args := []string{"replay", "--rules", dir + "/rules", "--lists", dir + "/lists", "--geoip", dir + "/geoip", "--alerts", file, logs}
		if code := run(context.Background(), args, nil, &out, &said); code != exitDone {
			t.Fatalf("exit %d\n%s", code, &said)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return place.ReplaceAllString(string(data), `"$1":0`)
	}
	want := alerts(dir + "/logs")
	if strings.Count(want, "\n") < 20 {
		t.Fatalf("only %d alerts to compare", strings.Count(want, "\n"))
	}
	var records []json.RawMessage
	var others []story.File
	for _, f := range day.Files() {
		var doc struct{ Records []json.RawMessage }
		if strings.HasPrefix(f.Name, "AWSLogs") && json.Unmarshal(gunzip(t, f.Data), &doc) == nil && doc.Records != nil {
			records = append(records, doc.Records...)
			continue
		}
		others = append(others, f)
	}
	for i, files := range []int{1, 3, 600} {
		if testing.Short() && files != 3 {
			continue
		}
		t.Run(fmt.Sprint(files, " files"), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			logs := t.TempDir()
			write := func(name string, data []byte) {
				path := filepath.Join(logs, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range others {
				write(f.Name, f.Data)
			}
			deck := append([]json.RawMessage(nil), records...)
			r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
			for n := range files {
				part := deck[n*len(deck)/files : (n+1)*len(deck)/files]
				data, err := json.Marshal(map[string]any{"Records": part})
				if err != nil {
					t.Fatal(err)
				}
				write(fmt.Sprintf("zz/%d-%d.json", r.IntN(1000), n), data)
				if n%5 == 0 {
					write(fmt.Sprintf("copy/%d.json", n), data)
				}
			}
			same(t, want, alerts(logs))
		})
	}
}

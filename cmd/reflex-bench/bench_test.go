package main

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEveryStatefulRuleHasMatchesAndMostAlert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if _, err := generate(path, 150_000); err != nil {
		t.Fatal(err)
	}
	f, err := judge(path, 20)
	if err != nil {
		t.Fatal(err)
	}
	rules, quiet := 0, []string{}
	for id, n := range f.Matches {
		if strings.HasPrefix(id, "bench-0") {
			continue
		}
		rules++
		if n == 0 && id != "bench-denied-then-role" { // its steps are the points of others
			t.Errorf("rule %s matched nothing", id)
		}
		if len(f.Alerts[id]) == 0 {
			quiet = append(quiet, id)
		}
	}
	if rules != 10 || len(quiet) > 4 {
		t.Errorf("%d stateful rules, without an alert: %v", rules, quiet)
	}
	if err := sameFound(f, f, func(string) bool { return false }); err != nil {
		t.Error(err)
	}
	less := f
	less.Alerts = map[string][]string{}
	if sameFound(less, f, func(string) bool { return false }) == nil {
		t.Error("a run without alerts passed for one with")
	}
}

func TestShelvesGiveWholeBatchesInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	const n = 3*batchRecords + 7
	if _, err := generate(path, n); err != nil {
		t.Fatal(err)
	}
	parts, err := shelves(path, 2, kgo.NoCompression(), 1)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i := range parts {
		s := &parts[i]
		for offset := int64(0); ; {
			b := s.from(offset, 1)
			if b == nil {
				break
			}
			var batch kmsg.RecordBatch
			if err := batch.ReadFrom(b); err != nil {
				t.Fatal(err)
			}
			if batch.FirstOffset != offset || int(binary.BigEndian.Uint32(b[8:])) != len(b)-12 {
				t.Errorf("batch at %d says %d, length %d of %d", offset, batch.FirstOffset, batch.Length, len(b))
			}
			offset += int64(batch.NumRecords)
			seen += int(batch.NumRecords)
		}
		if whole := s.from(0, 1<<30); !bytes.Equal(whole, s.data) {
			t.Error("all of a partition is not all its batches")
		}
	}
	if seen != n {
		t.Errorf("%d records, want %d", seen, n)
	}
}

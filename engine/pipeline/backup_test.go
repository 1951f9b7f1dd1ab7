package pipeline_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

// A new instance whose store is damaged soon after its start goes on from a
// backup: the first one does not wait for the usual interval.
func TestANewStoreIsBackedUpSoon(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	src := newTopic("t", []string{denied(noon, "amara", "e1"), denied(noon.Add(time.Second), "amara", "e2")})
	src.eof = false
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began, checks := time.Now(), atomic.Int64{}
	err := runLive(t, ctx, folder, burst, src, func(l *pipeline.Live) {
		// every look at the clock takes a second, so a minute passes at once
		l.Now = func() time.Time { return began.Add(time.Duration(checks.Add(1)) * time.Second) }
		l.Source = backedUp{src, folder, cancel}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := checks.Load(); n > 300 {
		t.Errorf("the first backup took %d seconds", n)
	}
	loseManifest(t, folder)
	dir, err := checkpoint.Open(folder, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if notes := strings.Join(dir.Notes, "\n"); !strings.Contains(notes, "restored from the backup") {
		t.Errorf("there is no backup to go on from: %s", notes)
	}
	ps, err := pipeline.Positions(dir.Store)
	if err != nil || len(ps) != 1 || ps[0].Offset != 2 {
		t.Errorf("positions %v of the backup, %v", ps, err)
	}
}

// backedUp is a source that ends the service when its store has a backup.
type backedUp struct {
	*topic
	folder string
	end    func()
}

func (b backedUp) Commit(ctx context.Context, ps []engine.Position) error {
	if _, err := os.Stat(filepath.Join(b.folder, "backup", "00000001")); err == nil {
		b.end()
	}
	return b.topic.Commit(ctx, ps)
}

func loseManifest(t *testing.T, folder string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "store", "tables", "MANIFEST-*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no manifest in %s: %v", folder, err)
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

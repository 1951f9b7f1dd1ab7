package pipeline

import (
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine/checkpoint"
)

func TestUpkeepIsDueSoonerWithoutABackup(t *testing.T) {
	dir, err := checkpoint.Open(t.TempDir(), checkpoint.Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	u := upkeep{s: &service{Live: &Live{Dir: dir}}}
	due := func(want bool, since time.Duration) {
		t.Helper()
		if got := u.due(since); got != want {
			t.Errorf("%v after the one before, with %d backups: due %v, want %v", since, dir.Store.Backups(), got, want)
		}
	}
	due(false, upkeepFirst-1)
	due(true, upkeepFirst)
	if err := dir.Store.Backup(); err != nil {
		t.Fatal(err)
	}
	due(false, upkeepFirst)
	due(false, upkeepEvery-1)
	due(true, upkeepEvery)
}

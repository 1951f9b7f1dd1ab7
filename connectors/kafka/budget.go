package kafka

import (
	"context"
	"sync"
)

// budget bounds the bytes that are queued or handed out, over all partitions.
type budget struct {
	mu    sync.Mutex
	total int
	used  int
	freed chan struct{} // closed and renewed when bytes come back
}

func newBudget(total int) *budget { return &budget{total: total, freed: make(chan struct{})} }

// take waits until n bytes fit; more than the whole budget fits when nothing
// else is out. False when ctx ended first.
func (b *budget) take(ctx context.Context, n int) bool {
	for {
		b.mu.Lock()
		if b.used == 0 || b.used+n <= b.total {
			b.used += n
			b.mu.Unlock()
			return true
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return false
		}
	}
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	close(b.freed)
	b.freed = make(chan struct{})
}

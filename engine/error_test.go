package engine_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestKindOfFindsTheKindThroughWrapping(t *testing.T) {
	inner := &engine.Error{Kind: engine.Temporary, Err: io.ErrUnexpectedEOF}
	outer := &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf("after 3 tries: %w", inner)}
	for name, c := range map[string]struct {
		err  error
		want engine.ErrorKind
	}{
		"nil":           {nil, 0},
		"nobody said":   {io.EOF, 0},
		"itself":        {inner, engine.Temporary},
		"wrapped":       {fmt.Errorf("sink: %w", inner), engine.Temporary},
		"the outermost": {outer, engine.Fatal},
		"joined":        {errors.Join(io.EOF, inner), engine.Temporary},
	} {
		if got := engine.KindOf(c.err); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if !errors.Is(outer, io.ErrUnexpectedEOF) || outer.Error() != "after 3 tries: unexpected EOF" {
		t.Errorf("the cause is hidden: %v", outer)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestInterruptibleReadsEverything(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(want), "halves": iotest.HalfReader(bytes.NewReader(want)), "with its end": iotest.DataErrReader(bytes.NewReader(want))} {
		got, err := io.ReadAll(interruptible(t.Context(), r))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, error %v", name, len(got), err)
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(interruptible(t.Context(), io.MultiReader(bytes.NewReader(want), iotest.ErrReader(broken)))); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// TestInterruptEndsAWaitForInput: nothing ever comes, and the run ends.
func TestInterruptEndsAWaitForInput(t *testing.T) {
	never, w := io.Pipe()
	defer w.Close()
	ctx, stop := context.WithCancel(t.Context())
	var out, said bytes.Buffer
	stop()
	if code := run(ctx, []string{"replay", "-"}, never, &out, &said); code != exitPartial || out.Len() > 0 {
		t.Errorf("exit %d, said %q and %q", code, &out, &said)
	}
	if want := "reflex: interrupted before the end: no results were written\n"; said.String() != want {
		t.Errorf("said %q, want %q", &said, want)
	}
}

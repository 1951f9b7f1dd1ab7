package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

func TestKindOfFindsTheKindThroughWrapping(t *testing.T) {
	inner := errors.New("429")
	err := fmt.Errorf("sink slack: %w", &engine.Error{Kind: engine.Temporary, After: time.Second, Err: fmt.Errorf("post: %w", inner)})
	if got := engine.KindOf(err); got != engine.Temporary {
		t.Errorf("kind %v, want temporary", got)
	}
	if !errors.Is(err, inner) || err.Error() != "sink slack: post: 429" {
		t.Errorf("the cause is lost: %v", err)
	}
	for _, unjudged := range []error{nil, inner, &engine.Error{Kind: engine.Fatal, Err: context.Canceled}} {
		if got := engine.KindOf(unjudged); got != 0 {
			t.Errorf("%v has kind %v, want none", unjudged, got)
		}
	}
}

func TestHiddenShowsAsStars(t *testing.T) {
	type config struct{ Token engine.Hidden }
	c := config{"canary-value"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "token", c.Token, "config", c)
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(js)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		all += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, c.Token) + fmt.Sprintf(verb, &c)
	}
	if strings.Contains(all, "canary") || strings.Contains(all, fmt.Sprintf("%x", "canary")) {
		t.Errorf("the secret shows: %s", all)
	}
	if !strings.Contains(string(js), "****") || c.Token.Reveal() != "canary-value" {
		t.Errorf("marshalled %s, revealed %q", js, c.Token.Reveal())
	}
	if engine.Hidden("").String() != "" {
		t.Error("a missing secret looks like one")
	}
}

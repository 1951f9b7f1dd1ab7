package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// judgeSpec says what the judge plays.
type judgeSpec struct {
	Events string // file
	Rules  int
}

// play plays a role: this program as another process.
func play(name, spec string) error {
	switch name {
	case "broker":
		return with(spec, broker)
	case "bulk":
		return with(spec, bulk)
	case "judge":
		return with(spec, func(s judgeSpec) error {
			f, err := judge(s.Events, s.Rules)
			return answer(f, err)
		})
	case "plain":
		return with(spec, func(s plainSpec) error {
			m, err := plainKafka(s)
			return answer(m, err)
		})
	case "produce":
		return with(spec, func(s produceSpec) error {
			p, err := produce(s)
			return answer(p, err)
		})
	case "reflex":
		return with(spec, func(s liveSpec) error {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() { // ends with the process
				_, _ = io.Copy(io.Discard, os.Stdin)
				cancel()
			}()
			m, err := live(ctx, s)
			return answer(m, err)
		})
	}
	return fmt.Errorf("there is no role %s", name)
}

// with reads a role's spec.
func with[S any](text string, do func(S) error) error {
	var s S
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("the role's settings: %w", err)
	}
	return do(s)
}

// answer prints what a role found.
func answer(v any, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}

package main

import "github.com/seed-843b225c/reflex/engine/pipeline"

// chains prints the nearest chain of each key of a sequence.
func chains(res *pipeline.Result, id string, p *printer) []string { return nil }

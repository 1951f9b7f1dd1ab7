// Package decode turns bytes into events: the second station of the line.
//
// A Plan is compiled from the Layout of the loaded rules and says, for every
// format, which values to take from where; it is immutable and shared. A
// Decoder belongs to one goroutine and one partition or file: it finds records
// in the bytes (stream.go), unwraps envelopes (envelope.go), recognises formats
// (formats.go) and fills the demanded slots of one reused engine.Event. JSON is
// read by a strict one-pass scanner (scan.go) that allocates nothing; text goes
// line by line to a lineDecoder (format.go). Documents (document.go) makes
// evidence: the full ECS document of an event with every secret overwritten.
//
// Adding a format: a file with its table, one line in formats.go, a sample in
// testdata, a fuzz seed.
//
// # Non-obvious
//
//   - Everything an event holds aliases the chunk, or scratch that the next
//     record overwrites. Clone what must live longer.
//   - A record is valid or refused as a whole: nothing is emitted of a record
//     whose last byte has not been checked.
//   - The last of two equal keys wins, as in most consumers; a repeated parent
//     forgets its first children. Reading the first would be a way around rules.
package decode

//go:generate go test -run TestFieldsPage . -update

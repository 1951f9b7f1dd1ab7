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
// What a Decoder remembers between records (the jobs of build text, the header
// of flow logs) outlives a restart: Save gives what changed to a checkpoint,
// Restore makes a new Decoder of it (state.go; text_state.go names the fields of
// a job). Entries are sealed under a key derived from the fingerprint key
// (state_seal.go), because a line that is not complete may hold half a secret.
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
//   - A name is overwritten before it is cut or put together with another: half
//     a secret, or one in base64 behind a slash, is one that nobody finds.
//   - Evidence looks twice at every text but those that stand whole and without an
//     escape in a record in which nothing was found: whatever unescapes, cuts or
//     joins may bring a secret to light.
//   - What tells facts or lines apart across records must come out the same in
//     the next process: no maphash, no address.
package decode

//go:generate go test -run TestFieldsPage . -update

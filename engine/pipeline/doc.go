// Package pipeline drives the line: it takes records from inputs, hands them
// through decode, detect, job and correlate, moves the watermark, and gathers
// alerts, incidents and counts. It is the one package inside engine that knows
// time, files to be read again and interruption; the stations it calls know
// none of them.
//
//	Replay   files: nothing is late, whatever their names, number and inner order
//	Live     a stream that does not end: the service, with its alert log,
//	         checkpoints, sinks and reloads
//	Play     whole records in order of arrival through the line of the service,
//	         killed and started again where they ask for it: the tests inside rules
//
// The commands call it. A Replay and a Live are used once; Parts.Set and
// Parts.Plan may be shared between any number of them.
//
// # The service
//
// Goroutines: one polls the source, one (loop in live.go) owns the line and all
// its state, the scribe writes the alert log, one writes checkpoints, one for each
// sink delivers what is in the log. They meet in channels, in the scribe's memory
// of the newest transitions and in the Status, a snapshot that health pages and
// metrics read; nothing else is shared.
//
//	record -> line -> transitions -> alert log (synced) -> sinks, each at its own pace
//	                  what changed -> checkpoint (store, synced) -> commit to the source
//
// A restart and a reload are one path (resume.go): a new line is built from the
// store, and the log behind the checkpoint says which alerts have names already.
// Open alerts of rules that were changed or are gone become final then, with the
// reason (standing.go). A reload that fails on the way leaves the old line at work. Play takes the same
// path, over a store in memory.
//
// Kinds of errors, once they are here: Temporary is tried again with backoff, by
// whoever met it; BadInput of a sink goes to the dead letter and the rest goes
// on; Fatal of the source, the log, the store or the dead letter ends Run, that
// of a sink is said and tried again slowly, because the other sinks have nothing
// to do with it.
//
// # Non-obvious
//
//   - Refusals of records are in the dead letter before the checkpoint that
//     moves past them, so a commit never outruns them.
//   - Detection does not wait for the disk: what it says goes to the scribe, and
//     a checkpoint is committed only when the scribe has synced all that its state
//     knows of. A log that takes nothing stops reading after a few batches.
//   - A checkpoint is gathered on the main goroutine, which costs what changed,
//     and written beside it; one at a time. Meanwhile the next one fills.
//   - A partition that left is stored with the next checkpoint. Who gets it back
//     before waits for that, or its decoder would begin with older memory.
//   - A sink's position is stored without a sync: what a crash loses of it is
//     delivered again, which sinks recognise.
//   - The log is trimmed, and the store backed up, every 10 minutes beside the
//     checkpoints, and first a minute after the first of them; only whole
//     segments that every sink and the last checkpoint are past go.
package pipeline

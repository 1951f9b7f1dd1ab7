// Package pipeline drives the line: it takes records from inputs, hands them
// through decode, detect, job and correlate, moves the watermark, and gathers
// alerts, incidents and counts. It is the one package inside engine that knows
// time, files to be read again and interruption; the stations it calls know
// none of them.
//
//	Replay   files: nothing is late, whatever their names, number and inner order
//	Live     a stream that does not end: the service, with its alert log,
//	         checkpoints, sinks and reloads
//	Play     whole records in order of arrival, with the watermarks of a live
//	         stream: the tests inside rules
//
// The commands call it. A Replay and a Live are used once; Parts.Set and
// Parts.Plan may be shared between any number of them.
//
// # The service
//
// Goroutines: one polls the source, one (loop in live.go) owns the line and all
// its state, one writes checkpoints, one for each sink reads the alert log. They
// meet in channels and in the log; nothing else is shared.
//
//	record -> line -> transitions -> alert log (synced) -> sinks, each at its own pace
//	                  what changed -> checkpoint (store, synced) -> commit to the source
//
// A restart and a reload are one path: a new line is built from the store, and
// the log behind the checkpoint says which alerts have names already.
package pipeline

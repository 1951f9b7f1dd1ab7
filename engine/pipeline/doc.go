// Package pipeline drives the line: it takes records from inputs, hands them
// through decode, detect, job and correlate, moves the watermark, and gathers
// alerts, incidents and counts. It is the one package inside engine that knows
// time, files to be read again and interruption; the stations it calls know
// none of them.
//
//	Replay   files: nothing is late, whatever their names, number and inner order
//	Play     whole records in order of arrival, with the watermarks of a live
//	         stream: the tests inside rules
//
// The commands call it. A Replay is used once, from one goroutine; Parts.Set
// and Parts.Plan may be shared between any number of them.
package pipeline

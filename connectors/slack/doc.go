// Package slack tells people about incidents: one message for each incident,
// edited in place while it grows, with a thread that carries news only.
//
// # What it promises
//
//   - One message an incident. Its place (channel and timestamp) is kept in the
//     sink's Memory; what is about to be sent is noted there before it is sent.
//     After a crash, a timeout or a cut connection the channel's history is
//     asked first (every message carries the incident and the number of the
//     transition as metadata), so that a post whose answer never came is found
//     and edited instead of repeated. The same holds for replies.
//   - An older state never overwrites a newer one.
//   - News wakes people, numbers do not: a new kind of step and a merge get a
//     reply in the thread, a raised level gets one that the channel sees too.
//     Everything else is an edit.
//   - Text from logs is hostile: it cannot mention anybody, make a link, style
//     itself, fold lines or hide characters (clean.go).
//   - A page is not lost for a detail: blocks that Slack refuses are sent again
//     as plain text, a route whose channel refuses falls back to the default
//     channel, a deleted message is posted anew. Where the workspace forbids to
//     edit older messages, the thread goes on.
//   - What is remembered stays bounded: 45 days after its end an incident's
//     message is forgotten (forget.go).
//
// With an incoming webhook instead of a token Slack gives no reference back:
// nothing can be edited, and a crash may repeat a message (hook.go).
//
// Files: config.go the settings; clean.go, render.go, facts.go, timeline.go the
// message, pure functions; sink.go, record.go, forget.go, send.go, hook.go what
// happens to it; judge.go what Slack's answers mean; rate.go when a call may go
// out; check.go what doctor asks. The stand-in for Slack is in slacktest.
package slack

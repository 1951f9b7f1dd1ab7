// Package engine is the vocabulary of Reflex: what moves along the line and
// the two ports at its ends. It imports nothing but the standard library, and
// every other package may import it.
//
// # The line
//
//	Source -> Record -> decode -> Event -> enrich -> detect -> Hit -> job -> correlate -> Alert -> incident -> log -> Sink
//	          bytes     station   typed    geo, lists, index +        which    windows,            grouping,   append  each at
//	          position            fields   secrets     conditions     run      chains, episodes    timeline    only    its own pace
//
// Each change of type is a change of package. Everything from decode to
// incident is a plain function over plain values: no goroutine, clock, log or
// network. Package pipeline owns goroutines, time and retries; package
// checkpoint owns the disk: the alert log and the store; packages under
// connectors own the outside world; cmd wires. The service, replay, demo and
// the tests inside rules take the same line with another source and clock.
//
// # Where a change goes
//
//	a log format        engine/decode: one file with its table, one line in formats.go, a sample and a golden document in testdata
//	a field             engine/fields.go: one row; then a row in a format's table; `go generate ./engine/...`
//	a secret format     engine/secret: one row with its examples
//	a function in rules engine/enrich: one engine.Func in the table of functions
//	a rule kind         engine/window (state) with its naive twin in correlate's oracle, a case in rule's compiler, one story
//	a rule or a list    rules/: YAML with its tests; no Go
//	a source or a sink  connectors/NAME, which passes connectors/contract; a sink: one line in cmd/reflex/connectors.go; one in the README
//	what a restart must find   the station's own Save and Restore, through Saver and Loader, under a prefix of its own; pipeline/save.go
//	                    calls it. Another form of what is stored is a new version with a step from the old one
//	                    (checkpoint/format.go for the folder, the station's own version byte for its values)
//	a setting           the connector's config.go, or cmd/reflex/config.go; reflex.yml shows it
//	a metric            where it is counted; connectors/OPERATING.md says when to worry, and a test compares the two
//	a check of doctor   the connector's Check, one Finding each
//	a command           cmd/reflex: one file, one line in root.go
//
// # Glossary
//
//	Record      bytes as a source delivered them, and where they stood
//	Position    how far a partition was read: the next offset
//	Event       one fact with typed values; a derived event is a fact found inside another record
//	Dataset     what kind of log an event came from (event.dataset)
//	Field       a name in the registry with type and meaning; ECS where ECS has one
//	Layout      which fields the loaded rules demand; each has a slot
//	Slot        a place in Event.Values
//	Probe       one condition of a rule set: a rule's when, a step's when, a link's when
//	Hit         a probe that held on an event
//	Point       a moment at which a rule is true for a key
//	Episode     points of one rule and dedup key close together; one episode is one alert
//	Living      an episode as it was said so far: its identity, number and level; it becomes a settled one behind the watermark
//	Claim       a living that only the alert log knows after a crash: points that come again go on under its identity
//	Final       behind the watermark: nothing joins any more, nothing about it is said again
//	Chain       the events that complete a sequence
//	Link        an event that carries a chain from one key to another
//	Watermark   the event time up to which everything has arrived
//	Lateness    how far a dataset's watermark stays behind its newest event
//	Late        behind the watermark
//	Incident    alerts that belong together: one story
//	Transition  a change of an alert or incident that sinks deliver; its id (alert or incident, and a number) names it for ever
//	Alert log   every transition, appended and synced before anybody is told; sinks read it
//	Journal     the stored hits, from which a restart makes the windows again
//	Store       what a restart must find, by keys: journal, tables of stations, positions, where sinks are
//	Checkpoint  everything that changed since the one before, with positions and the log's end, durable in one step
//	Backup      a copy of the store beside it, for the day on which a block of it is rotten
//	Refusal     input that no format takes, or a transition that a sink can never take, with the reason
//	Dead letter where refusals are kept, secrets overwritten
//	Finding     one thing that doctor looked at: well, or what is wrong and what to do
//
// # Non-obvious
//
//   - Events and everything they alias live only during the call that hands them over. Whoever keeps one clones it.
//   - The order in which events arrive means nothing; only event times and sets do (package correlate).
//   - A file's name is never part of an event's identity, so a copied file counts once.
//   - Evidence is made in one place, decode's Documents, because that is where secrets are overwritten.
//   - A missing field never satisfies a positive test; package rule decides this once for all evaluators.
//   - IPv4-mapped IPv6 addresses are unmapped when a Value is made, before any list can see them.
//   - Append, then checkpoint, then commit. A crash between two of them repeats work and loses none. The store's positions
//     win over the group's; the group's own are for a start with an empty store.
//   - A reload takes the way of a restart: checkpoint, a new line from the store, go on. So there is one way to come back,
//     and every reload tries it. It costs the reading of the journal, during which detection stands still, and counters
//     begin at zero again.
//   - A partition in Batch.Closed was taken from us and is still the source's to commit: the line stores what it left with
//     the next checkpoint and commits that. When it comes back earlier, that checkpoint is waited for. Its last clock stays
//     and holds nobody back.
//   - On a live stream a dataset's watermark is the least of its partitions' newest event times, less its lateness. A
//     partition with unread records never counts as silent, so an outage makes nothing late. One read to its end leaves
//     the minimum after 5 minutes; a dataset of which nothing comes for an hour follows the clock an hour behind, and
//     health says so. No watermark moves while a partition of the source has not spoken yet (for 5 minutes at most), nor
//     while the source has none. One record alone moves a clock by 10 minutes at most: a far future needs a second witness. What the wall
//     clock has not reached, by 10 minutes and more, moves none, whoever confirms it.
//   - An identity is given when an alert opens and stands in the log before anybody is told. After a crash an episode that
//     is made again takes the identity of the logged one of its rule and key whose span, widened by dedup.within, it meets;
//     of several it takes the oldest's, and the others are closed into it. Numbers go on, so a repeat is the same document.
//   - Saved state is closed with the fingerprint key where it may hold halves of secrets (package decode): another key
//     cannot read the state folder.
//
// # A journal of hits, not windows
//
// A restart could find every window as it was, written down piece by piece. It
// finds the hits instead, and makes the windows again. The reasons: final
// episodes are a function of the set of hits and the watermarks, which the
// property tests prove anyway, so feeding the set again is right by the same
// proof; a hit is stored once, under rule, time and hash, so that a copy is no
// second entry and what is too old is one range to delete; no kind of window
// needs a format, a version and an upgrade; and the store says nothing about the
// number of shards. What does not follow from hits is stored beside them:
// identities, open episodes, watermarks, the long memory of first_seen, jobs,
// incidents, unfinished build text.
//
// The price is space and start. A window keeps at most what it needs; the
// journal keeps every hit as long as some point may still look back at it,
// about 130 bytes each, and a start reads them all. What would change the
// decision: a rule so broad that its hits over its window take longer to read
// than an operator waits (tens of millions). Then dense runs of such a rule
// would be stored as what its window keeps of them, and the rest stay hits.
package engine

// Package engine is the vocabulary of Reflex: what moves along the line and
// the two ports at its ends. It imports nothing but the standard library, and
// every other package may import it.
//
// # The line
//
//	Source -> Record -> decode -> Event -> enrich -> detect -> Hit -> job -> correlate -> Alert -> incident -> Sink
//	          bytes     station   typed    geo, lists, index +        which    windows,            grouping,
//	          position            fields   secrets     conditions     run      chains, episodes    timeline
//
// Each change of type is a change of package. Everything from decode to
// incident is a plain function over plain values: no goroutine, clock, log or
// network. Package pipeline owns goroutines, time and retries; packages under
// connectors own the outside world; cmd wires.
//
// # Where a change goes
//
//	a log format        engine/decode: one file with its table, one line in formats.go, a sample and a golden document in testdata
//	a field             engine/fields.go: one row; then a row in a format's table; `go generate ./engine/...`
//	a secret format     engine/secret: one row with its examples
//	a function in rules engine/enrich: one engine.Func in the table of functions
//	a rule kind         engine/window (state) with its naive twin in correlate's oracle, a case in rule's compiler, one story
//	a rule or a list    rules/: YAML with its tests; no Go
//	a source or a sink  connectors/NAME, one line in cmd's table, one line in the README
//	a command           cmd/reflex: one file, one line in root.go
//
// # Glossary
//
//	Record      bytes as a source delivered them, and where they stood
//	Event       one fact with typed values; a derived event is a fact found inside another record
//	Dataset     what kind of log an event came from (event.dataset)
//	Field       a name in the registry with type and meaning; ECS where ECS has one
//	Layout      which fields the loaded rules demand; each has a slot
//	Slot        a place in Event.Values
//	Probe       one condition of a rule set: a rule's when, a step's when, a link's when
//	Hit         a probe that held on an event
//	Point       a moment at which a rule is true for a key
//	Episode     points of one rule and dedup key close together; one episode is one alert
//	Chain       the events that complete a sequence
//	Link        an event that carries a chain from one key to another
//	Watermark   the event time up to which everything has arrived
//	Late        behind the watermark
//	Incident    alerts that belong together: one story
//	Transition  a change of an alert or incident that sinks deliver
//	Refusal     input that no format takes, with the reason
//
// # Non-obvious
//
//   - Events and everything they alias live only during the call that hands them over. Whoever keeps one clones it.
//   - The order in which events arrive means nothing; only event times and sets do (package correlate).
//   - A file's name is never part of an event's identity, so a copied file counts once.
//   - Evidence is made in one place, decode's Documents, because that is where secrets are overwritten.
//   - A missing field never satisfies a positive test; package rule decides this once for all evaluators.
//   - IPv4-mapped IPv6 addresses are unmapped when a Value is made, before any list can see them.
package engine

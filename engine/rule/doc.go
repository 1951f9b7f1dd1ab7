// Package rule is the language: YAML to Rule, Rule to Compiled. It is the only
// package that imports expr and YAML. cmd calls it when rules load: Load reads
// files, Compile makes the Set that detect and correlate run. Nothing here is
// called on the hot path but Cond.Match and Num.Eval. Every value it returns is
// immutable and safe to share.
//
// # A rule
//
// A file holds one or more YAML documents. A document without a kind is a rule;
// with entries it is a list, with ai_keys an inventory, and with kind:
// exception an exception. The keys of each, their types and defaults stand in
// tables.go, which the walker checks by and rules/schema.json is printed from.
//
//	id: ai-key-many-networks
//	title: AI key used from many networks
//	level: high
//	from: [litellm]                       # datasets; default: all
//	when: secret.principal != nil         # the condition, see cond.go
//	count: {by: [secret.principal], within: 10m, distinct: source.as.number, at_least: 3}
//	alert:
//	  title: '{{ secret.hint }} used from {{ measure }} networks'
//	  entities: {key: secret.principal}
//
// Without count, sequence or first_seen every match is a point. count fires on
// events (at_least), on distinct values (distinct, at_least) or on a sum (sum,
// over). first_seen fires on a value that is new for its key. A sequence has no
// when of its own; its steps have one each, or take the points of other rules:
//
//	sequence:
//	  within: 30d
//	  steps:
//	    - {id: pull, rule: [model-lookalike, model-untrusted], by: {run: ci.run.id}}
//	    - {id: out, rule: runner-egress-unknown, by: {run: ci.run.id}, within: 15m, reached: high}
//	    - {id: use, rule: ci-key-foreign-use, by: {key: secret.principal}}
//	  links:
//	    - {when: 'event.action == "cred.issued"', from: {run: ci.run.id}, to: {key: secret.principal}}
//
// A step may be optional, or negated (it must not happen; at an end of the
// sequence it needs a within), may bound the time to the mandatory step before
// it (within), may make the chain up to it an alert of its own level (reached)
// and may demand that a field differs from another step's (differs). With
// ordered: false the steps come in any order; then every mandatory step has the
// same keys, and there are no links, no within and no reached.
//
// # References
//
// Title, entities, dedup.by and show read the point's event: a field, or
// raw.<path>. In a sequence a bare field is the completing event's,
// <step>.<field> another step's, key.<name> a bound key; level_when reads the
// completing event and keys only. {{ count }} is the number of points, and
// {{ measure }} what a count has counted or summed. What is missing prints as
// "unknown".
//
// # Defaults of dedup.by
//
// match: the entities. count: its key. first_seen: key and value. sequence: the
// keys of its first mandatory step, so that a reached prefix and the complete
// chain are one alert. A count or first_seen whose dedup.by lacks a part of its
// key does not load: one shard must own both.
//
// # Modes
//
// alert pages, signal feeds chains and risk, shadow is kept apart and feeds
// shadow chains only, off is checked and not run. A chain whose step has no
// rule left that may feed it does not load; one that loses only some of a
// step's rules loads with a warning.
//
// # Exceptions
//
// An exception names rules or tags, a condition, a reason, an owner, when it
// was created and when it expires, at most 180 days later. The bound is taken
// from created, not from the clock, so that a file that loads today loads
// tomorrow; an expired exception stays loadable and no longer holds, by event
// time. For a sequence it applies to the step it names, else to every step that
// is not negated: events it holds for are no events of that step. It never
// applies to links.
//
// # Tests
//
// A test stands in the rule and brings everything its outcome depends on:
// events, lists (all others are empty), known networks, inventory. Exceptions
// are not in force, GeoIP is whatever the events set. The clock starts at
// 2026-03-02T10:00:00Z (TestStart); at is the event's offset, late how long
// after that it arrives, repeat makes many of one (each varies fields, {{ n }}
// is the number of the repetition), duplicate delivers copies, restart kills the
// process when an event has arrived (of a test: after every record) and starts it
// again from what it stored; what came behind the last checkpoint comes again, shuffle asks for more arrival orders with the same
// outcome. set gives fields typed by the
// registry, raw the record as its source writes it ({{ time }} is its time).
// alerts is a number or what each alert must say. TestCase.Records gives the
// records, Pack.Only the rules and TestCase.ListDefs the lists of a test; cmd
// runs them through the real pipeline.
//
// # Mistakes
//
// Whatever an analyst can mistype is reported with file, line, column, the line,
// a caret and the nearest valid word; all mistakes of all files come at once. A
// document that is not YAML is one mistake and leaves its neighbours readable.
// Anchors, aliases and tags are refused: a rule says what it means in place,
// and a few lines cannot unfold to gigabytes.
//
// # Versions
//
// Compiled.Version is a hash of what the rule means: its keys and values
// without tests, comments and style, its exceptions, and the entries of the
// lists it names. The rest of this package, cond_*.go, is the condition
// language: expr's parser, an own checker, closures over slots, and expr's VM
// as fallback and oracle.
//
// # Non-obvious
//
//   - Position maps characters of a YAML scalar back to the file, whatever its
//     style; the walker's places and expr's meet there.
//   - Keep of a rule includes what chains that take its points read, exceptions
//     on their steps included; chains are therefore worked off before their steps.
//   - The slot of key.<name> in level_when (SequenceSpec.KeySlots) stands in the
//     layout under the field measure, so no decoder fills it and it is never kept.
//   - A broken rule, or one that is off, is compiled into a scratch layout: its
//     mistakes show, its fields get no slots.
package rule

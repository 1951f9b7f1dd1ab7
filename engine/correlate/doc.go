// Package correlate turns hits into alerts: hits to points, points to chains
// over links, points to episodes, one alert an episode. The pipeline drives
// it; see Correlator. It knows event time only.
//
// # Decisions
//
// Meaning lies in event times and in sets of hits, never in the order of
// arrival. The oracle (oracle.go) is its definition in executable form; these are
// the corners where another choice was possible, the same in both:
//
//   - Order of events: time, then dataset by its number, then id.
//   - "Strictly between" (negated steps) is by time alone: an event at the very
//     time of a neighbour is not between. A negated first step looks at
//     [first-within, first), a negated last one at (last, last+within].
//   - A negated step is a condition on chains: of the chains without a
//     forbidden event the latest is taken. So repeating an early step does not
//     hide an earlier, unbroken chain.
//   - A negated step is matched by those of its keys that mandatory steps bind
//     up to the one after it, an optional step by those bound before it (first
//     in the sequence: by the first mandatory step). Without any such key it
//     matches nothing. Its differs is asked of mandatory steps before it;
//     a negated step has none.
//   - reached is for mandatory steps.
//   - Order is asked of neighbouring mandatory steps only. With the tolerance
//     it is not transitive, and need not be.
//   - An optional step takes its latest event between the mandatory steps
//     around it, another than those before it and the one after it. First in
//     the sequence, it counts its within to the step after it. Behind the last
//     mandatory step it takes nothing: the chain is over.
//   - A key is bound by the first mandatory step that names it. A later step
//     that shares no bound key is reached over links only, from `from` to `to`;
//     one linked key is enough for a step that brings several.
//   - An unordered sequence completes at its latest event; steps' within,
//     links and reached are for ordered ones, every mandatory step names the
//     same keys, and a negated step forbids an event between first and last.
//   - An event without the field that is counted distinct or summed is not an
//     event of the count. Amounts are exact to 1e-9.
//   - A sum takes whole buckets from the one that holds t-within, so its span
//     is up to within/288 more than within; never less.
//   - The events that made a point: of a count the at_least latest ones, of a
//     distinct count the latest event of each of the at_least latest values, of
//     a sum the event itself.
//   - measure saturates at the greater of at_least and 4096 (count, distinct).
//   - A first_seen key that is silent for longer than memory learns anew.
//   - A span of exactly 24 h still belongs to an episode.
//   - A hit that waited for its run (package job) comes a second time. A match
//     rule's point keeps dedup key and level, its alert
//     gains the run, and sequences keyed on the run see it then. Such rules'
//     watermarks stay 2 s behind, as job lets hits go no sooner.
//   - A rule whose dedup key reads another step's event, or a key that only an
//     optional step may bind, speaks at the watermark: that key could change.
//   - Of several alerts that hold points of one event, the least id names it in
//     a chain's evidence.
//   - A sequence with links, or without a key that all its steps name, is owned
//     by one shard: its chains cross from key to key and are rare. Handing them
//     to the owner of the new key, with the watermark of the sender, is the way
//     on when one rule becomes too much for one shard.
//   - Of a dense run, what is settled is a time each and at most at_least
//     events; what the watermark has not passed is kept whole, about 200 bytes
//     a hit, up to Quota.Events a key. Intervals with a count would do only
//     where all points share level, entities and dedup key and nothing takes
//     them, so they wait for a key that needs more than the quota.
//   - Expiry turns whole generations of keys (window.Aging, a wheel of two
//     slots): a key lives one to two windows after its last event and costs no
//     memory for its expiry.
//
// # At once and at the watermark
//
// Settled episodes are made behind the watermark, from events in order; they
// are what the law speaks of. What is said at once (live.go) comes from the
// same windows, may miss a point (then it is said at the watermark), and never
// changes a settled episode: it gives it its identity, when Options.Emit
// listens, and its document. Where a distinct count needs hundreds of values it
// is looked at every few events of a key, which bounds the cost of one.
//
// # What a restart finds
//
// State is a function of the set of accepted hits and the watermarks, so no
// window is ever written down. With Options.Journal every hit that was taken in
// is stored, once, under rule, time and hash: copies overwrite themselves, and
// what is too old is one range. Restore feeds the hits again, of all rules in
// the order of time, lets watermarks follow up to where each rule's stood, and
// says nothing meanwhile. Storing windows themselves would cost as much for
// every hit, need a format for each kind, and tie a store to a number of
// shards. A dense key costs its hits for as long as its window (about 130 bytes
// each), where its window in memory holds at_least of them.
//
// What does not follow from hits stands beside them. What changed is written by
// Save, or before when it is much, so that Save is short:
//
//   - Open episodes (dedup key: start, id). A replayed point behind the
//     watermark joins only an open one: others are final, and were cut where
//     they were cut. So a replay may begin with less than the whole truth: points
//     that lack older hits belong to what is final.
//   - What was said at once (dedup key: span, id, number, level, count). It is
//     there before the replay begins, which gives it back its points.
//   - Names of points for chains and documents, under the event.
//   - The tables of first_seen, whose memory is long: its hits are journaled only
//     until they are settled, then only its points are. A record stands
//     under the span of time of its last sighting, so that old ones are a range.
//   - Where each rule's watermarks stood. Those of datasets follow from the
//     sources' positions and are the pipeline's.
//
// Horizons: Save drops of each rule's journal what is older than the earliest
// of: its watermark, the start of what is open, the oldest point that a
// sequence it feeds still looks at; less what a point of it looks back
// (rulePlan.back). Takers come before givers.
//
// Keys are made of values as they came, and what is kept is redacted. Where
// redaction changed a hit, the hashes it was filed under are stored with it.
//
// Stored events name slots, datasets and sources by numbers whose meaning is
// stored as a table (an epoch). A process whose tables are the same goes on
// with them, and what it reads is kept as it stands there and not written
// again; else it begins a new one and the old goes with its last hit.
//
// A rule starts empty when its own text, its mode or what follows from them
// changed, or when a rule it takes points from did. Lists and exceptions are
// part of its version and not of this: they are judged at event time, and an
// edit of a list must not forget what a rule has seen for weeks. What such a rule
// had open is named by RestoreReport.Emptied: the caller has what was said of it
// and says that it is over.
//
// # Identity after a crash
//
// What was said after the last Save is in the alert log and not in the store.
// Restore makes of each such alert a living episode without points, a claim:
// points that come again meet its span and go on under its id, number and level,
// so that only news is said. Several claims that a point joins merge, as any
// living ones do. One that was said to be final stays silent. One whose points
// do not come again although the watermark has passed them (a source that lost
// them) is closed as it was last said.
//
// # Decisions on what people see
//
//   - An alert's title and shown values are those of its first point of the
//     highest level, its key those of its first point.
package correlate

// Package window keeps keyed state in event time, one file a kind: what a
// count, a distinct count, a sum, a sequence, a first sighting and an episode
// must remember, and nothing else. It knows neither rules nor the wall clock.
//
// package correlate is its only caller. Nothing here is safe to share: a shard
// owns its windows. All state is plain data (times, hashes, packed events), so
// that a checkpoint can write it down as it stands.
//
// Events come in any order until the watermark passes them; from then on every
// kind sees them once more, settled, in the one order of Event.Before.
package window

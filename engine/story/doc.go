// Package story makes one day of a made-up organisation's logs from a seed: two
// attacks and the normal day around them, as raw records in files, the way a
// folder of collected logs looks. The demo, tests of the whole line and
// benchmarks play it.
//
// Two stories lie in the day, in the same repository of the same owner:
//
//   - the leak: a build prints an AI key into its public log; minutes later
//     strangers use the key until its daily budget is spent many times over;
//   - the foothold: a build pulls a model from a look-alike namespace; its setup
//     script reads the environment and sends it away; the AWS key of that build
//     is then used from elsewhere.
//
// Everything else is normal and includes what looks like an attack and is none:
// each such look-alike stands beside a comment "quiet:" that says why.
//
// The same seed gives the same bytes on every machine; another seed moves times,
// names, addresses and keys. A Story holds only its plan, the logs are made by
// Files. It is not safe for concurrent use. Addresses are those of documentation
// networks and private ones, names are example names, and every key is a fake
// that says so: the word EXAMPLE behind its prefix.
package story

// Package checkpoint keeps what one instance must find again after a restart:
// the alert log, to which every transition is appended before anyone else sees
// it, and the store, a snapshot of state and positions of which every commit
// changes only what is new. The pipeline alone calls it. It has no clock but for
// bounds on waiting, no log and no network: what it repaired, Open returns as
// notes.
//
// # Files
//
//	LOCK, PID               who works here; LOCK falls with its process, a moment later when that was
//	                        killed, so a start waits for it up to 2 s; PID is for people
//	FORMAT                  the version of all other files
//	log/POSITION.log        the alert log: segments, named after the position of their first record
//	store/tables/           the store's tables (pebble)
//	store/wal/POSITION.log  commits that may not be in tables yet, in the format of the alert log
//	backup/NUMBER/          tables of earlier states; the highest number is the newest
//	damaged/                bytes of log and wal that could not be read, the newest 32 pieces
//	store.broken-TIME/      a store that was damaged, the newest 3
//	backup.broken-NUMBER/   a backup that was damaged
//
// Nothing but LOCK, PID, FORMAT, log and store is needed to start. An operator
// may delete damaged, *.broken-* and, at the price of a way back, backup, while
// reflex runs. A folder is copied safely only while it does not.
//
// # Order of truth
//
// The caller appends transitions to the log, then commits state, positions and
// the log's end together, then tells the source. So the log may be ahead of the
// store, by what a crash lets happen again, and is never behind it: every commit
// keeps the log's end, and when Open finds the log shorter than that, it says so
// and goes on behind it, so that no position ever names two records.
//
// Within the store, the wal comes first and the tables follow when they are
// 32 MiB behind. Each commit carries where it ends in the wal; tables are written
// in order, so they always hold a prefix of all commits and say which.
//
// # Recovery
//
// Open reads everything it will rely on: every record of the log and the wal,
// every block of every table.
//
//   - The end of the newest segment is not whole: cut, back to the last whole
//     group. That is what a crash leaves of a write that nobody was told had
//     worked. If it was told (the disk lost it), the store shows it.
//   - Bytes within a segment are damaged, or a segment is gone: they are kept
//     aside and replaced by a hole; reading goes on behind. The note names the
//     positions.
//   - The wal does not continue the tables: the store is whole as of the last
//     commit that does, and the note says what is lost.
//   - A table or the MANIFEST is damaged or gone: the store is set aside and the
//     newest good backup is copied to its place. State and source positions are
//     then older, the work since then is done again, and a repeat has the
//     identity that stands in the log. With no good backup the store starts
//     empty: what is not final yet and all baselines are forgotten, sinks read
//     the log again from its start (a repeat does no harm), and the sources'
//     own commits say where reading goes on.
//   - The disk is full, a permission is missing, the disk gives an I/O error:
//     that is no damage; Open fails and changes nothing.
//
// While it runs, a damaged block that is read gives a Fatal error; the next
// start does the above.
//
// # A full disk
//
// Writing stops with a Temporary error while there is still Options.Reserve
// left, before anything is half done; what runs behind lives on the reserve:
// writing tables fits in it, merging them may not, and is then tried again.
// When the disk is full all the same (others write to it too), an append or
// commit that failed is cut back, so nothing changed. Pebble on its own ends
// the process then: by Logger.Fatalf when a commit or its MANIFEST cannot be
// written, and by unlocking a mutex twice when its write-ahead log cannot be
// closed, which no recover catches. Hence pebble's write-ahead log is off and
// the one here takes its place, and a fence between pebble and the files
// freezes a handle at its first error of the MANIFEST: it still answers reads,
// the next commit opens a new one, and the wal brings that one to where the old
// one was.
//
// # Versions
//
// A folder of an older version is upgraded by Open, one step of the table in
// format.go after the other; a newer one is refused. To change anything on
// disk: raise version, add a step that may be cut short and run again, and a
// test that makes a folder of the old version. Pebble's own format version is
// pinned in handle.go and counts as such a change.
//
// # Non-obvious
//
//   - Backups are not hard links to the store's tables but to each other: a rotten
//     block must not be rotten in both. A backup costs the tables that are new.
//   - A sync that failed is not tried again on the same pages: the kernel may
//     have dropped them. The file is cut to what was synced and written again.
//   - A record's checksum covers its position and a salt of its segment, so
//     neither an old record nor data that looks like one is taken for one.
//   - Checks of the disk's space come before the write, never after.
package checkpoint

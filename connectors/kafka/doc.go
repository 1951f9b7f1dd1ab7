// Package kafka reads logs from Apache Kafka and writes alerts and refused
// records to it.
//
// Source is a member of a consumer group: one goroutine for each partition it
// owns fetches whole batches and queues them; Poll takes them. What is queued or
// handed out and not released is bounded in bytes over all partitions (Buffer),
// so a slow pipeline slows the fetching and nothing else. Positions are
// committed through the generation that owns the partition, never through a
// later one. Range reads a stretch of topics by time, outside any group. Sink
// and DeadLetter write, and return when all in-sync replicas have it.
//
// # Non-obvious
//
//   - The client library's Reader is not used: in a group it commits for
//     partitions that another member owns by now, and its panics cannot be
//     recovered. Its ConsumerGroup takes a failed look-up of a committed position
//     for "there is none", so positions are looked up here once more.
//   - A generation ends when one of its functions returns. A partition in
//     trouble therefore waits and tries again; it never returns.
//   - While a generation ends no heartbeat is sent any more. A repeated commit
//     keeps the member alive, so that the pipeline can store what it was handed.
//   - The library stops for ever at, or panics on, what the log cleaner leaves in
//     a compacted topic. Compacted topics are refused; what looks like one of
//     these layouts all the same is said, and stepped over only if skip_stuck says so.
//   - It hands out the markers that end a transaction as if they were records:
//     they are known by their shape, counted and left out. Records of aborted
//     transactions cannot be told apart and are read: the marker comes after
//     them, and of the list of aborts in every answer nothing is left.
//   - Nothing in the library's requests tells a topic from one that was made
//     anew under its name. So each connection compares the record before the
//     position with the one that was read: one more fetch, of one batch.
//   - An answer whose high watermark is what was asked for counts as empty, even
//     when records are in it, as happens when they come while the broker answers.
//     The connection is then out of step, and a new one reads them.
//   - A record batch is decompressed as a whole before its first record can be
//     read: Buffer does not bound that. max.message.bytes on the topic does, and
//     unpack.go, for what is small only as long as it is packed.
package kafka

// Package secret finds secrets in text, gives each an identity and overwrites
// it. It knows no other station: decode calls it on build text, on every
// document that becomes evidence and on whatever is refused; `reflex secrets
// scan` calls it on files.
//
// A Scanner is built once, is immutable and safe to share. A Scan is the
// scratch of one goroutine; its methods neither keep the text nor allocate when
// the text is clean.
//
// # How a text is read
//
// One automaton walks the bytes once, upper and lower case alike, and stops at
// the keywords of the formats (table.go). A stop costs a look by the format's
// own matcher: alphabet, length, marker, checksum, else entropy. What the text
// hides is decoded and read the same way, so that a finding always carries the
// span of the encoded form in the text as given:
//
//	JSON and C escapes    \u0067hp_.., https:\/\/.., quotes escaped again and again (three levels)
//	percent               ghp%5F.. (two levels)
//	base64, base64url     at any place in a run of its letters, padded or not,
//	                      wrapped into lines or not (two levels)
//	hex                   pairs of digits
//	colour codes          a token that is cut by ESC[..m
//
// Decoders nest in any order up to five deep. Base64 and hex are decoded only
// where at least fifteen bytes of plain text come out, which pictures and
// digests never give; the test for that costs a fraction of a byte's look.
// All work is bounded by a constant per byte: every matcher has a longest
// length, and a decoder gives less text than it takes.
//
// # What is not a finding
//
// Masked values (***), placeholders (xxxx, <your key>, ${KEY}), sequences
// (12345678, abcdefgh), documentation samples (a value that ends in EXAMPLE or
// EXAMPLEKEY), digests, UUIDs and anything with too little entropy for its
// format. An AWS access key id alone is no secret; it becomes the principal of
// the secret found beside it.
//
// # Fake keys
//
// The project's own stories and tests need keys that every reader sees to be
// fake and that the formats still match. Their convention: the word EXAMPLE
// stands at the front, directly behind the format's prefix (sk-ant-api03-EXAMPLE..,
// ghp_EXAMPLE.., ASIAEXAMPLE..); alphabets without those letters begin with
// fa4efa4e; in a format that is itself an encoding (jwt, bedrock_key, basic_auth)
// the word is inside. The rest is random and the checksum is right. Fake makes
// them, Canaries plants them, and a Watch looks for them in outputs.
// Since documentation puts the word at the end, the two are told apart.
//
// # Identity
//
// Fingerprint is the first 32 hex digits of HMAC-SHA-256 over the value, with
// the installation's key, or with a public one where none is given. All encoded
// forms of a secret have one fingerprint: it is taken from the decoded value;
// of a private key from its base64 body without line ends; of a connection
// string from the password alone, percent escapes resolved.
package secret

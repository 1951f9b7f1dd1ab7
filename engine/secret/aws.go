package secret

import (
	"bytes"
	"encoding/base64"
	"sort"
)

// accessKeyIDs begin the ids of AWS access keys. An id is no secret.
var accessKeyIDs = []string{"AKIA", "ASIA", "ABIA", "ACCA"}

const (
	idLen      = 20
	secretLen  = 40
	nearLines  = 5
	nearBytes  = 2048
	afterWords = 24 // bytes between a name and its value
)

type accessKeyID struct{ start, end int }

// accessKeyID remembers an id for the secrets near it.
func (c *Scan) accessKeyID(t []byte, at, end int) {
	stop := at + idLen
	if stop > len(t) || !upnum.all(t[at:stop]) || !free(t, at) || stop < len(t) && words[t[stop]] ||
		bytes.HasSuffix(t[:stop], []byte("EXAMPLE")) {
		return
	}
	c.ids = append(c.ids, accessKeyID{at, stop})
	c.last = [idLen]byte(t[at:stop])
	c.seen = true
}

// AccessKeyID gives the last AWS access key id in the text of the latest call,
// also where no secret was found; "" if there was none. Whoever reads a log
// line by line keeps it for the secret that follows: a finding of format
// aws_secret_key without principal belongs to the id at most five lines away.
func (c *Scan) AccessKeyID() string {
	if !c.seen {
		return ""
	}
	return string(c.last[:])
}

// pairs joins ids and secrets of one view: secrets found by name get the
// nearest id, and what looks like a secret near an id is one.
func (c *Scan) pairs(t []byte, first, firstID int) {
	ids := c.ids[firstID:]
	done := 0
	for _, id := range ids {
		from, to := near(t, id)
		for i := max(from, done); i < to; {
			if !slashed[t[i]] {
				i++
				continue
			}
			stop := slashed.run(t, i, len(t))
			if stop-i == secretLen && apart(t, i, stop) && awsSecret(t, i, stop) {
				f := found{start: i, end: stop, row: awsSecretRow}
				c.identify(t, &f)
				c.found = append(c.found, f)
			}
			i = stop
			done = i
		}
		done = max(done, to)
	}
	for k := first; k < len(c.found); k++ {
		f := &c.found[k]
		if f.row != awsSecretRow {
			continue
		}
		n := sort.Search(len(ids), func(i int) bool { return ids[i].start > f.start })
		best := nearBytes + 1
		for _, id := range ids[max(0, n-1):min(len(ids), n+1)] {
			gap := t[min(id.end, f.start):max(id.end, f.start)]
			if len(gap) < best && bytes.Count(gap, []byte{'\n'}) <= nearLines {
				best = len(gap)
				f.principal = string(t[id.start:id.end])
			}
		}
	}
}

// near gives the five lines before and after an id, within bounds, beginning
// where no candidate is cut.
func near(t []byte, id accessKeyID) (from, to int) {
	from = max(0, id.start-nearBytes)
	for i, n := id.start-1, 0; i >= from; i-- {
		if t[i] == '\n' {
			if n++; n > nearLines {
				from = i + 1
				break
			}
		}
	}
	for from > 0 && from < id.start && slashed[t[from-1]] && slashed[t[from]] {
		from++
	}
	to = min(len(t), id.end+nearBytes)
	for i, n := id.end, 0; i < to; i++ {
		if t[i] == '\n' {
			if n++; n > nearLines {
				to = i
				break
			}
		}
	}
	return from, to
}

// apart says that no longer name holds t[i:stop], as the name of a file or host
// might; a sentence may end behind it.
func apart(t []byte, i, stop int) bool {
	if stop < len(t) && (t[stop] == '-' || t[stop] == '_' || t[stop] == '.') && stop+1 < len(t) && slashed[t[stop+1]] {
		return false
	}
	return i == 0 || t[i-1] != '-' && t[i-1] != '_' && t[i-1] != '.' && t[i-1] != '\\'
}

// awsSecret says that the forty letters t[i:stop] look like a secret key.
func awsSecret(t []byte, i, stop int) bool {
	b := t[i:stop]
	return bytes.Count(b, []byte("/")) <= 6 && mixed(b) && !sample(b) && random(b, 64)
}

// namedAWSSecret matches the value behind a name like aws_secret_access_key.
func namedAWSSecret(c *Scan, t []byte, at, end int) (found, bool) {
	i, stop, ok := assigned(t, end, slashed, secretLen)
	if !ok || !awsSecret(t, i, stop) {
		return found{}, false
	}
	return found{start: i, end: stop}, true
}

// assigned finds the value of exactly n letters behind a name that ends at i.
func assigned(t []byte, i int, body *class, n int) (from, to int, ok bool) {
	from = between.run(t, i, i+afterWords)
	if from == i {
		return 0, 0, false
	}
	to = body.run(t, from, from+n+1)
	return from, to, to-from == n
}

// bedrockLong matches a long-term Bedrock key: the base64 behind ABSK begins
// with the name of an IAM user.
func bedrockLong(c *Scan, t []byte, at, end int) (found, bool) {
	stop := slashed.run(t, end, end+400)
	if string(t[at:end]) != "ABSK" || !free(t, at) || stop-end < 60 || bedrockUser(t[at:stop]) == "" {
		return found{}, false
	}
	for pad := 0; pad < 2 && stop < len(t) && t[stop] == '='; pad++ {
		stop++
	}
	return found{start: at, end: stop, head: 4}, true
}

// bedrockUser gives BedrockAPIKey-xxxx, the IAM user of a long-term key.
func bedrockUser(v []byte) string {
	var b [72]byte
	v = v[4:min(len(v), 4+96)]
	n, _ := base64.RawStdEncoding.Decode(b[:], v[:len(v)/4*4])
	name := b[:n]
	if k := bytes.IndexByte(name, ':'); k > 0 {
		name = name[:k]
	}
	if k := bytes.Index(name, []byte("-at-")); k > 0 {
		name = name[:k]
	}
	if len(name) > 64 || !bytes.HasPrefix(name, []byte("BedrockAPIKey-")) || !bytesIn(lowers, uppers, digits, "-_").all(name) {
		return ""
	}
	return string(name)
}

// bedrockShort matches a short-term Bedrock key: a presigned URL in base64.
func bedrockShort(c *Scan, t []byte, at, end int) (found, bool) {
	stop := base64s.run(t, end, end+8192)
	head := []byte("bedrock.amazonaws.com") // in base64 28 letters
	var b [21]byte
	if stop-end < 100 || string(t[at:end]) != "bedrock-api-key-" {
		return found{}, false
	}
	if n, _ := base64.RawStdEncoding.Decode(b[:], t[end:end+28]); n != len(head) || !bytes.Equal(b[:], head) {
		return found{}, false
	}
	for pad := 0; pad < 2 && stop < len(t) && t[stop] == '='; pad++ {
		stop++
	}
	return found{start: at, end: stop, head: end - at}, true
}

// bedrockSession gives the session's access key id inside a short-term key.
func bedrockSession(v []byte) string {
	v = bytes.TrimRight(v[len("bedrock-api-key-"):], "=")
	b := make([]byte, base64.RawStdEncoding.DecodedLen(len(v)))
	n, _ := base64.RawStdEncoding.Decode(b, v)
	b = b[:n]
	name := []byte("X-Amz-Credential=")
	k := bytes.Index(b, name)
	if k < 0 || k+len(name)+idLen > len(b) {
		return ""
	}
	b = b[k+len(name):][:idLen]
	if !upnum.all(b) {
		return ""
	}
	return string(b)
}

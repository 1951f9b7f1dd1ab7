package decode

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/seed-843b225c/reflex/engine/secret"
)

// stateVersion is the format of what Save writes. A reader refuses newer ones.
const stateVersion = 1

// sealer makes saved state unreadable without the installation's key. A line
// that is not complete may hold a secret, or half of one, that nobody can find
// before the rest comes; overwriting what is found so far would lose the whole
// one after a restart, and where to read again would have to be remembered and
// still be there. So an entry is sealed as a whole, and whoever has the store
// and not the key has nothing, not even the names of images and hosts.
//
//	entry = version, 4 bytes telling keys apart, AES-256-GCM(nonce, entry's plain bytes, tag)
//
// Each entry has a key of its own, made of its name: no key comes near the
// 2^32 random nonces that one may have, and no value opens under another name.
type sealer struct {
	mac  hash.Hash
	scan *secret.Scan
	head [5]byte
	sum  [sha256.Size]byte
}

func newSealer(s *secret.Scanner) *sealer {
	l := &sealer{mac: hmac.New(sha256.New, s.Subkey("memory of decoders")), scan: s.NewScan()}
	l.head[0] = stateVersion
	copy(l.head[1:], l.derive("which key", ""))
	return l
}

// derive gives 32 bytes, valid until the next call.
func (l *sealer) derive(use, of string) []byte {
	l.mac.Reset()
	l.mac.Write(bytesOf(use))
	l.mac.Write(between)
	l.mac.Write(bytesOf(of))
	return l.mac.Sum(l.sum[:0])
}

// nameLimit is how much of a job's key stands in its name.
const nameLimit = 128

// name gives what a job is saved under: its key for people, secrets
// overwritten and cut, and a keyed hash of all of it. Keys are made of labels
// and paths, where anything may stand.
func (l *sealer) name(key string) string {
	hash := hex.EncodeToString(l.derive("name", key)[:8])
	shown := l.scan.Redact(key)
	return strings.Clone(shown[:min(len(shown), nameLimit)]) + "#" + hash
}

func (l *sealer) aead(name string) cipher.AEAD {
	block, err := aes.NewCipher(l.derive("entry", name))
	if err != nil {
		panic("decode: " + err.Error()) // 32 bytes are a key
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("decode: " + err.Error()) // made by crypto/aes
	}
	return gcm
}

// close appends the entry of a name.
func (l *sealer) close(dst []byte, name string, plain []byte) []byte {
	dst = append(dst, l.head[:]...)
	return l.aead(name).Seal(dst, nil, plain, l.head[:])
}

var errDamaged = errors.New("its saved bytes are damaged; restore the store from a copy, or start with an empty one: what its unfinished lines tell is lost then")

// open appends the plain bytes of an entry.
func (l *sealer) open(dst []byte, name string, entry []byte) ([]byte, error) {
	n := len(l.head)
	switch {
	case len(entry) < n || entry[0] == 0:
		return dst, errDamaged
	case entry[0] > stateVersion:
		return dst, fmt.Errorf("it was saved in format %d by a newer version, this one reads formats up to %d; start the newer version", entry[0], stateVersion)
	case string(entry[1:n]) != string(l.head[1:]):
		return dst, errors.New("it was saved under another fingerprint key; start with that key, or with an empty store")
	}
	dst, err := l.aead(name).Open(dst, nil, entry[n:], entry[:n])
	if err != nil {
		return dst, errDamaged
	}
	return dst, nil
}

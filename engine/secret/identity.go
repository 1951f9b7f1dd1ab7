package secret

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// Subkey derives 32 bytes for another use from the installation's key. Both
// directions are closed: a subkey tells nothing about the key or another
// subkey, and no text that somebody gets into a log has one as its fingerprint,
// because HKDF takes the key as the message, not as the key, of its first HMAC.
// Without an installation key a subkey is as public as the key; see Private.
func (s *Scanner) Subkey(use string) []byte {
	k, err := hkdf.Key(sha256.New, s.key, []byte("reflex subkeys"), use, sha256.Size)
	if err != nil {
		panic("secret: " + err.Error()) // one block of SHA-256 is never too long
	}
	return k
}

// Private says that the installation has a key of its own.
func (s *Scanner) Private() bool { return s.private }

// identify takes from the value all that outlives it.
func (c *Scan) identify(t []byte, f *found) {
	v := t[f.start:f.end]
	r := &c.s.rows[f.row]
	if r.principal != nil && f.principal == "" {
		f.principal = r.principal(v)
	}
	if f.hint == "" {
		if f.head > 0 {
			f.prefix = string(v[:min(f.head+3, len(v)/3+f.head)])
		}
		f.suffix = string(v[len(v)-4:])
		f.hint = f.prefix + "..." + f.suffix
	}
	if f.value != nil {
		v = f.value
	}
	c.mac.Reset()
	c.mac.Write(v)
	c.digest = c.mac.Sum(c.digest[:0])
	copy(f.sum[:], c.digest)
	f.value = nil
}

// sha256Hex is how LiteLLM names a virtual key.
func sha256Hex(v []byte) string {
	h := sha256.Sum256(v)
	return hex.EncodeToString(h[:])
}

// sha256Base64 is hashed_token of GitHub's audit log.
func sha256Base64(v []byte) string {
	h := sha256.Sum256(v)
	return base64.StdEncoding.EncodeToString(h[:])
}

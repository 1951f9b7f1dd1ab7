package pipeline

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/seed-843b225c/reflex/engine"
)

// sealedStations are the stations, by the first byte of their keys, that store
// values as they were logged: hits are judged by them, and a secret may stand in
// a user's or a branch's name. Their values are sealed, so the store holds
// nothing readable of them without the installation's key. The others store
// what is overwritten already, or seal it themselves (decode).
const sealedStations = "cj"

// vault seals values.
//
//	sealed = version, 4 bytes telling keys apart, salt, AES-256-GCM(nonce, value, tag) with the store's key as additional data
//
// A salt is good for one process and 2^31 values, so no key comes near the 2^32
// random nonces that one may have.
type vault struct {
	master []byte
	id     [4]byte
	salt   [saltSize]byte
	sealer cipher.AEAD
	used   int
	known  map[[saltSize]byte]cipher.AEAD
	buf    []byte
}

const (
	sealVersion = 1
	saltSize    = 8
	sealHead    = 1 + 4 + saltSize
	saltLife    = 1 << 31
)

// newVault makes the vault of a key (Parts.Key); nil without one.
func newVault(key []byte) *vault {
	if key == nil {
		return nil
	}
	v := &vault{master: key, known: map[[saltSize]byte]cipher.AEAD{}, used: saltLife}
	copy(v.id[:], v.derive("which key", nil))
	return v
}

func (v *vault) derive(use string, salt []byte) []byte {
	m := hmac.New(sha256.New, v.master)
	m.Write([]byte(use))
	m.Write(salt)
	return m.Sum(nil)
}

func (v *vault) aead(salt [saltSize]byte) cipher.AEAD {
	if a, ok := v.known[salt]; ok {
		return a
	}
	block, err := aes.NewCipher(v.derive("state", salt[:]))
	if err != nil {
		panic("pipeline: " + err.Error()) // 32 bytes are a key
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("pipeline: " + err.Error()) // made by crypto/aes
	}
	v.known[salt] = a
	return a
}

// seal gives the sealed value, valid until the next call.
func (v *vault) seal(key, value []byte) []byte {
	if v.used++; v.used > saltLife {
		rand.Read(v.salt[:])
		v.sealer, v.used = v.aead(v.salt), 1
	}
	b := append(v.buf[:0], sealVersion)
	b = append(append(b, v.id[:]...), v.salt[:]...)
	v.buf = v.sealer.Seal(b, nil, value, key)
	return v.buf
}

// open gives the value behind a sealed one.
func (v *vault) open(key, sealed []byte) ([]byte, error) {
	switch {
	case len(sealed) < sealHead:
		return nil, errors.New("a stored value is cut short")
	case sealed[0] != sealVersion:
		return nil, fmt.Errorf("a stored value has format %d, and this Reflex knows %d: it is of a newer one", sealed[0], sealVersion)
	case !bytes.Equal(sealed[1:5], v.id[:]):
		return nil, errors.New("the state was stored under another fingerprint key: set that one")
	}
	var salt [saltSize]byte
	copy(salt[:], sealed[5:])
	plain, err := v.aead(salt).Open(nil, nil, sealed[sealHead:], key)
	if err != nil {
		return nil, errors.New("a stored value is damaged")
	}
	return plain, nil
}

// opened reads what a vault sealed.
type opened struct {
	engine.Loader
	vault *vault
}

// unsealed gives a Loader that opens what the sealed stations stored.
func unsealed(l engine.Loader, v *vault) engine.Loader {
	if v == nil {
		return l
	}
	return opened{l, v}
}

func (o opened) Get(key []byte) ([]byte, bool, error) {
	sealed, ok, err := o.Loader.Get(key)
	if err != nil || !ok {
		return nil, ok, err
	}
	value, err := o.vault.open(key, sealed)
	return value, err == nil, err
}

func (o opened) Scan(from, to []byte, f func(key, value []byte) error) error {
	return o.Loader.Scan(from, to, func(key, sealed []byte) error {
		value, err := o.vault.open(key, sealed)
		if err != nil {
			return err
		}
		return f(key, value)
	})
}

func (o opened) Cursor(from, to []byte) (engine.Cursor, error) {
	c, err := o.Loader.Cursor(from, to)
	if err != nil {
		return nil, err
	}
	return &openedCursor{Cursor: c, vault: o.vault}, nil
}

type openedCursor struct {
	engine.Cursor
	vault *vault
	value []byte
	err   error
}

func (c *openedCursor) Next() bool {
	if c.err != nil || !c.Cursor.Next() {
		return false
	}
	c.value, c.err = c.vault.open(c.Cursor.Key(), c.Cursor.Value())
	return c.err == nil
}

func (c *openedCursor) Value() []byte { return c.value }

func (c *openedCursor) Close() error { return errors.Join(c.err, c.Cursor.Close()) }

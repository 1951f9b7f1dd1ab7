package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Headers of a signed request. The signature is "v1=" and, in hexadecimal, the
// HMAC-SHA-256 with the shared secret over the timestamp, a dot and the body.
const (
	HeaderTimestamp = "Reflex-Timestamp" // Unix seconds when it was sent
	HeaderSignature = "Reflex-Signature"
)

func sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Verify is for receivers: it reports whether a request with these headers and
// this body was signed with the secret, at most tolerance from now. An old
// request that somebody sends again is refused by its time.
func Verify(secret string, h http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	stamp := h.Get(HeaderTimestamp)
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("the request has no valid " + HeaderTimestamp)
	}
	if !hmac.Equal([]byte(sign(secret, stamp, body)), []byte(h.Get(HeaderSignature))) {
		return errors.New("the signature does not fit: another secret, or a body that was changed")
	}
	if age := now.Sub(time.Unix(at, 0)); age > tolerance || age < -tolerance {
		return errors.New("the request was signed at another time: an old one sent again, or clocks differ")
	}
	return nil
}

package secret

import "hash/crc32"

const base62 = digits + uppers + lowers

// sum62 writes the CRC-32 of body in base 62, six digits, as GitHub and npm
// append it to their tokens.
func sum62(out *[6]byte, body []byte) {
	n := crc32.ChecksumIEEE(body)
	for i := 5; i >= 0; i-- {
		out[i] = base62[n%62]
		n /= 62
	}
}

// crcTail says that the last six bytes are the checksum of those before.
func crcTail(body []byte) bool {
	if len(body) < 7 {
		return false
	}
	var sum [6]byte
	n := len(body) - 6
	sum62(&sum, body[:n])
	return string(sum[:]) == string(body[n:])
}

// sealTail writes that checksum, for fakes.
func sealTail(body []byte) {
	var sum [6]byte
	n := len(body) - 6
	sum62(&sum, body[:n])
	copy(body[n:], sum[:])
}

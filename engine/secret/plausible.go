package secret

import (
	"bytes"
	"math"
)

// entropy is Shannon's, in bits a byte.
func entropy(t []byte) float64 {
	var n [256]int
	for _, b := range t {
		n[b]++
	}
	h, all := 0.0, float64(len(t))
	for _, k := range n {
		if k > 0 {
			p := float64(k) / all
			h -= p * math.Log2(p)
		}
	}
	return h
}

// random says that a body looks drawn at random from an alphabet of the given
// size: three quarters of the entropy that its length allows.
func random(t []byte, size int) bool {
	return entropy(t) >= 0.75*math.Log2(float64(min(len(t), size)))
}

// mixed says that a text has upper case, lower case and digits, or changes
// case all the time: what words, paths and digests seldom do.
func mixed(t []byte) bool {
	var up, low, num, turns int
	last := byte(0)
	for _, b := range t {
		was := last
		switch {
		case 'A' <= b && b <= 'Z':
			up++
			last = 'A'
		case 'a' <= b && b <= 'z':
			low++
			last = 'a'
		case '0' <= b && b <= '9':
			num++
			continue
		default:
			continue
		}
		if was != 0 && was != last {
			turns++
		}
	}
	return up >= 2 && low >= 2 && (num >= 1 || turns >= 5)
}

// placeholders are words that stand where a value should be.
var placeholders = [][]byte{
	[]byte("xxxx"), []byte("your"), []byte("placeholder"), []byte("redacted"),
	[]byte("changeme"), []byte("insert"), []byte("dummy"), []byte("masked"),
	[]byte("hidden"), []byte("...."), []byte("----"), []byte("____"),
}

// sample says that a body is a placeholder or a value from documentation.
func sample(t []byte) bool {
	if bytes.HasSuffix(t, []byte("EXAMPLE")) || bytes.HasSuffix(t, []byte("EXAMPLEKEY")) {
		return true
	}
	same, up := 1, 1
	for i := 1; i < len(t); i++ {
		if t[i] == t[i-1] {
			same++
		} else {
			same = 1
		}
		if t[i] == t[i-1]+1 {
			up++
		} else {
			up = 1
		}
		if same >= 6 || up >= 7 {
			return true
		}
	}
	if len(t) > 128 {
		return false // long random values hold short words by chance
	}
	for _, w := range placeholders {
		if containsFold(t, w) {
			return true
		}
	}
	return false
}

// containsFold looks for a lower-case word, whatever the case of the text.
func containsFold(t, word []byte) bool {
	for i := 0; i+len(word) <= len(t); i++ {
		k := 0
		for k < len(word) && fold(t[i+k]) == word[k] {
			k++
		}
		if k == len(word) {
			return true
		}
	}
	return false
}

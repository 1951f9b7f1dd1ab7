package engine

import (
	"encoding/json"
	"fmt"
)

// Hidden is a configured secret: a token, a password, a signing key. However it
// is printed, logged or marshalled it shows as stars; only Reveal gives it.
type Hidden string

const stars = "****"

// Reveal gives the secret itself, for the call that sends it.
func (h Hidden) Reveal() string { return string(h) }

// String gives stars, or "" when nothing is set, so that a missing secret shows.
func (h Hidden) String() string {
	if h == "" {
		return ""
	}
	return stars
}

// Format gives stars under every verb, %x and %#v too.
func (h Hidden) Format(f fmt.State, verb rune) { _, _ = f.Write([]byte(h.String())) }

// MarshalText gives stars to encoders; a printed configuration holds no secret.
func (h Hidden) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// MarshalJSON gives stars to encoding/json.
func (h Hidden) MarshalJSON() ([]byte, error) { return json.Marshal(h.String()) }

// MarshalYAML gives stars to YAML.
func (h Hidden) MarshalYAML() (any, error) { return h.String(), nil }

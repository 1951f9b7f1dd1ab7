package decode

import (
	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// textScan finds the secrets of a line and overwrites them.
type textScan struct {
	scan  *secret.Scan
	found []secret.Finding
}

// overwriteRounds bounds how often a line is read again: a star can set free a
// token that stood glued to another.
const overwriteRounds = 8

// clean finds and overwrites. keyID is the AWS access key id that the line
// shows, with or without its secret.
func (s *textScan) clean(text []byte) (found []secret.Finding, keyID string) {
	first := s.scan.Find(text)
	keyID = s.scan.AccessKeyID()
	if len(first) == 0 {
		return nil, keyID
	}
	s.found = append(s.found[:0], first...)
	for round := range overwriteRounds {
		if round > 0 {
			first = s.scan.Find(text)
			s.found = append(s.found, first...)
		}
		if len(first) == 0 {
			break
		}
		for i := range first {
			for k := first[i].Start; k < first[i].End; k++ {
				if text[k] != '\n' {
					text[k] = '*'
				}
			}
		}
	}
	return s.found, keyID
}

// keyLines is how far below an access key id its secret may stand.
const keyLines = 5

// secrets tells secret.exposed for each secret of the line at hand, once in a
// step. An AWS secret belongs to the access key id shown a few lines above it.
func (t *textDecoder) secrets(j *textJob, found []secret.Finding, keyID string) {
	j.reads++
	if keyID != "" {
		j.keyID, j.keyRead = keyID, j.reads
	}
	for i := range found {
		f := &found[i]
		if f.Format == "aws_secret_key" && f.Principal == "" && j.keyID != "" && j.reads-j.keyRead <= keyLines {
			f.Principal = j.keyID
		}
		if !t.news(j, "secret", f.Fingerprint) {
			continue
		}
		t.begin()
		t.str(fSecretKind, f.Kind)
		t.str(fSecretFormat, f.Format)
		t.str(fSecretProvider, f.Provider)
		t.str(fSecretHint, f.Hint)
		t.str(fSecretFingerprint, f.Fingerprint)
		t.str(fSecretPrincipal, f.Principal)
		t.str(fSecretEncoding, f.Encoding)
		t.lineID(j) // of the whole line, before only its part around the secret is shown
		whole := t.text
		if from := f.Start - messageLimit/2; f.End > messageLimit && from > 0 && from < len(whole) {
			for from < len(whole) && whole[from]&0xc0 == 0x80 { // not inside a character
				from++
			}
			t.text = whole[from:]
		}
		t.emit(j, secretExposed)
		t.text = whole
	}
}

var (
	fSecretKind        = engine.MustField("secret.kind")
	fSecretFormat      = engine.MustField("secret.format")
	fSecretProvider    = engine.MustField("secret.provider")
	fSecretHint        = engine.MustField("secret.hint")
	fSecretFingerprint = engine.MustField("secret.fingerprint")
	fSecretPrincipal   = engine.MustField("secret.principal")
	fSecretEncoding    = engine.MustField("secret.encoding")
)

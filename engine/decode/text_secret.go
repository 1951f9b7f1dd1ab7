package decode

import "github.com/seed-843b225c/reflex/engine"

// textFinding is a secret in a line; see secret.Finding.
type textFinding struct {
	kind, format, provider, hint, encoding, fingerprint, principal string
	start, end                                                     int
}

// textScan finds secrets.
type textScan struct{}

func newTextScan(*Plan) textScan { return textScan{} }

func (s *textScan) find(dst []textFinding, text []byte) []textFinding { return dst }

// secrets tells secret.exposed for each secret of the line at hand, once in a step.
func (t *textDecoder) secrets(j *textJob) {
	for i := range t.finds {
		f := &t.finds[i]
		if !j.step.seen.add("secret", f.fingerprint) {
			continue
		}
		t.begin()
		t.str(fSecretKind, f.kind)
		t.str(fSecretFormat, f.format)
		t.str(fSecretProvider, f.provider)
		t.str(fSecretHint, f.hint)
		t.str(fSecretFingerprint, f.fingerprint)
		t.str(fSecretPrincipal, f.principal)
		t.str(fSecretEncoding, f.encoding)
		whole := t.text
		t.lineID(j) // of the whole line, before only its part around the secret is shown
		if from := f.start - messageLimit/2; f.end > messageLimit && from > 0 && from < len(whole) {
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

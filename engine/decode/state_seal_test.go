package decode

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-843b225c/reflex/engine"
	"github.com/seed-843b225c/reflex/engine/secret"
)

// plantings are ways for a secret, or a part of one, to wait in a job's memory
// or to stand in what it is called.
func plantings(text string) map[string][]engine.Record {
	half := len(text) / 2
	const stamp = "2026-03-02T10:11:53.4400000Z "
	lines := map[string]string{
		"a backslash":          stamp + "curl -H 'x: " + text + ` \`,
		"half and a backslash": stamp + "curl -H 'x: " + text[:half] + `\`,
		"a cut line":           stamp + "stdout P " + text,
		"half a cut line":      stamp + "stdout P key " + text[:half],
		"a GitLab line":        stamp + "00O " + text,
		"an open key":          stamp + "-----BEGIN PRIVATE KEY-----\n" + stamp + strings.ReplaceAll(text, "\n", "\n"+stamp),
		"a base64 block":       strings.Join(wrap(base64Of(base64Of("here is more text, so that lines are full, and then the key: "+text)), 76), "\n"),
		"a line that is read":  stamp + "##[group]Run deploy --key " + strings.ReplaceAll(text, "\n", " "),
		"the environment":      stamp + "PATH=/bin\n" + stamp + "MODEL=" + text + "\n" + stamp + "CI=1",
		"a command":            stamp + "hf download example-org/model --token " + text + "\n" + stamp + "git clone https://x:" + text + "@huggingface.co/a/b " + text,
		"what names the job":   stamp + "Current runner version: '" + text + "'\n" + stamp + "Runner name: '" + text + "'",
	}
	out := map[string][]engine.Record{}
	for name, l := range lines {
		out[name] = kafka("9001", strings.Split(l, "\n")...)
	}
	at := inJSON(text)
	out["a Kafka key"] = kafka(text, stamp+"x")
	out["headers"] = kafka("", stamp+"x")
	out["headers"][0].Headers = []engine.Header{{Key: "ci.run.id", Value: "7001"}, {Key: "ci.job", Value: text}, {Key: "runner_name", Value: text}}
	for label := range labelNames {
		out["label "+label] = kafka("", fmt.Sprintf(`{"@timestamp":"2026-03-02T10:15:00Z","ci":{"run_id":"7001"},%q:"%s","message":"%sx"}`, label, at, stamp))
	}
	return out
}

// Nobody who has the store and not the key reads a secret in it, whole or half.
func TestNoSavedStateHoldsACanary(t *testing.T) {
	cs := secret.Canaries(21)
	w, p := secret.NewWatch(cs), keptPlan(t, engine.NewLayout())
	held, entries := 0, 0
	for i, c := range cs {
		for k, plant := range c.Plants {
			n := 0
			for where, recs := range plantings(plant.Text) {
				if n++; strings.HasPrefix(where, "label ") && (n+i+k)%7 != 0 {
					continue
				}
				d, s := p.NewDecoder(), store{}
				for i := range recs {
					decodeAll(d, recs[i:i+1], &transcript{})
					d.Save(s, prefix)
				}
				if t := d.buildText(); t != nil {
					for _, j := range t.mem.jobs {
						if w.Leak(j.bytes()) != "" {
							held++
						}
					}
				}
				for key, entry := range s {
					entries++
					for what, b := range map[string]string{"key": key, "entry": entry} {
						if leak := w.Leak([]byte(b)); leak != "" {
							t.Errorf("%s, %s, in %s: the %s shows %s", c.Format, plant.Encoding, where, what, leak)
						}
					}
				}
			}
		}
	}
	t.Logf("%d entries; %d times a job's memory itself held a part of a secret", entries, held)
	if held < 100 {
		t.Error("hardly any memory held a secret: the test shows nothing")
	}
}

// savedJob is the state of a decoder with one job, of key "9001".
func savedJob(t *testing.T) (s store, job string) {
	t.Helper()
	d := keptPlan(t, engine.NewLayout()).NewDecoder()
	decodeAll(d, kafka("9001", stamped("Current runner version: '1'", "##[group]Run x", `curl \`)), &transcript{})
	s = store{}
	d.Save(s, prefix)
	for k := range s {
		if strings.Contains(k, "9001") {
			job = k
		}
	}
	if job == "" || len(s) != 2 {
		t.Fatalf("%d entries", len(s))
	}
	return s, job
}

// refuses says why a state cannot be restored.
func refuses(t *testing.T, secrets *secret.Scanner, s store) string {
	t.Helper()
	p, err := NewPlan(engine.NewLayout(), Options{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	err = p.NewDecoder().Restore(s, prefix)
	if err == nil {
		return ""
	}
	if engine.KindOf(err) != engine.Fatal {
		t.Errorf("%v: is of kind %v", err, engine.KindOf(err))
	}
	return err.Error()
}

func TestDamagedStateIsRefused(t *testing.T) {
	whole, job := savedJob(t)
	if why := refuses(t, installation, whole); why != "" {
		t.Fatal(why)
	}
	for entry := range whole {
		bad := func(what, value string) {
			t.Helper()
			s := store{}
			for k, v := range whole {
				s[k] = v
			}
			s[entry] = value
			why := refuses(t, installation, s)
			if why == "" || entry == job && !strings.Contains(why, "9001") || strings.Contains(why, "%!") {
				t.Errorf("%q, %s: %q", entry, what, why)
			}
		}
		v := whole[entry]
		for n := range v {
			bad(fmt.Sprintf("cut to %d bytes", n), v[:n])
			for bit := range 8 {
				b := []byte(v)
				b[n] ^= 1 << bit
				bad(fmt.Sprintf("bit %d of byte %d turned", bit, n), string(b))
			}
		}
		bad("a byte more", v+"x")
	}
	moved := store{job + "0": whole[job]}
	if why := refuses(t, installation, moved); !strings.Contains(why, "damaged") {
		t.Errorf("under another name: %q", why)
	}
}

func TestStateOfOthersIsRefused(t *testing.T) {
	s, job := savedJob(t)
	for _, tt := range []struct {
		what    string
		secrets *secret.Scanner
		version byte
		want    string
	}{
		{"another key", secret.New(secret.Options{Key: []byte("a key of another installation")}), stateVersion, "another fingerprint key"},
		{"no key", nil, stateVersion, "needs a fingerprint key"},
		{"a newer version", installation, stateVersion + 1, fmt.Sprintf("format %d by a newer version", stateVersion+1)},
		{"no version", installation, 0, "damaged"},
	} {
		b := []byte(s[job])
		b[0] = tt.version
		s[job] = string(b)
		if why := refuses(t, tt.secrets, s); !strings.Contains(why, tt.want) {
			t.Errorf("%s: %q", tt.what, why)
		}
	}
}

// brokenStore cannot be read.
type brokenStore struct{ store }

var errStore = &engine.Error{Kind: engine.Temporary, Err: errors.New("the disk is busy")}

func (brokenStore) Scan([]byte, []byte, func(key, value []byte) error) error { return errStore }

func TestRestoreGivesTheStoresError(t *testing.T) {
	err := keptPlan(t, engine.NewLayout()).NewDecoder().Restore(brokenStore{}, prefix)
	if !errors.Is(err, errStore) || engine.KindOf(err) != engine.Temporary {
		t.Error(err)
	}
}

// Without a key of the installation's own nothing is kept at all.
func TestSaveNeedsAKey(t *testing.T) {
	d, s := newDecoder(t, engine.NewLayout()), store{}
	defer func() {
		if recover() == nil || len(s) > 0 {
			t.Error("saved under the public key")
		}
	}()
	d.Save(s, prefix)
}

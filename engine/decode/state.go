package decode

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-843b225c/reflex/engine"
)

// Entries of a decoder's saved state: one for each job, and one for what it
// remembers besides them.
const (
	entryJob     = 'j' // and the job's name
	entryDecoder = 'd'
)

// Save gives s what changed since the last Save, under keys that begin with
// prefix: jobs of build text that lines came for, jobs that were forgotten, and
// the few things that outlive a record otherwise. The first Save gives
// everything, and only from then on is noted what changes. What Restore makes
// of the sum of all Saves goes on as this decoder does.
//
// Save is for the goroutine that calls Decode, between whole records; the rest
// of a stream cut into chunks is not kept. It needs an installation key
// (Options.Secrets), since unfinished lines may hold half a secret, and panics
// without one. Duplicates counts since the start and is not kept.
func (d *Decoder) Save(s engine.Saver, prefix []byte) {
	if !d.plan.opts.Secrets.Private() {
		panic("decode: Save needs a fingerprint key: what unfinished lines hold must not be readable in a store")
	}
	k := d.keeper()
	if t := d.buildText(); t != nil {
		t.mem.watch()
		for _, name := range t.mem.dropped {
			s.Delete(k.at(prefix, entryJob, name))
		}
		for _, j := range t.mem.changed {
			if j.changed = 0; j.saved == "" {
				j.saved = k.seal.name(j.key)
			}
			k.write(j.state)
			s.Set(k.at(prefix, entryJob, j.saved), k.close(entryJob, j.saved))
		}
		clear(t.mem.changed)
		clear(t.mem.dropped)
		t.mem.changed, t.mem.dropped = t.mem.changed[:0], t.mem.dropped[:0]
	}
	if k.write(d.state); !bytes.Equal(k.plain, k.last) {
		k.last = append(k.last[:0], k.plain...)
		s.Set(k.at(prefix, entryDecoder, ""), k.close(entryDecoder, ""))
	}
}

// Restore makes a new decoder the one that was saved under prefix; nothing
// saved is no error. It is called before the first Decode, and after an error
// the decoder is of no use. Errors are Fatal and name the job: bytes that were
// damaged, that a newer version wrote, or that another fingerprint key closed.
func (d *Decoder) Restore(l engine.Loader, prefix []byte) error {
	if !d.plan.opts.Secrets.Private() {
		return fatal("restore decoder: needs a fingerprint key: set the one that the state was saved under")
	}
	k := d.keeper()
	entry, ok, err := l.Get(k.at(prefix, entryDecoder, ""))
	if err != nil {
		return fmt.Errorf("restore decoder: %w", err)
	}
	if ok {
		if err := k.open(entryDecoder, "", entry, d.state); err != nil {
			return fatal("restore decoder: %w", err)
		}
		k.last = append(k.last[:0], k.plain...)
	}
	var jobs []*textJob
	from, to := bytes.Clone(k.at(prefix, entryJob, "")), bytes.Clone(k.at(prefix, entryJob+1, ""))
	err = l.Scan(from, to, func(key, entry []byte) error {
		j := &textJob{saved: string(key[len(from):])}
		err := k.open(entryJob, j.saved, entry, j.state)
		if err == nil && k.seal.name(j.key) != j.saved {
			err = errDamaged
		}
		if err != nil {
			return fatal("restore decoder: job %q: %w", j.saved, err)
		}
		jobs = append(jobs, j)
		return nil
	})
	if err != nil || len(jobs) == 0 {
		return err
	}
	slices.SortFunc(jobs, func(a, b *textJob) int { return cmp.Compare(a.order, b.order) })
	d.openLines(slices.Index(d.plan.lines, buildText))
	d.buildText().mem.restore(jobs)
	return nil
}

func fatal(format string, args ...any) error {
	return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf(format, args...)}
}

// state writes or reads what outlives a record and belongs to no job.
func (d *Decoder) state(c *coder) {
	if number(c, &d.out.keyLines); d.out.keyLines < 0 {
		c.fail()
	}
	for i := range d.streams {
		d.codeGuess(c, i)
	}
	var open []string
	for _, l := range d.opened {
		if l != nil {
			open = append(open, l.name)
		}
	}
	list(c, &open, (*coder).str)
	for _, name := range open {
		i := slices.IndexFunc(d.plan.lines, func(f *lineFormat) bool { return f.name == name })
		if i < 0 {
			c.fail()
			return
		}
		d.openLines(i).state(c)
	}
}

// codeGuess is for the format that a stream tries first. It decides only for
// records that two formats would take.
func (d *Decoder) codeGuess(c *coder, deep int) {
	n := -1
	if s := d.streams[deep]; s != nil && s.rd != nil {
		n = slices.Index(d.plan.readers, s.rd)
	}
	if number(c, &n); c.reading && n >= 0 && n < len(d.plan.readers) {
		d.streamAt(deep).rd = d.plan.readers[n]
	}
}

// buildText gives the decoder of build text, nil as long as none came.
func (d *Decoder) buildText() *textDecoder {
	for _, l := range d.opened {
		if l != nil && l.lineFormat == buildText {
			return l.lineDecoder.(*textDecoder)
		}
	}
	return nil
}

// keeper is what a Decoder saves itself with.
type keeper struct {
	seal  *sealer
	key   []byte // scratch of at
	plain []byte // what write wrote or open opened
	entry []byte // scratch of close
	last  []byte // the plain bytes of entryDecoder as they were saved
}

func (d *Decoder) keeper() *keeper {
	if d.kept == nil {
		d.kept = &keeper{seal: newSealer(d.plan.opts.Secrets)}
	}
	return d.kept
}

// at gives the key of an entry, valid until the next call.
func (k *keeper) at(prefix []byte, kind byte, name string) []byte {
	k.key = append(append(append(k.key[:0], prefix...), kind), name...)
	return k.key
}

func (k *keeper) write(state func(*coder)) {
	c := coder{b: k.plain[:0]}
	state(&c)
	k.plain = c.b
}

// close gives what was written as an entry, valid until the next call.
func (k *keeper) close(kind byte, name string) []byte {
	k.entry = k.seal.close(k.entry[:0], string(kind)+name, k.plain)
	return k.entry
}

// open reads an entry.
func (k *keeper) open(kind byte, name string, entry []byte, state func(*coder)) (err error) {
	if k.plain, err = k.seal.open(k.plain[:0], string(kind)+name, entry); err != nil {
		return err
	}
	c := coder{b: k.plain, reading: true}
	if state(&c); !c.whole() {
		return errDamaged
	}
	return nil
}

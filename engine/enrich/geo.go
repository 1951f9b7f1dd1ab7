package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

// role is what a database answers.
type role int

const (
	places   role = iota // City, Country, Enterprise
	systems              // ASN, ISP
	guises               // Anonymous-IP, Anonymous-Plus
	numRoles = iota
)

// roleNames say what a folder lacks and what stays empty then.
var roleNames = [numRoles]struct{ database, fields string }{
	{"City, Country or Enterprise", "*.geo.*"},
	{"ASN or ISP", "*.as.*"},
	{"Anonymous-IP", "source.anonymity.*"},
}

// Geo is a set of opened GeoIP databases, at most one of each role. It is
// immutable and safe to share. A database is read through a memory map that goes
// away with the last Geo that holds it, so an enricher may go on with an old Geo
// while a new one is opened beside it.
type Geo struct {
	dir   string
	dbs   [numRoles]*database
	files map[string]stamp // every *.mmdb of the folder, used or not
	said  map[string]bool  // warnings given once already
}

// database is one opened file.
type database struct {
	name   string // file name
	kind   string // database type in the file's metadata
	rank   int    // of several for a role the highest is used
	reader *maxminddb.Reader
}

// stamp tells whether a file was replaced.
type stamp struct {
	size int64
	time time.Time
}

// OpenGeo opens the GeoIP databases (*.mmdb) of a folder; what a file is stands in
// it, its name does not matter. Warnings say, once, what could not be opened and
// which databases are missing; enrichment goes on without them. The folder ""
// has no databases and no warnings.
func OpenGeo(dir string) (*Geo, []error) {
	g := &Geo{dir: dir, said: map[string]bool{}}
	if dir == "" {
		return g, nil
	}
	return g.open(nil)
}

// OpenGeoBytes opens databases that are in memory, by file name. The bytes must
// not change afterwards.
func OpenGeoBytes(files map[string][]byte) (*Geo, []error) {
	g := &Geo{said: map[string]bool{}}
	var warnings []error
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		typed, err := geoip2.OpenBytes(files[name])
		var raw *maxminddb.Reader
		if err == nil {
			raw, err = maxminddb.OpenBytes(files[name])
		}
		warnings = append(warnings, g.take(name, typed, raw, err)...)
	}
	return g, append(warnings, g.missing()...)
}

// Reload opens the folder again if one of its files was replaced, came or went.
// It gives a new Geo and true, or the same Geo and false. A file that cannot be
// opened now leaves the database it held before in force. Warnings are those not
// given before. For the goroutine that owns the Geo's place in the Config.
func (g *Geo) Reload() (*Geo, bool, []error) {
	if g.dir == "" {
		return g, false, nil
	}
	if files, err := stamps(g.dir); err == nil && sameFiles(files, g.files) {
		return g, false, nil
	} else if err != nil {
		return g, false, g.once(fmt.Errorf("GeoIP: %w", err))
	}
	next := &Geo{dir: g.dir, said: g.said}
	next, warnings := next.open(g)
	return next, true, warnings
}

// open fills an empty Geo from its folder. before is the Geo it replaces, or nil.
func (g *Geo) open(before *Geo) (*Geo, []error) {
	files, err := stamps(g.dir)
	if err != nil {
		return g, g.once(fmt.Errorf("GeoIP: %w", err))
	}
	g.files = files
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	var warnings []error
	for _, name := range names {
		typed, raw, err := openFile(filepath.Join(g.dir, name))
		warnings = append(warnings, g.take(name, typed, raw, err)...)
		if err == nil || before == nil {
			continue
		}
		for r, db := range before.dbs {
			if db != nil && db.name == name && g.dbs[r] == nil {
				g.dbs[r] = db
			}
		}
	}
	return g, append(warnings, g.missing()...)
}

// openFile opens a file twice: geoip2 checks that it is a database of a type that
// is known, maxminddb reads it. Both must have seen the same file.
func openFile(path string) (*geoip2.Reader, *maxminddb.Reader, error) {
	typed, err := geoip2.Open(path)
	if err != nil {
		return nil, nil, err
	}
	raw, err := maxminddb.Open(path)
	if err == nil && (raw.Metadata.BuildEpoch != typed.Metadata().BuildEpoch || raw.Metadata.NodeCount != typed.Metadata().NodeCount) {
		err = errors.New("it was replaced while it was being opened")
	}
	return typed, raw, err
}

// take puts an opened file into its role, if it is better than what is there.
func (g *Geo) take(name string, typed *geoip2.Reader, raw *maxminddb.Reader, err error) []error {
	if typed != nil {
		defer typed.Close()
	}
	if err != nil {
		return g.once(fmt.Errorf("GeoIP: %s: %w", filepath.Join(g.dir, name), err))
	}
	db := &database{name: name, kind: raw.Metadata.DatabaseType, reader: raw}
	r, rank, ok := roleOf(typed)
	if !ok {
		return g.once(fmt.Errorf("GeoIP: %s: a database of type %s answers nothing that events carry; it is not used", filepath.Join(g.dir, name), db.kind))
	}
	db.rank = rank
	old := g.dbs[r]
	if old == nil {
		g.dbs[r] = db
		return nil
	}
	if newer(db, old) {
		g.dbs[r], db = db, old
	}
	return g.once(fmt.Errorf("GeoIP: %s (%s) is not used: %s (%s) answers the same", db.name, db.kind, g.dbs[r].name, g.dbs[r].kind))
}

// roleOf asks the reader which questions it takes.
func roleOf(r *geoip2.Reader) (role, int, bool) {
	probe := netip.IPv4Unspecified()
	takes := func(err error) bool {
		var refused geoip2.InvalidMethodError
		return !errors.As(err, &refused)
	}
	for _, q := range []struct {
		role role
		rank int
		ask  func() error
	}{
		{places, 3, func() error { _, err := r.Enterprise(probe); return err }},
		{places, 2, func() error { _, err := r.City(probe); return err }},
		{places, 1, func() error { _, err := r.Country(probe); return err }},
		{systems, 2, func() error { _, err := r.ISP(probe); return err }},
		{systems, 1, func() error { _, err := r.ASN(probe); return err }},
		{guises, 2, func() error { _, err := r.AnonymousPlus(probe); return err }},
		{guises, 1, func() error { _, err := r.AnonymousIP(probe); return err }},
	} {
		if takes(q.ask()) {
			if q.rank == 2 && q.role == places && isCountry(r) {
				return places, 1, true
			}
			return q.role, q.rank, true
		}
	}
	return 0, 0, false
}

// isCountry: geoip2 lets a Country database answer City questions, without cities.
func isCountry(r *geoip2.Reader) bool {
	switch r.Metadata().DatabaseType {
	case "GeoLite2-Country", "GeoIP2-Country", "DBIP-Country", "DBIP-Country-Lite":
		return true
	}
	return false
}

// newer orders databases of one role: by how much they say, then by age, then by
// name so that the choice does not depend on the folder's order.
func newer(a, b *database) bool {
	if a.rank != b.rank {
		return a.rank > b.rank
	}
	if x, y := a.reader.Metadata.BuildEpoch, b.reader.Metadata.BuildEpoch; x != y {
		return x > y
	}
	return a.name < b.name
}

// missing warns of roles without a database.
func (g *Geo) missing() []error {
	var out []error
	for r, db := range g.dbs {
		if db == nil {
			where := ""
			if g.dir != "" {
				where = " in " + g.dir
			}
			out = append(out, g.once(fmt.Errorf("GeoIP: no %s database%s: %s stay empty", roleNames[r].database, where, roleNames[r].fields))...)
		}
	}
	return out
}

// once gives a warning the first time it is given.
func (g *Geo) once(err error) []error {
	if g.said[err.Error()] {
		return nil
	}
	g.said[err.Error()] = true
	return []error{err}
}

// Databases lists what is in use as "file (type, build day)", for status and doctor.
func (g *Geo) Databases() []string {
	var out []string
	for _, db := range g.dbs {
		if db != nil {
			built := time.Unix(int64(db.reader.Metadata.BuildEpoch), 0).UTC().Format(time.DateOnly)
			out = append(out, fmt.Sprintf("%s (%s, %s)", db.name, db.kind, built))
		}
	}
	return out
}

// describe is the Geo's part of Data.Version.
func (g *Geo) describe() string {
	var out []byte
	for _, db := range g.dbs {
		if db != nil {
			out = fmt.Appendf(out, "geo %q %d %d\n", db.kind, db.reader.Metadata.BuildEpoch, db.reader.Metadata.NodeCount)
		}
	}
	return string(out)
}

// stamps lists the databases of a folder with what shows a replacement.
func stamps(dir string) (map[string]stamp, error) {
	paths, err := fs.Glob(os.DirFS(dir), "*.mmdb")
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, err
		}
	}
	slices.Sort(paths)
	out := make(map[string]stamp, len(paths))
	for _, p := range paths {
		info, err := os.Stat(filepath.Join(dir, p)) // through links, as volumes are mounted
		if err != nil {
			continue // gone meanwhile: the next look sees it
		}
		out[p] = stamp{info.Size(), info.ModTime()}
	}
	return out, nil
}

func sameFiles(a, b map[string]stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for name, s := range a {
		if o, ok := b[name]; !ok || o.size != s.size || !o.time.Equal(s.time) {
			return false
		}
	}
	return true
}

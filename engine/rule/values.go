package rule

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// fieldMistake says why a name is no field; "" when it is one.
func fieldMistake(name string) string {
	if path, ok := engine.RawPath(name); ok {
		if strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, "..") || strings.ContainsAny(path, " \t") {
			return fmt.Sprintf("%q is no path into the record", name)
		}
		return ""
	}
	if name == "measure" {
		return "measure is no field of an event"
	}
	if _, ok := engine.LookupField(name); ok {
		return ""
	}
	return fmt.Sprintf("no field is named %q", name)
}

// fieldHint gives the nearest field.
func fieldHint(name string) string { return didYouMean(name, fieldNames()) }

func fieldNames() []string {
	defs := engine.Fields()
	names := make([]string, 0, len(defs))
	for _, d := range defs {
		if d.Name != "measure" {
			names = append(names, d.Name)
		}
	}
	return names
}

// parseDuration reads 90s, 10m, 1h30m or 30d; at most 3,650 days.
func parseDuration(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	var total time.Duration
	for rest := s; ; {
		i := 0
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if i == 0 || i > 9 {
			return 0, fmt.Errorf("%q is no time", s)
		}
		if i == len(rest) {
			return 0, fmt.Errorf("%q has no unit", s)
		}
		unit, ok := units[rest[i]]
		if !ok {
			return 0, fmt.Errorf("%q has an unknown unit", s)
		}
		n, _ := strconv.ParseInt(rest[:i], 10, 64)
		if n > int64(3650*24*time.Hour/unit) {
			return 0, fmt.Errorf("%q is longer than ten years", s)
		}
		if total += time.Duration(n) * unit; total > 3650*24*time.Hour {
			return 0, fmt.Errorf("%q is longer than ten years", s)
		}
		if rest = rest[i+1:]; rest == "" {
			return total, nil
		}
	}
}

// readDate reads a day (midnight UTC) or an RFC 3339 time, as ns.
func readDate(s string) (int64, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	if err == nil && (t.Year() < 1970 || t.Year() > 2200) {
		err = fmt.Errorf("year %d", t.Year())
	}
	return t.UnixNano(), err
}

// parseNetwork reads a CIDR or a single address, unmapped.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("mapped addresses")
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

var (
	tagSpaces = []string{"attack", "atlas", "reflex", "car", "cve", "d3fend", "detection", "stp", "tlp"}
	phases    = []string{"recon", "reconnaissance", "evaluate", "evaluation", "fortify", "limit", "expose", "exercise"}
	attackTag = regexp.MustCompile(`^attack\.(t\d{4}(\.\d{3})?|[gs]\d{4}|ta\d{4}|[a-z]{3,}([-_][a-z]+)*)$`)
	atlasTag  = regexp.MustCompile(`^atlas\.(aml\.(t|ta|cs|m)\d{4}(\.\d{3})?|[a-z]{3,}([-_][a-z]+)*)$`)
	otherTag  = regexp.MustCompile(`^[a-z0-9]+(\.[a-z0-9_-]+)+$`)
)

// tagMistake says why a tag is none, and what to write.
func tagMistake(t string) (mistake, hint string) {
	space, rest, _ := strings.Cut(t, ".")
	switch {
	case t != strings.ToLower(t):
		return fmt.Sprintf("tag %q is not in lower case", t), didYouMean(t, []string{strings.ToLower(t)})
	case space == "attack" && !attackTag.MatchString(t):
		return fmt.Sprintf("%q is no ATT&CK tag", t), "attack.t1078, attack.t1078.004 or a tactic such as attack.initial-access"
	case space == "atlas" && !atlasTag.MatchString(t):
		return fmt.Sprintf("%q is no ATLAS tag", t), "atlas.aml.t0012 or atlas.aml.t0010.003"
	case space == "reflex":
		for _, p := range phases {
			if rest == p {
				return "", ""
			}
		}
		return fmt.Sprintf("%q is no phase of the method", t), didYouMean(rest, phases)
	}
	for _, s := range tagSpaces {
		if s == space && otherTag.MatchString(t) {
			return "", ""
		}
	}
	return fmt.Sprintf("%q is no tag", t), "a tag begins with " + strings.Join(tagSpaces, ", ")
}

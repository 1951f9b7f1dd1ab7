package decode

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Times outside these years are no times but mistakes: a truncated epoch would
// otherwise be filed under 1975.
const (
	firstYear = 1970
	lastYear  = 2261
	firstUnix = 1e9   // 2001, for numbers
	lastUnix  = 4.2e9 // 2103
)

// parseTime reads an instant in any of the forms met in logs, as nanoseconds
// since 1970 UTC: RFC 3339 with any number of digits, with an offset with or
// without colon, without zone (UTC), with a space or slashes; epoch seconds,
// milli-, micro- and nanoseconds, whole or with a fraction; .NET ticks; and
// "Mar 2, 2026, 11:15:00 AM".
func parseTime(s string) (ns int64, ok bool) {
	if len(s) >= 19 && (s[4] == '-' || s[4] == '/') {
		return parseStamp(s)
	}
	if s == "" || len(s) > 40 {
		return 0, false
	}
	if c := s[0]; c >= '0' && c <= '9' {
		return parseEpoch(s)
	}
	if t, err := time.Parse("Jan 2, 2006, 3:04:05 PM", strings.ReplaceAll(s, "\u202f", " ")); err == nil {
		return t.UnixNano(), t.Year() >= firstYear && t.Year() <= lastYear
	}
	return 0, false
}

// parseStamp reads YYYY-MM-DDTHH:MM:SS[.fraction][zone].
func parseStamp(s string) (int64, bool) {
	if s[7] != s[4] || (s[10]|0x20 != 't' && s[10] != ' ') || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	year, month, day := two(s, 0)*100+two(s, 2), two(s, 5), two(s, 8)
	hour, minute, sec := two(s, 11), two(s, 14), two(s, 17)
	if year < firstYear || year > lastYear || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) ||
		uint(hour) > 23 || uint(minute) > 59 || uint(sec) > 60 {
		return 0, false
	}
	ns := (days(year, month, day)*86400 + int64(hour)*3600 + int64(minute)*60 + int64(sec)) * 1e9
	i := 19
	if i < len(s) && (s[i] == '.' || s[i] == ',') {
		unit := int64(1e8)
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			ns += int64(s[i]-'0') * unit
			unit /= 10
		}
		if s[i-1] < '0' || s[i-1] > '9' {
			return 0, false
		}
	}
	offset, ok := parseZone(s[i:])
	return ns - offset*1e9, ok
}

// parseZone reads the zone of a stamp as seconds east of UTC.
func parseZone(s string) (int64, bool) {
	if len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	switch {
	case s == "" || s == "Z" || s == "z" || s == "UTC":
		return 0, true
	case s[0] != '+' && s[0] != '-':
		return 0, false
	}
	hour, minute := 0, 0
	switch {
	case len(s) == 3:
		hour = two(s, 1)
	case len(s) == 5:
		hour, minute = two(s, 1), two(s, 3)
	case len(s) == 6 && s[3] == ':':
		hour, minute = two(s, 1), two(s, 4)
	default:
		return 0, false
	}
	if uint(hour) > 23 || uint(minute) > 59 {
		return 0, false
	}
	offset := int64(hour*3600 + minute*60)
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// parseEpoch reads a number; its size says which unit it counts.
func parseEpoch(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		const ticksPerSecond, ticksTo1970 = 10_000_000, 621355968000000000
		if sec := (n - ticksTo1970) / ticksPerSecond; n > ticksTo1970 && sec >= firstUnix && sec <= lastUnix {
			return (n - ticksTo1970) * 100, true
		}
		for unit := int64(1); unit <= 1e9; unit *= 1000 {
			if n >= firstUnix*unit && n/unit <= lastUnix {
				return n * (1e9 / unit), true
			}
		}
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false
	}
	for unit := 1.0; unit <= 1e9; unit *= 1000 {
		if f < firstUnix*unit || f/unit > lastUnix {
			continue
		}
		if strings.ContainsAny(s, "eE") {
			return int64(math.Round(f * (1e9 / unit))), true
		}
		// whole part and fraction apart, so that the digits as written survive
		whole, frac, _ := strings.Cut(s, ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return 0, false
		}
		fr, err := strconv.ParseFloat("0."+frac, 64)
		if err != nil {
			return 0, false
		}
		return n*int64(1e9/unit) + int64(math.Round(fr*(1e9/unit))), true
	}
	return 0, false
}

// two reads two digits, -1000 when they are none.
func two(s string, i int) int {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return -1000
	}
	return int(a)*10 + int(b)
}

// days counts the days from 1970-01-01 in the Gregorian calendar.
func days(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return int64(365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468)
}

func monthDays(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

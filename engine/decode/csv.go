package decode

import (
	"bytes"
	"strings"
)

// Query services and tables are exported as CSV: a line of names, then a line, or
// several when a value holds line ends, for each record. Each becomes an object of
// texts, which the formats read as copies in data lakes.

// csvRows reads the rows under a line of names.
type csvRows struct {
	names []string
	part  []byte  // of a row whose quotes are still open
	begin context // of the line that row began in
	json  []byte
	rows  int
}

// csvNames are the columns of CloudTrail's event history, as the console exports it.
var csvNames = map[string]string{
	"Event ID": "eventID", "Event time": "eventTime", "Event source": "eventSource", "Event name": "eventName", "AWS region": "awsRegion",
	"Source IP address": "sourceIPAddress", "User name": "userIdentity.userName", "AWS access key": "userIdentity.accessKeyId",
	"Read-only": "readOnly", "Error code": "errorCode", "Request ID": "requestID", "User agent": "userAgent",
}

// csvHeader reports whether a line names the columns of a known format, and
// begins to read rows if so.
func (s *stream) csvHeader(line []byte, c *context) bool {
	const fewest = 3
	if bytes.Count(line, []byte{','}) < fewest-1 || s.forced != nil || s.whole {
		return false
	}
	names, ok := csvSplit(line)
	if !ok {
		return false
	}
	for i, name := range names {
		if known, ok := csvNames[name]; ok {
			names[i] = known
		}
	}
	row := csvRows{names: names}
	if !s.d.known(row.object(names), c) {
		return false
	}
	s.csv = &row
	return true
}

// csvLine takes a line under the names.
func (s *stream) csvLine(line []byte, c *context) {
	r := s.csv
	if len(r.part) == 0 {
		r.begin = *c
	}
	r.part = append(append(r.part, line...), '\n')
	if bytes.Count(r.part, []byte{'"'})%2 != 0 && len(r.part) <= s.d.plan.opts.MaxRecord {
		return
	}
	row := bytes.TrimSuffix(r.part, []byte{'\n'})
	values, ok := csvSplit(row)
	if len(row) > 0 {
		r.rows++
	}
	switch {
	case len(row) == 0:
	case !ok || len(values) != len(r.names):
		s.flush()
		s.d.out.refuse(&r.begin, "not a row", "the row does not have the columns that the first line names", row)
	default:
		s.flush()
		s.d.payload(r.object(values), &r.begin, s, -1)
		s.d.index++
	}
	r.part = r.part[:0]
}

// csvEnd refuses a row that the end of the bytes cut; names alone are nothing.
func (s *stream) csvEnd() {
	switch {
	case s.csv == nil:
	case len(s.csv.part) > 0:
		s.d.out.refuse(&s.csv.begin, "truncated", "the input ends inside a row", s.csv.part)
	case s.csv.rows == 0:
		s.d.out.skip(s.here(), "empty")
	}
}

// object makes an object of texts; empty ones are left out.
func (r *csvRows) object(values []string) node {
	r.json = append(r.json[:0], '{')
	for i, v := range values {
		if v == "" || r.names[i] == "" {
			continue
		}
		if len(r.json) > 1 {
			r.json = append(r.json, ',')
		}
		r.json = append(appendJSON(r.json, bytesOf(r.names[i])), ':')
		r.json = appendJSON(r.json, bytesOf(v))
	}
	r.json = append(r.json, '}')
	return r.json
}

// csvSplit gives the values of a row, quotes taken off.
func csvSplit(row []byte) (values []string, ok bool) {
	for rest := string(row); ; {
		if !strings.HasPrefix(rest, `"`) {
			v, more, found := strings.Cut(rest, ",")
			if values = append(values, strings.TrimSpace(v)); !found {
				return values, true
			}
			rest = more
			continue
		}
		end := 1
		for end < len(rest) && (rest[end] != '"' || end+1 < len(rest) && rest[end+1] == '"') {
			if rest[end] == '"' {
				end++
			}
			end++
		}
		if end >= len(rest) {
			return nil, false
		}
		values = append(values, strings.ReplaceAll(rest[1:end], `""`, `"`))
		switch rest = rest[end+1:]; {
		case rest == "":
			return values, true
		case rest[0] != ',':
			return nil, false
		}
		rest = rest[1:]
	}
}

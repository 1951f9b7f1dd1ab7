package secret

import (
	"bytes"
)

const maxAuthority = 512

// connectionString matches the password in scheme://user:password@host.
func connectionString(c *Scan, t []byte, at, end int) (found, bool) {
	begin := at
	for begin > 0 && at-begin < 24 && schemes[t[begin-1]] {
		begin--
	}
	limit := min(len(t), end+maxAuthority)
	colon, sign, i := -1, -1, end
scan:
	for ; i < limit; i++ {
		switch b := t[i]; {
		case b == '@':
			sign = i
		case b == ':' && colon < 0:
			colon = i
		case b <= ' ' || b >= 0x7f:
			break scan
		case b == '/' || b == '?' || b == '#' || b == '"' || b == '\'' || b == '`' || b == '\\' || b == '<' || b == '>' || b == ',' && sign >= 0:
			break scan
		}
	}
	if begin == at || colon < 0 || sign < colon || sign+1 == i {
		return found{}, false
	}
	user, pass, host := t[end:colon], t[colon+1:sign], t[sign+1:i]
	if !alnum[host[0]] && host[0] != '[' || !password(user, pass) ||
		loopback(host) && !(len(pass) >= 12 && mixed(pass)) {
		return found{}, false
	}
	c.tmp = c.tmp[:0]
	for k := 0; k < len(pass); k++ {
		b := pass[k]
		if b == '%' && percented(pass, k) {
			b = byte(unhex(pass[k+1 : k+3]))
			k += 2
		}
		c.tmp = append(c.tmp, b)
	}
	if len(user) > 16 || len(user) > 0 && !schemes.all(user) {
		user = []byte("...") // may be a token itself
	}
	if len(host) > 64 {
		host = host[:64]
	}
	return found{start: colon + 1, end: sign, value: c.tmp,
		hint: string(t[begin:at]) + "://" + string(user) + ":...@" + string(host)}, true
}

// loopback says that a host is the machine itself, whose services in a build
// have passwords that protect nothing, unless they look drawn at random.
func loopback(host []byte) bool {
	for _, h := range []string{"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "host.docker.internal"} {
		if bytes.HasPrefix(host, []byte(h)) && (len(host) == len(h) || host[len(h)] == ':') {
			return true
		}
	}
	return false
}

// common are what stands where a password should be.
var common = [][]byte{
	[]byte("pass"), []byte("pwd"), []byte("secret"), []byte("postgres"), []byte("mysql"),
	[]byte("root"), []byte("admin"), []byte("guest"), []byte("test"), []byte("user"), []byte("token"),
	[]byte("redis"), []byte("mongo"), []byte("rabbit"), []byte("x-oauth-basic"), []byte("foo"), []byte("bar"),
	[]byte("abc"), []byte("example"), []byte("demo"), []byte("develop"), []byte("local"),
}

// password says that a password is one, and not masked, a variable, a
// placeholder or a word that protects nothing.
func password(user, pass []byte) bool {
	if len(pass) < 5 || bytes.EqualFold(user, pass) || sample(pass) || bytes.ContainsAny(pass, "*${}<>[]()|") {
		return false
	}
	if pass[0] == '%' && !percented(pass, 0) {
		return false
	}
	for _, w := range common {
		if len(pass) < len(w)+6 && containsFold(pass[:min(len(pass), len(w))], w) {
			return false
		}
	}
	return entropy(pass) >= 2
}

// basicAuth matches the credentials of an Authorization: Basic header.
func basicAuth(c *Scan, t []byte, at, end int) (found, bool) {
	stop := base64s.run(t, end, end+maxAuthority+1)
	if !free(t, at) || stop-end < 12 || stop-end > maxAuthority {
		return found{}, false
	}
	c.tmp = c.tmp[:0]
	i := end
	for ; i+4 <= stop; i += 4 {
		b, ok := quad(t[i:])
		if !ok {
			return found{}, false
		}
		c.tmp = append(c.tmp, b[:]...)
	}
	if left := stop - i; left == 1 {
		return found{}, false
	} else if left >= 2 {
		c.tmp = append(c.tmp, sextet[t[i]]<<2|sextet[t[i+1]]>>4)
		if left == 3 {
			c.tmp = append(c.tmp, sextet[t[i+1]]<<4|sextet[t[i+2]]>>2)
		}
	}
	k := bytes.IndexByte(c.tmp, ':')
	if k < 0 || !password(c.tmp[:k], c.tmp[k+1:]) {
		return found{}, false
	}
	for n := 0; n < 2 && stop < len(t) && t[stop] == '='; n++ {
		stop++
	}
	return found{start: end, end: stop, value: c.tmp[k+1:], hint: "Basic ..."}, true
}

// bearer matches what stands behind Bearer, if it looks drawn at random.
func bearer(c *Scan, t []byte, at, end int) (found, bool) {
	stop := bearers.run(t, end, end+4097)
	for stop > end && t[stop-1] == '.' {
		stop--
	}
	b := t[end:stop]
	if !free(t, at) || len(b) < 20 || len(b) > 4096 || sample(b) || !random(b, 32) || !mixed(b) && !hexes.all(b) {
		return found{}, false
	}
	return found{start: end, end: stop}, true
}

// slackWebhook matches hooks.slack.com/services/T../B../...
func slackWebhook(c *Scan, t []byte, at, end int) (found, bool) {
	team := upnum.run(t, end, end+14)
	if team-end < 8 || t[end] != 'T' || team == len(t) || t[team] != '/' {
		return found{}, false
	}
	bot := upnum.run(t, team+1, team+15)
	if bot-team < 9 || t[team+1] != 'B' || bot == len(t) || t[bot] != '/' {
		return found{}, false
	}
	stop := alnum.run(t, bot+1, bot+34)
	b := t[bot+1 : stop]
	if len(b) < 20 || len(b) > 32 || sample(b) || !random(b, 62) {
		return found{}, false
	}
	return found{start: at, end: stop, head: end - at}, true
}

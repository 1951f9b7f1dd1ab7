package decode

import (
	"bytes"
	"strings"
)

// Words of a command line as build logs echo it. Nothing here knows a shell's
// whole grammar: a name that needs one is not taken.

// word gives the next word of b from i on, without the quotes around it, and
// the place behind it.
func word(b []byte, i int) (w string, next int) {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	if i >= len(b) {
		return "", i
	}
	if q := b[i]; q == '"' || q == '\'' {
		if end := indexByte(b[i+1:], q); end >= 0 {
			return string(b[i+1 : i+1+end]), i + end + 2
		}
	}
	from := i
	for i < len(b) && !strings.ContainsRune(" \t;&|)`\"'", rune(b[i])) {
		i++
	}
	if i == from {
		return "", i + 1
	}
	return string(b[from:i]), i
}

// commandEnd gives where the command at i ends: at an operator outside quotes.
func commandEnd(b []byte, i int) int {
	var quote byte
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ';' || c == '|' || c == '&' || c == '\n':
			return i
		}
	}
	return len(b)
}

// flagValue finds the value of a flag in a command: "--name value" or "--name=value".
func flagValue(cmd []byte, names ...string) string {
	for _, name := range names {
		for from := 0; ; {
			i := bytes.Index(cmd[from:], []byte(name))
			if i < 0 {
				break
			}
			i += from
			from = i + len(name)
			if i > 0 && cmd[i-1] != ' ' || from >= len(cmd) {
				continue
			}
			if cmd[from] == '=' || cmd[from] == ' ' {
				v, _ := word(cmd, from+1)
				return v
			}
		}
	}
	return ""
}

// commandAt reports whether a command, not prose, stands at i: what precedes it
// is nothing, an operator, a prompt, or a word that runs another command.
func commandAt(b []byte, i int) bool {
	for i > 0 && b[i-1] == ' ' {
		i--
	}
	if i == 0 || strings.ContainsRune(";&|({`'\"$+>:#]=/", rune(b[i-1])) {
		return true
	}
	from := i
	for from > 0 && b[from-1] != ' ' {
		from--
	}
	switch string(b[from:i]) {
	case "Run", "RUN", "run", "sudo", "time", "exec", "then", "do", "else", "nohup", "env", "-c", "-m", "-x", "&&", "||", "xargs", "timeout":
		return true
	}
	return bytes.IndexByte(b[from:i], '=') > 0 // NAME=value command
}

// shellWord reports a word that a shell would still change.
func shellWord(s string) bool { return strings.ContainsAny(s, "$`{}<>*?\\") }

// quoted gives the string literal that stands at i, behind spaces and an
// escaping backslash. ok is false when there is none.
func quoted(b []byte, i int) (s string, next int, ok bool) {
	for i < len(b) && (b[i] == ' ' || b[i] == '\\') {
		i++
	}
	if i >= len(b) || b[i] != '"' && b[i] != '\'' {
		return "", i, false
	}
	q := b[i]
	end := indexByte(b[i+1:], q)
	if end < 0 {
		return "", i, false
	}
	return strings.TrimSuffix(string(b[i+1:i+1+end]), "\\"), i + end + 2, true
}

// argument finds NAME= followed by a string literal, with or without spaces.
func argument(b []byte, name string) string {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(name))
		if i < 0 {
			return ""
		}
		from += i + len(name)
		k := from
		for k < len(b) && b[k] == ' ' {
			k++
		}
		if k < len(b) && b[k] == '=' && (i == 0 || !nameByte(b[from-len(name)-1])) {
			if s, _, ok := quoted(b, k+1); ok {
				return s
			}
		}
	}
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// indexFold finds an ASCII word in any case; word is lower case.
func indexFold(b []byte, word string) int {
	for i := 0; i+len(word) <= len(b); i++ {
		k := 0
		for k < len(word) && lower(b[i+k]) == word[k] {
			k++
		}
		if k == len(word) {
			return i
		}
	}
	return -1
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

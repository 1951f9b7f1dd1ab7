package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf16"
)

// fill takes blocks and metadata of a call into a message and gives the word
// with which Slack would refuse them, with notes that say where.
func (m *Message) fill(form map[string]string, maxText int) (word string, notes []string) {
	m.Blocks = nil
	if b := form["blocks"]; b != "" && b != "[]" {
		m.Blocks = json.RawMessage(b)
	}
	if meta := form["metadata"]; meta != "" {
		if json.Unmarshal([]byte(meta), &m.Metadata) != nil || m.Metadata.Type == "" {
			return "invalid_metadata_format", nil
		}
	}
	if m.Text == "" && m.Blocks == nil {
		return "no_text", nil
	}
	if units(m.Text) > maxText {
		return "msg_too_long", nil
	}
	return checkBlocks(m.Blocks)
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// block is the part of Block Kit that is checked.
type block struct {
	Type     string  `json:"type"`
	Text     *text   `json:"text"`
	Fields   []*text `json:"fields"`
	Elements []*text `json:"elements"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// total is where Slack refuses blocks that each keep to their limit.
const total = 13000

func checkBlocks(raw json.RawMessage) (word string, notes []string) {
	if raw == nil {
		return "", nil
	}
	var blocks []block
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return "invalid_blocks_format", []string{err.Error()}
	}
	if len(blocks) > 50 {
		return "invalid_blocks", []string{"no more than 50 items allowed [json-pointer:/blocks]"}
	}
	sum := 0
	for i, b := range blocks {
		for _, note := range b.check(&sum) {
			notes = append(notes, fmt.Sprintf("%s [json-pointer:/blocks/%d]", note, i))
		}
	}
	if notes != nil {
		return "invalid_blocks", notes
	}
	if sum > total {
		return "msg_blocks_too_long", nil
	}
	return "", nil
}

func (b *block) check(sum *int) (notes []string) {
	bad := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	measure := func(t *text, limit int) {
		n := units(t.Text)
		*sum += n
		if n < 1 || n > limit {
			bad("must be 1 to %d characters, has %d", limit, n)
		}
		if t.Type != "mrkdwn" && t.Type != "plain_text" {
			bad("unsupported type %q of a text", t.Type)
		}
	}
	switch b.Type {
	case "header":
		if b.Text == nil || b.Text.Type != "plain_text" {
			bad("a header has plain_text")
			return notes
		}
		measure(b.Text, 150)
	case "section":
		if b.Text == nil && len(b.Fields) == 0 {
			bad("a section has text or fields")
		}
		if b.Text != nil {
			measure(b.Text, 3000)
		}
		if len(b.Fields) > 10 {
			bad("no more than 10 fields")
		}
		for _, f := range b.Fields {
			measure(f, 2000)
		}
	case "context":
		if len(b.Elements) < 1 || len(b.Elements) > 10 {
			bad("a context has 1 to 10 elements")
		}
		for _, e := range b.Elements {
			measure(e, 3000)
		}
	case "divider":
	default:
		bad("unsupported type: %s", b.Type)
	}
	return notes
}

// webhook answers an incoming webhook: its messages stand in channel "webhook".
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var in struct {
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	fault, broken := s.begin("webhook", map[string]string{"body": string(body)})
	if broken && s.fail(w, fault) {
		return
	}
	m := &Message{}
	if json.Unmarshal(body, &in) != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	m.Text = in.Text
	if word, _ := m.fill(map[string]string{"blocks": strings.TrimSpace(string(in.Blocks))}, 40000); word != "" {
		http.Error(w, word, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.add("webhook", m)
	s.mu.Unlock()
	if fault.Lose {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, "ok")
}

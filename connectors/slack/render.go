package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/seed-843b225c/reflex/engine"
)

// Limits of a message. Slack's own are larger (50 blocks, 3,000 units a
// section, an undocumented total near 13,000); a message that a tired person
// can read is smaller. The parts add up to less than maxTotal.
const (
	maxBlocks  = 50
	maxSection = 3000
	maxHeader  = 150
	maxTotal   = 8000

	firstSize    = 400
	timelineSize = 1800
	timelineRows = 12
	rowSize      = 240
	reasonSize   = 500
	runbookSize  = 600
	linksSize    = 250
	textSize     = 1600
)

// Message is what Slack is asked to show.
type Message struct {
	Blocks []api.Block
	Text   string // mrkdwn: notifications and screen readers, and the whole message when blocks are refused
}

// JSON gives the blocks as Block Kit JSON: an object that Slack's Block Kit
// Builder takes as it is.
func (m *Message) JSON() ([]byte, error) {
	return json.MarshalIndent(map[string]any{"blocks": m.Blocks}, "", "  ")
}

// Render gives the message of an incident as it is now. It is a pure function:
// equal incidents give equal messages.
func Render(in *engine.Incident, links []Link) Message {
	var m Message
	m.Blocks = append(m.Blocks, api.NewHeaderBlock(api.NewTextBlockObject(api.PlainTextType, heading(in), false, false)))
	if in.Into != "" {
		m.section("*Merged* into incident " + code(in.Into, maxValue) + ": go on there.")
	}
	if size(visible(in.Title))+20 > maxHeader { // the header was cut
		m.section(prose(in.Title, firstSize))
	}
	if in.First != "" {
		m.section("*Do first*  " + prose(in.First, firstSize))
	}
	m.fields(facts(in))
	if rows := lines(in.Timeline, rowSize, timelineRows, timelineSize); len(rows) > 0 {
		m.section("*What happened* (UTC)\n" + strings.Join(rows, "\n"))
	}
	if why := reasons(in); len(why) > 0 {
		m.section("*Why we think so*  " + strings.Join(why, " · "))
	}
	if steps := runbook(in); len(steps) > 0 {
		m.section("*Runbook*\n" + strings.Join(steps, "\n"))
	}
	m.context(strings.Join(foot(in, links), "  ·  "))
	m.Text = fallback(in)
	return m
}

// Preview gives an incident's message as Block Kit JSON and as plain text, for
// people who write rules.
func Preview(in *engine.Incident) (blocksJSON []byte, text string, err error) {
	m := Render(in, nil)
	blocksJSON, err = m.JSON()
	return blocksJSON, unescaper.Replace(m.Text), err
}

var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

func heading(in *engine.Incident) string {
	word := strings.ToUpper(in.Level.String())
	if in.Into != "" {
		word = "MERGED"
	}
	head := mark(in.Level) + " " + word + " · "
	return head + plain(in.Title, maxHeader-size(head))
}

func (m *Message) section(text string) {
	m.Blocks = append(m.Blocks, api.NewSectionBlock(mrkdwn(text), nil, nil))
}

func (m *Message) fields(texts []string) {
	objects := make([]*api.TextBlockObject, len(texts))
	for i, t := range texts {
		objects[i] = mrkdwn(t)
	}
	m.Blocks = append(m.Blocks, api.NewSectionBlock(nil, objects, nil))
}

func (m *Message) context(text string) {
	m.Blocks = append(m.Blocks, api.NewContextBlock("", mrkdwn(text)))
}

// mrkdwn makes a text object that Slack does not search for addresses, channel
// names and mentions (verbatim).
func mrkdwn(text string) *api.TextBlockObject {
	return api.NewTextBlockObject(api.MarkdownType, text, false, true)
}

// runbook numbers the steps after the first, which stands at the top already.
func runbook(in *engine.Incident) []string {
	skip := 0
	if len(in.Runbook) > 0 && in.Runbook[0] == in.First {
		skip = 1
	}
	return fit(len(in.Runbook)-skip, func(i int) string {
		i += skip
		return fmt.Sprintf("%d. %s", i+1, prose(in.Runbook[i], rowSize))
	}, 8, runbookSize)
}

// foot is what is looked up rather than read: identity, risk, techniques, links.
func foot(in *engine.Incident, links []Link) []string {
	out := []string{"Incident " + code(in.ID, maxValue), fmt.Sprintf("risk %d of 100", in.Risk), plural(max(in.Count, len(in.Alerts)), "alert")}
	if n := len(in.Merged); n > 0 {
		out = append(out, "took in "+plural(n, "incident"))
	}
	if in.Final {
		out = append(out, "quiet by now")
	}
	if in.Incomplete != "" {
		out = append(out, "⚠ "+prose(in.Incomplete, 120))
	}
	if ids := techniques(in.Tags); len(ids) > 0 {
		out = append(out, strings.Join(each(ids, func(s string) string { return prose(s, 24) }, 6), " "))
	}
	used := 0
	for _, l := range links {
		link := "<" + escaper.Replace(strings.ReplaceAll(l.URL, "{incident}", url.PathEscape(in.ID))) + "|" + escaper.Replace(plain(l.Text, 40)) + ">"
		if used += size(link); used > linksSize {
			break
		}
		out = append(out, link)
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// fallback tells the whole incident in one text: the claim on the first line,
// because a phone shows no more.
func fallback(in *engine.Incident) string {
	out := []string{mark(in.Level) + " " + strings.ToUpper(in.Level.String()) + " · " + prose(in.Title, 300)}
	if in.Into != "" {
		out = append(out, "Merged into incident "+code(in.Into, maxValue)+": go on there.")
	}
	if in.First != "" {
		out = append(out, "Do first: "+prose(in.First, 300))
	}
	if in.Owner != "" {
		out = append(out, "Owner: "+code(in.Owner, maxValue))
	}
	out = append(out, span(in.Start, in.End)+", incident "+code(in.ID, maxValue))
	used := size(strings.Join(out, "\n"))
	return strings.Join(append(out, lines(in.Timeline, 160, 8, textSize-used-1)...), "\n")
}

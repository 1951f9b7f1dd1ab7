package slack

import api "github.com/slack-go/slack"

// piece is one text of a message with Slack's limit for it.
type piece struct {
	where, text string
	limit       int
}

// texts lists every text of a message's blocks.
func texts(m Message) []piece {
	var out []piece
	for _, b := range m.Blocks {
		switch b := b.(type) {
		case *api.HeaderBlock:
			out = append(out, piece{"header", b.Text.Text, maxHeader})
		case *api.SectionBlock:
			if b.Text != nil {
				out = append(out, piece{"section", b.Text.Text, maxSection})
			}
			for i, f := range b.Fields {
				limit := 2000
				if i >= 10 {
					limit = 0 // an eleventh field is one too many
				}
				out = append(out, piece{"field", f.Text, limit})
			}
		case *api.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				out = append(out, piece{"context", e.(*api.TextBlockObject).Text, maxSection})
			}
		default:
			out = append(out, piece{"unknown block", "", 0})
		}
	}
	return out
}

package decode

import "bytes"

// formats lists the JSON formats, the most specific first. Adding one is one
// line here.
var formats = []*format{
	&cloudTrail,
	&cloudTrailCopy,
}

// lineFormats lists the formats made of lines, the most specific first. Adding
// one is one line here.
var lineFormats = []*lineFormat{}

// unship calls each with every payload that a log shipper wrapped in doc
// (text or JSON, unescaped; bytes it may change) and the context inside that
// wrapping. It reports false, without a call, when doc is no shipper's document.
func (d *Decoder) unship(doc node, c *context, each func(payload []byte, c *context)) bool {
	return false
}

func indexByte(b []byte, c byte) int { return bytes.IndexByte(b, c) }

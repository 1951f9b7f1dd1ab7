package decode

import "bytes"

// formats lists the JSON formats, the most specific first. Adding one is one
// line here.
var formats = []*format{
	&cloudTrail,
	&cloudTrailCopy,
	&gitHubWebhook,
	&liteLLM,
	&vpcFlow,
	&runnerEgress,
	&ecs,
	&ecsEvent,
}

// lineFormats lists the formats made of lines, the most specific first. Adding
// one is one line here.
var lineFormats = []*lineFormat{
	vpcFlowText,
	buildText,
}

func indexByte(b []byte, c byte) int { return bytes.IndexByte(b, c) }

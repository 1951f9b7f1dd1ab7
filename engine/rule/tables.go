package rule

import "github.com/seed-843b225c/reflex/engine"

// The language as tables. Adding a key is one row here and one line where
// read.go takes it up.

var (
	textSpec     = &spec{form: formText}
	scalarSpec   = &spec{form: formScalar}
	slugSpec     = &spec{form: formSlug}
	nameSpec     = &spec{form: formName}
	durationSpec = &spec{form: formDuration}
	boolSpec     = &spec{form: formBool}
	numberSpec   = &spec{form: formNumber}
	dateSpec     = &spec{form: formDate}
	exprSpec     = &spec{form: formExpr}
	fieldSpec    = &spec{form: formField, name: "field"}
	refSpec      = &spec{form: formRef, name: "reference"}
	templateSpec = &spec{form: formTemplate}
	tagSpec      = &spec{form: formTag, name: "tag"}
	networkSpec  = &spec{form: formNetwork}
	setSpec      = &spec{form: formSet, name: "fields"}

	naturalSpec  = &spec{form: formInteger}
	positiveSpec = &spec{form: formInteger, min: 1}

	levelSpec   = &spec{form: formWord, what: "level", words: engine.LevelNames(), name: "level"}
	datasetSpec = &spec{form: formWord, what: "dataset", words: datasetNames(), name: "dataset"}
)

func datasetNames() []string {
	var out []string
	for _, d := range engine.Datasets() {
		out = append(out, d.String())
	}
	return out
}

// keys of kinds of documents.
const (
	docRule      = "rule"
	docException = "exception"
	docList      = "list"
	docKeys      = "ai_keys"
)

var docSpecs = map[string]*spec{docRule: ruleSpec, docException: exceptionSpec, docList: listSpec, docKeys: keysSpec}

var ruleSpec = object("rule",
	key{"kind", word("kind of document", docRule), false, "what the document is", docRule},
	key{"id", slugSpec, true, "stable slug: the same word in Slack, Elasticsearch and metrics", ""},
	key{"title", textSpec, true, "what happened, in one line", ""},
	key{"status", word("status", "experimental", "test", "stable", "deprecated"), false, "how mature the rule is", "experimental"},
	key{"mode", word("mode", modeNames[:]...), false, "alert pages; signal feeds chains and risk and never pages; shadow is kept apart and feeds shadow chains only; off feeds nothing", "alert"},
	key{"level", levelSpec, true, "how bad it is", ""},
	key{"level_when", listOf(levelWhenSpec, 1), false, "levels for special cases; the first that holds decides", ""},
	key{"description", textSpec, false, "what the rule sees and why it matters", ""},
	key{"author", textSpec, false, "who answers for the rule", ""},
	key{"date", dateSpec, false, "when it was written", ""},
	key{"modified", dateSpec, false, "when it was last changed", ""},
	key{"references", listOf(textSpec, 0), false, "where to read on", ""},
	key{"falsepositives", listOf(textSpec, 0), false, "what else looks like this", ""},
	key{"tags", listOf(tagSpec, 0), false, "attack.t1078.004, atlas.aml.t0012, reflex.expose", ""},
	key{"from", oneOrMore(datasetSpec), false, "datasets it reads", "all"},
	key{"when", exprSpec, false, "the condition an event must meet; mandatory but for a sequence", ""},
	key{"count", countSpec, false, "fires on enough events, distinct values or a sum within a time", ""},
	key{"sequence", sequenceSpec, false, "fires when steps happen within a time", ""},
	key{"first_seen", firstSpec, false, "fires when a value is new for its key", ""},
	key{"alert", alertSpec, false, "what the alert says", ""},
	key{"runbook", listOf(textSpec, 0), false, "what to do, the first thing first", ""},
	key{"tests", listOf(testSpec, 0), false, "events and the alerts they must give", ""},
)

// laterKinds are kinds that this version does not have: whoever writes one is
// told so, instead of being offered a word that looks alike.
var laterKinds = []string{"spike", "absence", "travel"}

var levelWhenSpec = object("",
	key{"if", exprSpec, true, "condition on the event of the point; of a count also measure, of a sequence key.<name>", ""},
	key{"then", levelSpec, true, "the level then", ""},
)

var countSpec = object("count",
	key{"by", oneOrMore(fieldSpec), true, "fields that make the key; events that lack one are left out", ""},
	key{"within", durationSpec, true, "how far back from each event", ""},
	key{"at_least", positiveSpec, false, "how many events, or distinct values", ""},
	key{"distinct", fieldSpec, false, "count the distinct values of this field instead of events", ""},
	key{"sum", fieldSpec, false, "add up this field instead of counting; values below 0 are refused", ""},
	key{"over", exprSpec, false, "bound that a sum must exceed: a number, or an expression over the key, budget(secret.principal)", ""},
)

var firstSpec = object("first_seen",
	key{"value", oneOrMore(fieldSpec), true, "the value that must be new", ""},
	key{"by", listOf(fieldSpec, 0), false, "fields that make the key; none: one memory for all", ""},
	key{"memory", durationSpec, true, "how long a value is remembered after its last sighting", ""},
	key{"learn", object("",
		key{"for", durationSpec, false, "how long after the key's first event nothing alerts", "0s"},
		key{"events", naturalSpec, false, "how many events of the key must have been seen before anything alerts", "0"},
	), false, "learning ends when both hold", "{for: 7d, events: 20}"},
)

var sequenceSpec = object("sequence",
	key{"within", durationSpec, true, "from the first to the last step", ""},
	key{"ordered", boolSpec, false, "steps must happen in the order written", "true"},
	key{"slack", durationSpec, false, "how far clocks may disagree, beyond the resolution of the logs", "2s"},
	key{"steps", listOf(stepSpec, 1), true, "what must happen", ""},
	key{"links", listOf(linkSpec, 1), false, "events that lead from one key to another, at most 3", ""},
)

var stepSpec = object("step",
	key{"id", nameSpec, true, "name of the step, for templates: <id>.<field>", ""},
	key{"when", exprSpec, false, "condition on the step's event", ""},
	key{"rule", oneOrMore(slugSpec), false, "rules whose points make the step, instead of when", ""},
	key{"from", oneOrMore(datasetSpec), false, "datasets of the step's condition", "those of the rule"},
	key{"by", mapOf(fieldSpec, 1, 0), true, "key names and the fields that hold them in this step's event", ""},
	key{"within", durationSpec, false, "at most so long after the mandatory step before it; of a negated first or last step how far it looks", ""},
	key{"optional", boolSpec, false, "the chain completes without it", "false"},
	key{"negated", boolSpec, false, "the step must not happen", "false"},
	key{"reached", levelSpec, false, "the chain up to this step is an alert of this level already", ""},
	key{"differs", object("",
		key{"from", nameSpec, true, "the other step", ""},
		key{"fields", oneOrMore(fieldSpec), true, "at least one of them is present in both events and unequal", ""},
	), false, "the step's event must differ from another step's", ""},
)

var linkSpec = object("link",
	key{"when", exprSpec, true, "condition on the event that carries both keys", ""},
	key{"datasets", oneOrMore(datasetSpec), false, "datasets of the linking event", "all"},
	key{"from", mapOf(fieldSpec, 1, 1), true, "the key that is known, and the field that holds it", ""},
	key{"to", mapOf(fieldSpec, 1, 1), true, "the key it leads to, and the field that holds it", ""},
)

var alertSpec = object("alert",
	key{"title", templateSpec, false, "title with {{ field }}, {{ step.field }}, {{ key.name }}, {{ count }}, {{ measure }}; what is missing reads unknown", "the rule's title"},
	key{"entities", mapOf(refSpec, 1, 0), false, "what the alert is about, by name; they join alerts to incidents", ""},
	key{"dedup", object("",
		key{"by", oneOrMore(refSpec), false, "alerts of equal values are one", "match: the entities; count: the key; first_seen: key and value; sequence: the key of the first step"},
		key{"within", durationSpec, false, "points no further apart belong to one alert", "1h"},
	), false, "which points belong to one alert", ""},
	key{"show", oneOrMore(refSpec), false, "what else a reader wants to see", ""},
)

var exceptionSpec = object("exception",
	key{"kind", word("kind of document", docException), true, "exception", ""},
	key{"id", slugSpec, true, "stable slug", ""},
	key{"rules", oneOrMore(slugSpec), false, "rules it applies to", ""},
	key{"tags", oneOrMore(tagSpec), false, "and rules with one of these tags", ""},
	key{"step", nameSpec, false, "step of a sequence it applies to", "every step that is not negated"},
	key{"when", exprSpec, true, "events that do not count", ""},
	key{"reason", textSpec, true, "why", ""},
	key{"owner", textSpec, true, "who answers for it", ""},
	key{"created", dateSpec, true, "when it was made", ""},
	key{"expires", dateSpec, true, "from when on it no longer holds, by event time; at most 180 days after created", ""},
)

var listEntrySpec = object("",
	key{"value", scalarSpec, true, "the network, domain, text or pattern", ""},
	key{"note", textSpec, false, "what it is", ""},
	key{"owner", textSpec, false, "who answers for it", ""},
	key{"expires", dateSpec, false, "from when on it no longer counts, by event time", "never"},
)

var listSpec = object("list",
	key{"kind", word("kind of document", docList), false, "list", docList},
	key{"name", &spec{form: formName}, true, `the name conditions use: list("name")`, ""},
	key{"type", listTypeSpec, true, "how entries are compared", ""},
	key{"description", textSpec, false, "what is in it", ""},
	key{"entries", listOf(eitherOf(scalarSpec, listEntrySpec), 0), true, "values, with note, owner and expiry where there is something to say", ""},
)

var listTypeSpec = word("type of list", "cidr", "domain", "exact", "glob")

var aiKeySpec = object("ai_key",
	key{"id", scalarSpec, true, "the provider's id of the key: what secret.principal holds", ""},
	key{"provider", textSpec, false, "who issued it", ""},
	key{"sha256", scalarSpec, false, "SHA-256 of the whole key, in hex", ""},
	key{"prefix", scalarSpec, false, "how the key begins, as the provider shows it", ""},
	key{"suffix", scalarSpec, false, "how it ends", ""},
	key{"owner", textSpec, false, "who answers for it", ""},
	key{"networks", oneOrMore(networkSpec), false, "where it may be used from, beside the known networks", ""},
	key{"budget", numberSpec, false, "US dollars a day", ""},
)

var keysSpec = object("ai_keys",
	key{"kind", word("kind of document", docKeys), false, "ai_keys", docKeys},
	key{"description", textSpec, false, "what is in it", ""},
	key{"ai_keys", listOf(aiKeySpec, 0), true, "inventory of AI keys; never the keys themselves", ""},
)

var testSpec = object("test",
	key{"name", textSpec, true, "what the test shows", ""},
	key{"events", listOf(testEventSpec, 1), true, "what happens", ""},
	key{"alerts", eitherOf(naturalSpec, listOf(wantSpec, 0)), true, "how many alerts of this rule, or what they say, by start", ""},
	key{"lists", mapOf(eitherOf(listOf(scalarSpec, 0), object("",
		key{"type", listTypeSpec, true, "how entries are compared", ""},
		key{"entries", listOf(scalarSpec, 0), true, "values", ""},
	)), 1, 0), false, "what lists hold in this test; every other list is empty", ""},
	key{"known", oneOrMore(networkSpec), false, "own networks in this test", "none"},
	key{"keys", listOf(aiKeySpec, 1), false, "inventory of AI keys in this test", "none"},
	key{"duplicate", boolSpec, false, "every record arrives twice", "false"},
	key{"restart", boolSpec, false, "Reflex is killed after every record and starts again", "false"},
	key{"shuffle", naturalSpec, false, "so many more arrival orders must give the same alerts", "0"},
)

var testEventSpec = object("",
	key{"dataset", datasetSpec, true, "which log it comes from", ""},
	key{"at", durationSpec, false, "when, after the test's start at 2026-03-02T10:00:00Z", "0s"},
	key{"set", setSpec, false, "fields and their values; {{ n }} is the number of the repetition", ""},
	key{"raw", eitherOf(textSpec, &spec{form: formAny}), false, "the record as its source writes it, instead of set; {{ time }} is the event's time", ""},
	key{"repeat", object("",
		key{"times", positiveSpec, false, "how many events", "as many as each has values"},
		key{"every", durationSpec, false, "how far apart", "1s"},
		key{"each", &spec{form: formSet, elem: listOf(scalarSpec, 1)}, false, "fields whose value changes from event to event", ""},
	), false, "several events of this form", ""},
	key{"late", durationSpec, false, "how long after its time it arrives", "0s"},
	key{"duplicate", naturalSpec, false, "so many more copies arrive", "0"},
	key{"restart", boolSpec, false, "Reflex is killed when it has arrived, the last of its copies and repetitions, and starts again", "false"},
)

var wantSpec = object("",
	key{"level", levelSpec, false, "its level", ""},
	key{"title", textSpec, false, "its title", ""},
	key{"count", positiveSpec, false, "how many points it has", ""},
	key{"entities", mapOf(scalarSpec, 1, 0), false, "entities it names, at least these", ""},
)

package elastic

// A stream is where one kind of document goes. The table below is the only
// place that names them.
type stream struct {
	dataset string // event.dataset and data_stream.dataset; of an index "reflex.incidents"
	index   bool   // a plain index with one document an id, not a data stream
	short   bool   // kept for at most 30 days
}

const (
	auditDataset    = "reflex.audit"
	incidentDataset = "reflex.incidents"
)

var streams = []stream{
	{dataset: "reflex.alerts"},
	{dataset: "reflex.signals", short: true},
	{dataset: "reflex.shadow", short: true},
	{dataset: auditDataset},
	{dataset: incidentDataset, index: true},
}

// name gives the data stream's or index's own name in a namespace; with "*" the pattern of all.
func (s stream) name(namespace string) string {
	if s.index {
		return "reflex-incidents-" + namespace
	}
	return "logs-" + s.dataset + "-" + namespace
}

// template names the index template.
func (s stream) template() string { return s.dataset }

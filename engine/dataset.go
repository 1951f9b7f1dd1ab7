package engine

import "time"

// Dataset says what an event is: a small number with an entry in the table below.
type Dataset uint8

// The datasets Reflex decodes. ECS is the generic one: a document that is
// already in ECS; its own event.dataset decides when the table names it.
const (
	NoDataset Dataset = iota
	CloudTrail
	GitHubActions
	GitHubWebhook
	LiteLLM
	VPCFlow
	RunnerEgress
	ECS
	datasetEnd
)

// DatasetInfo is one row of the table of datasets.
type DatasetInfo struct {
	Name string // event.dataset
	// Lateness is how long after its event time a record is still expected on
	// a live stream. Files ignore it: nothing in files is late.
	Lateness time.Duration
	// Resolution is how finely its clock tells times apart; two events closer
	// than the coarser of their resolutions (plus the rule's slack) have no order.
	Resolution time.Duration
	// Jobs: its events announce when jobs start and finish.
	Jobs    bool
	Meaning string
}

var datasets = [datasetEnd]DatasetInfo{
	CloudTrail:    {"aws.cloudtrail", 20 * time.Minute, time.Second, false, "AWS API calls as CloudTrail records them"},
	GitHubActions: {"github.actions", 6 * time.Hour, 0, true, "build log text of GitHub Actions and what was found in it"},
	GitHubWebhook: {"github.webhook", 5 * time.Minute, time.Second, true, "GitHub webhooks workflow_job and workflow_run"},
	LiteLLM:       {"litellm", 5 * time.Minute, 0, false, "AI requests as the LiteLLM gateway logs them"},
	VPCFlow:       {"aws.vpcflow", 20 * time.Minute, time.Second, false, "AWS VPC flow logs"},
	RunnerEgress:  {"runner.egress", 5 * time.Minute, 0, false, "network connections of build runners, as an agent on the runner sees them"},
	ECS:           {"ecs", 5 * time.Minute, 0, false, "documents that are in ECS already"},
}

// String gives the dataset's name, as in event.dataset and in a rule's from.
func (d Dataset) String() string { return datasets[d].Name }

// Info gives the dataset's row.
func (d Dataset) Info() DatasetInfo { return datasets[d] }

// LookupDataset finds a dataset by name.
func LookupDataset(name string) (Dataset, bool) {
	for d := NoDataset + 1; d < datasetEnd; d++ {
		if datasets[d].Name == name {
			return d, true
		}
	}
	return NoDataset, false
}

// Datasets lists all datasets in table order. Read only.
func Datasets() []Dataset { return allDatasets }

var allDatasets = func() []Dataset {
	var out []Dataset
	for d := NoDataset + 1; d < datasetEnd; d++ {
		out = append(out, d)
	}
	return out
}()

// DatasetSet is a set of datasets as bits. The zero set means "all".
type DatasetSet uint64

// With adds a dataset.
func (s DatasetSet) With(d Dataset) DatasetSet { return s | 1<<d }

// Has reports whether d is in the set; the zero set has every dataset.
func (s DatasetSet) Has(d Dataset) bool { return s == 0 || s&(1<<d) != 0 }

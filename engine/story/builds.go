package story

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// kind says what a job does; log.go writes its log by it.
type kind uint8

const (
	kindTest    kind = iota // Python tests
	kindEval                // asks the AI gateway
	kindTrain               // pulls models with AWS credentials, on our own runners
	kindPlan                // Terraform
	kindDeploy              // image build and push
	kindPages               // documentation, full of sample keys
	kindNode                // npm
	kindEnviron             // fails and prints its environment, every value masked
	kindLeak                // the first story
	kindTheft               // the second story
)

// job is one job of one run.
type job struct {
	repo       *repo
	run, id    int64
	attempt    int
	number     int // run number within the workflow
	kind       kind
	workflow   string
	file       string // workflow file
	name       string
	branch     string
	sha        string
	event      string
	actor      string
	hosted     bool
	runner     string
	runnerID   int64
	machine    string // private address of our own runner
	ip         string // address it is seen from
	queued     int64
	start, end int64
	failed     bool
	skew       int64 // how far the runner's clock is ahead
	key        string
	issued     int64 // when it got its AWS key; 0: it asks for none
	role       string
	last       bool // last job of its run
}

// workflow is what a run of a kind consists of.
type workflow struct {
	repo   *repo
	name   string
	file   string
	event  string
	branch string
	jobs   []jobPlan
	weight int
}

type jobPlan struct {
	kind kind
	name string
	own  bool // on our own runners
	role string
}

var workflows = []*workflow{
	{mlApp, "ci", "ci.yml", "push", "main", []jobPlan{
		{kindTest, "test (3.11)", false, ""}, {kindTest, "test (3.12)", false, ""}, {kindTest, "test (3.13)", false, ""}, {kindEval, "eval", false, ""}}, 5},
	{mlApp, "ci", "ci.yml", "pull_request", "", []jobPlan{
		{kindTest, "test (3.11)", false, ""}, {kindTest, "test (3.12)", false, ""}, {kindTest, "test (3.13)", false, ""}}, 4},
	{mlApp, "train", "train.yml", "workflow_dispatch", "main", []jobPlan{
		{kindTrain, "train (small)", true, "ci-build"}, {kindTrain, "train (large)", true, "ci-build"}}, 2},
	{platform, "terraform", "terraform.yml", "push", "main", []jobPlan{{kindPlan, "plan", false, "ci-terraform"}}, 3},
	{api, "deploy", "deploy.yml", "push", "main", []jobPlan{{kindTest, "unit", false, ""}, {kindDeploy, "image", false, "ci-deploy"}}, 3},
	{webDocs, "pages", "pages.yml", "push", "main", []jobPlan{{kindPages, "build", false, ""}}, 2},
	{dataKit, "ci", "ci.yml", "pull_request", "", []jobPlan{{kindTest, "test", false, ""}, {kindNode, "docs", false, ""}}, 3},
}

// Runs that are not drawn: bots and schedules at night, and the two stories.
var (
	nightly    = &workflow{mlApp, "nightly", "nightly.yml", "schedule", "main", []jobPlan{{kindEval, "eval", true, ""}, {kindTrain, "refresh", true, "ci-build"}}, 0}
	dependabot = &workflow{dataKit, "ci", "ci.yml", "pull_request", "dependabot/pip/requests-2.32", []jobPlan{{kindTest, "test", false, ""}, {kindNode, "docs", false, ""}}, 0}
	environ    = &workflow{dataKit, "release", "release.yml", "workflow_dispatch", "main", []jobPlan{{kindEnviron, "publish", false, ""}}, 0}
	leaking    = &workflow{mlApp, "ci", "ci.yml", "push", "main", []jobPlan{
		{kindTest, "test (3.11)", false, ""}, {kindLeak, "test (3.12)", false, ""}, {kindTest, "test (3.13)", false, ""}}, 0}
	poisoned = &workflow{mlApp, "train", "train.yml", "push", "llama-3-upgrade", []jobPlan{
		{kindTheft, "train (small)", true, "ci-build"}, {kindTrain, "train (large)", true, "ci-build"}}, 0}
)

// builds draws the day's runs.
func builds(d dice, leakAt, theftAt int64) []*job {
	var out []*job
	numbers := map[string]int{}
	add := func(w *workflow, at int64) {
		numbers[w.repo.name+w.name]++
		out = append(out, newRun(d, w, at, numbers[w.repo.name+w.name]+d.IntN(2))...)
	}
	start := Day.UnixNano()
	var pool []*workflow
	for _, w := range workflows {
		for range w.weight {
			pool = append(pool, w)
		}
	}
	for h := range int64(24) {
		n := d.between(1, 2)
		if h >= 7 && h < 19 {
			n = d.between(5, 7)
		}
		for range n {
			add(pick(d, pool), d.in(start+h*hour, hour))
		}
	}
	add(nightly, start+2*hour+d.Int64N(2*minute))
	add(dependabot, start+4*hour+d.Int64N(5*minute))
	add(dependabot, start+4*hour+6*minute+d.Int64N(5*minute))
	add(environ, start+15*hour+d.Int64N(hour))
	add(leaking, leakAt)
	add(poisoned, theftAt)
	number(d, out)
	for i, j := range out { // quiet: runners whose clocks are three minutes ahead
		if j.kind == kindTest && i%40 == 7 || j.kind == kindPages && i%3 == 0 {
			j.skew = 3 * minute
		}
	}
	return out
}

// number gives ids in the order of time, as the CI provider does, and addresses
// to our own machines.
func number(d dice, jobs []*job) {
	slices.SortStableFunc(jobs, func(a, b *job) int { return cmp.Compare(a.queued, b.queued) })
	runs := map[int64]int64{}
	run, id, runner := int64(21460000000), int64(61230000000), int64(480000)
	machines := 0
	for _, j := range jobs {
		if !j.hosted { // each job of ours has a pod of its own, and the pod an address
			j.machine = "10.20.1." + strconv.Itoa(10+machines%180)
			machines++
		}
		if runs[j.run] == 0 {
			run += int64(d.between(1000, 90000))
			runs[j.run] = run
		}
		j.run = runs[j.run]
		id += int64(d.between(50, 9000))
		runner += int64(d.between(1, 40))
		j.id, j.runnerID = id, runner
	}
}

func newRun(d dice, w *workflow, at int64, number int) []*job {
	sha, attempt := d.hex(40), 1
	branch := w.branch
	if branch == "" {
		branch = pick(d, []string{"fix-loader", "feature/batching", "bump-torch", "refactor-io", "retry-client"})
	}
	actor := pick(d, people)
	switch {
	case w == dependabot:
		actor = "dependabot[bot]"
	case w.event == "schedule":
		actor = people[0]
	case w.weight > 0 && d.chance(0.06):
		attempt = 2
	}
	run := d.Int64() | 1 // for now; number replaces it
	var out []*job
	for i, p := range w.jobs {
		j := &job{
			repo: w.repo, run: run, attempt: attempt, number: 400 + number, kind: p.kind, workflow: w.name, file: w.file, name: p.name,
			branch: branch, sha: sha, event: w.event, actor: actor, hosted: !p.own, role: p.role, last: i == len(w.jobs)-1,
			queued: at + int64(i)*700_000_000,
		}
		j.start = j.queued + int64(d.between(3, 25))*second + d.Int64N(second)
		j.end = j.start + int64(d.between(60, 260))*second + d.Int64N(second)
		j.failed = p.kind == kindLeak || p.kind == kindEnviron || w.weight > 0 && d.chance(0.07)
		if p.kind == kindTheft || w == poisoned {
			j.end = j.start + 6*minute + d.Int64N(minute)
		}
		place(d, j)
		if p.role != "" && j.kind != kindTheft {
			j.key = fakeAWS(d, "ASIA")
			j.issued = j.start + int64(d.between(6, 20))*second
			j.issued -= j.issued % second
		}
		out = append(out, j)
	}
	return out
}

// place gives a job its machine. quiet: the CI provider's machines have a new
// address for each job, of ranges that they share with everybody.
func place(d dice, j *job) {
	if j.hosted {
		j.runner = "GitHub Actions " + strconv.Itoa(1000000000+d.between(1000, 9999))
		j.ip = d.addr(netHosted, 1, 126)
		return
	}
	j.runner = "ml-build-" + d.text(lowerNum, 5)
	j.ip = pick(d, runnerNAT)
}

func (j *job) runID() string { return fmt.Sprintf("%d-%d", j.run, j.attempt) }

func (j *job) ref() string { return "refs/heads/" + j.branch }

func (j *job) conclusion() string {
	if j.failed {
		return "failure"
	}
	return "success"
}

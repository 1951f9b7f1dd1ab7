package decode

import (
	"regexp"
	"strconv"
	"strings"
)

// Names of log files that tell run and job. The text itself does not. Anything
// may stand before and after what is shown; "_" and "-" are the same.
//
//	run-7001-attempt-2/job-9001.txt            run, attempt and job by name
//	run_7001/attempt_2/9001.log                the job as a bare number in a folder of a run
//	actions/runs/7001/attempts/2/jobs/9001     as the API's addresses have it, OWNER/REPO before "actions" too
//	7001_9001.txt, 7001_9001_build.txt         run, job, name of the job
//	7001-2_9001.txt, 7001_2_9001.txt           run, attempt (at most two digits), job
//	0_build.txt                                the download of a run: number and name of a job
//	build/3_Run tests.txt                      the same: one step, in the folder of its job
//
// A Kafka key may be any of these, or job, run/job, run-attempt/job, or
// owner/repo/run/attempt/job.
var (
	pathNamed   = regexp.MustCompile(`(?i)(?:^|[/_.-])runs?[/_=-](\d{3,20})(?:-(\d{1,2}))?(?:[/_.-]|$)`)
	pathAttempt = regexp.MustCompile(`(?i)(?:^|[/_.-])attempts?[/_=-]?(\d{1,3})(?:[/_.-]|$)`)
	pathJob     = regexp.MustCompile(`(?i)(?:^|[/_.-])jobs?[/_=-](\d{3,20})(?:[^0-9]|$)`)
	pathRepo    = regexp.MustCompile(`([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)/actions/(?:runs|jobs)/`)
	fileRunJob  = regexp.MustCompile(`^(\d{4,20})(?:[_-](\d{1,2}))?_(\d{3,20})(?:[_.-](.*))?$`)
	fileNumber  = regexp.MustCompile(`^(\d{3,20})(?:\.(?:txt|log))?(?:\.gz|\.zst)?$`)
	fileZip     = regexp.MustCompile(`^(\d{1,3})_(.+)\.txt$`)
	fileStep    = regexp.MustCompile(`(?i)^(set up job|complete job|run .*|post .*|initialize containers|stop containers|system)$`)
	keyPlain    = regexp.MustCompile(`^(?:([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)[/:])?(\d{3,20})(?:[-/:](\d{1,3}))?[/:](\d{3,20})$`)
)

// fromPath fills what a file's path tells and labels did not.
func (ci *ciContext) fromPath(path string) {
	path = strings.ReplaceAll(path, "\\", "/")
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	if m := pathRepo.FindStringSubmatch(path); m != nil {
		setDefault(&ci.repo, m[1])
	}
	if m := pathNamed.FindStringSubmatch(path); m != nil {
		ci.setRun(m[1], m[2])
		if a := pathAttempt.FindStringSubmatch(path); a != nil {
			ci.setRun(m[1], a[1])
		}
		if m := fileNumber.FindStringSubmatch(name); m != nil && m[1] != ci.run {
			setDefault(&ci.jobID, m[1])
		}
	}
	if m := pathJob.FindStringSubmatch(path); m != nil {
		setDefault(&ci.jobID, m[1])
	}
	if m := fileRunJob.FindStringSubmatch(name); m != nil {
		ci.setRun(m[1], m[2])
		setDefault(&ci.jobID, m[3])
		if n := trimExt(m[4]); n != "" && n != "txt" && n != "log" {
			setDefault(&ci.jobName, n)
		}
	} else if m := fileZip.FindStringSubmatch(name); m != nil {
		if fileStep.MatchString(m[2]) {
			setDefault(&ci.jobName, dir[strings.LastIndexByte(dir, '/')+1:])
			ci.inZip = strings.Clone(m[2])
		} else {
			setDefault(&ci.jobName, m[2])
		}
	}
}

// fromKey fills what a Kafka key tells and nothing else did.
func (ci *ciContext) fromKey(key string) {
	switch m := keyPlain.FindStringSubmatch(key); {
	case digits(key) && len(key) >= 3:
		setDefault(&ci.jobID, key)
	case m != nil:
		setDefault(&ci.repo, m[1])
		ci.setRun(m[2], m[3])
		setDefault(&ci.jobID, m[4])
	default:
		ci.fromPath(key)
	}
}

func (ci *ciContext) setRun(run, attempt string) {
	if ci.run != "" && ci.run != run {
		return
	}
	ci.run = strings.Clone(run)
	if n, err := strconv.Atoi(attempt); err == nil && ci.attempt == 0 {
		ci.attempt = n
	}
}

func setDefault(p *string, s string) {
	if *p == "" {
		*p = strings.Clone(s)
	}
}

func trimExt(s string) string {
	for _, e := range [...]string{".gz", ".zst", ".txt", ".log"} {
		s = strings.TrimSuffix(s, e)
	}
	return s
}

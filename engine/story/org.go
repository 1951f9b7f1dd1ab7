package story

// The made-up organisation: what stays the same from seed to seed.

const (
	owner = "example-org"

	prodAccount    = "111122223333"
	stagingAccount = "222233334444"
	auditAccount   = "444455556666"
	region         = "eu-west-1"
)

// Networks, all of documentation ranges: 198.51.100.0/24 is the organisation's,
// 192.0.2.0/25 the build machines that the CI provider rents to everybody,
// 192.0.2.128/25 public services, 203.0.113.0/24 strangers.
const (
	netOurs     = "198.51.100."
	netHosted   = "192.0.2."
	netStranger = "203.0.113."

	gateway    = "198.51.100.140" // the AI gateway
	exfilHost  = "collect.example.net"
	exfilIP    = "203.0.113.77"
	leakIP     = "203.0.113.57" // who uses the leaked AI key first
	footholdIP = "203.0.113.58" // who uses the build's AWS key
)

var (
	officeNAT = []string{"198.51.100.10", "198.51.100.11"}
	runnerNAT = []string{"198.51.100.24", "198.51.100.25", "198.51.100.26"}
	vpnExits  = []string{"198.51.100.65", "198.51.100.66", "198.51.100.70", "198.51.100.97"}
	cloudNAT  = []string{"198.51.100.130", "198.51.100.131", "198.51.100.132"}
)

// repo is a repository.
type repo struct {
	name   string // owner/name
	id     int64
	public bool
}

var (
	mlApp    = &repo{owner + "/ml-app", 710010001, true}
	platform = &repo{owner + "/platform", 710010002, false}
	webDocs  = &repo{owner + "/docs", 710010003, true}
	dataKit  = &repo{owner + "/data-kit", 710010004, true}
	api      = &repo{owner + "/api", 710010005, false}
)

// people who push, click and approve.
var people = []string{"avery-example", "blake-example", "casey-example", "devon-example", "ellis-example", "frankie-example"}

// host is a public service that builds talk to.
type host struct {
	name string
	ip   string
}

var (
	hostGitHub  = host{"github.com", "192.0.2.130"}
	hostAPI     = host{"api.github.com", "192.0.2.131"}
	hostObjects = host{"objects.githubusercontent.com", "192.0.2.132"}
	hostGHCR    = host{"ghcr.io", "192.0.2.133"}
	hostResults = host{"results-receiver.actions.githubusercontent.com", "192.0.2.134"}
	hostTokens  = host{"pipelines.actions.githubusercontent.com", "192.0.2.135"}
	hostPyPI    = host{"pypi.org", "192.0.2.140"}
	hostWheels  = host{"files.pythonhosted.org", "192.0.2.141"}
	hostNPM     = host{"registry.npmjs.org", "192.0.2.142"}
	hostHub     = host{"huggingface.co", "192.0.2.150"}
	hostHubCDN  = host{"cdn-lfs.huggingface.co", "192.0.2.151"}
	hostHubXet  = host{"cas-server.xethub.hf.co", "192.0.2.152"}
	hostDocker  = host{"registry-1.docker.io", "192.0.2.160"}
	hostAuth    = host{"auth.docker.io", "192.0.2.161"}
	hostDebian  = host{"deb.debian.org", "192.0.2.162"}
	hostSTS     = host{"sts.eu-west-1.amazonaws.com", "192.0.2.180"}
	hostS3      = host{"s3.eu-west-1.amazonaws.com", "192.0.2.181"}
	hostECR     = host{"111122223333.dkr.ecr.eu-west-1.amazonaws.com", "192.0.2.182"}
	hostGateway = host{"llm.example.org", gateway}
)

// action is a third-party step that workflows use, by the commit its tag had that day.
type action struct{ name, ref, sha string }

var (
	actCheckout = action{"actions/checkout", "v4", "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"}
	actPython   = action{"actions/setup-python", "v5", "1b2c3d4e5f60718293a4b5c6d7e8f90123456780"}
	actNode     = action{"actions/setup-node", "v4", "2c3d4e5f60718293a4b5c6d7e8f9012345678091"}
	actCache    = action{"actions/cache", "v4", "3d4e5f60718293a4b5c6d7e8f901234567809182"}
	actAWS      = action{"aws-actions/configure-aws-credentials", "4e5f60718293a4b5c6d7e8f90123456780918273", "4e5f60718293a4b5c6d7e8f90123456780918273"}
	actHarden   = action{"step-security/harden-runner", "5f60718293a4b5c6d7e8f9012345678091827364", "5f60718293a4b5c6d7e8f9012345678091827364"}
	actBuildx   = action{"docker/setup-buildx-action", "v3", "60718293a4b5c6d7e8f901234567809182736455"}
)

// model is a model that builds pull, and the commit it is pinned to.
type model struct{ ref, commit string }

var (
	llama   = model{"meta-llama/Llama-3-8B", "718293a4b5c6d7e8f90123456780918273645546"}
	mistral = model{"mistralai/Mistral-7B-v0.3", "8293a4b5c6d7e8f9012345678091827364554637"}
	minilm  = model{"sentence-transformers/all-MiniLM-L6-v2", "93a4b5c6d7e8f901234567809182736455463728"}
	ownLM   = model{"example-org/support-ranker", "a4b5c6d7e8f90123456780918273645546372819"}
	// fake reads like meta-llama: two capital I in place of two small l.
	fake = model{"meta-IIama/Llama-3-8B", ""}
)

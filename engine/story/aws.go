package story

import (
	"fmt"
	"strconv"
	"time"
)

// What the organisation does in AWS on a normal day, and what the thief does.

// consoleTime writes a time as STS does in its answers.
func consoleTime(ns int64) string {
	return time.Unix(0, ns).UTC().Format("Jan 2, 2006, 3:04:05 PM")
}

// trail collects the records of one account.
type trail struct {
	dice
	stream
	start int64
}

func newTrail(seed int64, account string) *trail {
	return &trail{dice: newDice(seed, "aws"+account), start: Day.UnixNano()}
}

func (t *trail) call(at int64, c *call) {
	at -= at % second
	t.buf = c.append(t.dice, t.buf, at)
	t.add(at)
}

// anytime gives a second of the day.
func (t *trail) anytime() int64 { return t.start + int64(t.IntN(86400))*second }

// working gives a second of the working day.
func (t *trail) working() int64 {
	return t.start + 7*hour + int64(t.IntN(11*3600))*second
}

const (
	agentSDK       = "aws-sdk-go-v2/1.36.1 ua/2.1 os/linux lang/go#1.24.0 md/GOOS#linux md/GOARCH#amd64 exec-env/AWS_ECS_FARGATE"
	agentPython    = "Boto3/1.36.26 md/Botocore#1.36.26 ua/2.0 os/linux#6.8.0-1021-aws md/arch#x86_64 lang/python#3.12.9 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.36.26"
	agentCLI       = "aws-cli/2.24.10 md/awscrt#0.23.8 ua/2.0 os/macos#24.3.0 md/arch#arm64 lang/python#3.12.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#sts.get-caller-identity"
	agentTerraform = "APN/1.0 HashiCorp/1.0 Terraform/1.10.5 (+https://www.terraform.io) terraform-provider-aws/5.88.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.1 ua/2.1 os/linux lang/go#1.23.6"
	agentConsole   = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36"
)

// production is the main account's day.
func (s *Story) production() *trail {
	t := newTrail(s.seed, prodAccount)
	t.apps(5200)
	t.services(1500)
	t.console(60)
	t.people(260)
	t.rotation()
	t.dryRuns()
	t.bedrock(500)
	for _, j := range s.jobs {
		if j.issued == 0 {
			continue
		}
		t.call(j.issued, issue(j))
		switch j.kind {
		case kindPlan:
			t.terraform(j.session(), j.ip, j.issued+5*second)
		case kindDeploy:
			t.push(j)
		default:
			t.upload(j)
		}
	}
	s.thief(t)
	return t
}

// apps: programs on our machines, through our own exits or, quiet, through a
// VPC endpoint, where the source is a private address.
func (t *trail) apps(n int) {
	machines := make([]string, 6)
	keys := make([][]string, len(machines))
	for i := range machines {
		machines[i] = "i-0" + t.hex(16)
		for range 4 { // a new key every six hours
			keys[i] = append(keys[i], fakeAWS(t.dice, "ASIA"))
		}
	}
	roles := []string{"app-server", "app-server", "app-worker", "app-worker", "model-server", "metrics"}
	for range n {
		i, at := t.IntN(len(machines)), t.anytime()
		part := (at - t.start) / (6 * hour)
		c := pick(t.dice, appCalls)(t)
		c.who = instance(prodAccount, roles[i], machines[i], keys[i][part], t.start+part*6*hour)
		c.from, c.agent = cloudNAT[i%len(cloudNAT)], agentSDK
		if t.chance(0.3) {
			c.from = t.addr("10.20.2.", 10, 60)
			c.more += `,"vpcEndpointId":"vpce-0` + "1a2b3c4d5e6f70819" + `","vpcEndpointAccountId":"` + prodAccount + `"`
		}
		t.call(at, &c)
	}
}

var appCalls = []func(*trail) call{
	func(t *trail) call {
		key := t.kmsKey()
		return call{service: "kms", name: "Decrypt", request: fmt.Sprintf(`{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::example-models"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"%s"}`, key),
			more: fmt.Sprintf(`,"resources":[{"accountId":"%s","type":"AWS::KMS::Key","ARN":"%s"}]`, prodAccount, key)}
	},
	func(t *trail) call {
		key := t.kmsKey()
		return call{service: "kms", name: "GenerateDataKey", request: fmt.Sprintf(`{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::example-models"},"keySpec":"AES_256","keyId":"%s"}`, key),
			more: fmt.Sprintf(`,"resources":[{"accountId":"%s","type":"AWS::KMS::Key","ARN":"%s"}]`, prodAccount, key)}
	},
	func(t *trail) call {
		return call{service: "secretsmanager", name: "GetSecretValue", request: `{"secretId":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/llm-gateway-` + t.text(alphaNum, 6) + `"}`}
	},
	func(t *trail) call {
		c := call{service: "s3", name: "GetObject", data: true, host: "example-models.s3." + region + ".amazonaws.com",
			request: fmt.Sprintf(`{"bucketName":"example-models","Host":"example-models.s3.eu-west-1.amazonaws.com","key":"support-ranker/part-%d.safetensors"}`, t.IntN(40)),
			extra:   fmt.Sprintf(`{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"%s","bytesTransferredOut":%d}`, t.text(alphaNum, 76), t.between(4000, 9_000_000)),
			more:    fmt.Sprintf(`,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::example-models/support-ranker"},{"accountId":"%s","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::example-models"}]`, prodAccount)}
		return c
	},
	func(t *trail) call {
		return call{service: "ec2", name: "DescribeInstances", request: `{"instancesSet":{"items":[{"instanceId":"i-0` + t.hex(16) + `"}]},"filterSet":{}}`}
	},
	func(t *trail) call {
		return call{service: "logs", name: "DescribeLogStreams", request: `{"logGroupName":"/app/server","orderBy":"LastEventTime","descending":true,"limit":5}`}
	},
	func(t *trail) call {
		return call{service: "sqs", name: "ReceiveMessage", data: true, request: `{"queueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/jobs","maxNumberOfMessages":10,"waitTimeSeconds":20}`}
	},
	func(t *trail) call {
		if t.chance(0.9) {
			return call{service: "ssm", name: "GetParameter", request: `{"name":"/app/feature-flags","withDecryption":true}`}
		}
		// quiet: one program that lacks one permission.
		return call{service: "ssm", name: "GetParameter", request: `{"name":"/app/legacy","withDecryption":true}`, code: "AccessDenied",
			message: "User is not authorized to perform: ssm:GetParameter because no identity-based policy allows the ssm:GetParameter action"}
	},
}

func (t *trail) kmsKey() string {
	return "arn:aws:kms:eu-west-1:111122223333:key/" + []string{"0a9b8c7d-1111-4222-8333-444455556666", "1b0c9d8e-1111-4222-8333-444455556666"}[t.IntN(2)]
}

// services are quiet: AWS acts, with a host name or AWS Internal as the source.
func (t *trail) services(n int) {
	for range n {
		at := t.anytime()
		switch t.IntN(3) {
		case 0:
			name := pick(t.dice, []string{"ec2.amazonaws.com", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com"})
			role := pick(t.dice, []string{"app-server", "app-worker", "metrics"})
			t.call(at, &call{who: service(prodAccount, name), service: "sts", name: "AssumeRole", from: name, agent: name,
				request: fmt.Sprintf(`{"roleArn":"%s","roleSessionName":"i-0%s","durationSeconds":21600}`, roleARN(prodAccount, role), t.hex(16)),
				response: fmt.Sprintf(`{"credentials":{"accessKeyId":"%s","sessionToken":"","expiration":"%s"},"assumedRoleUser":{"assumedRoleId":"%s:session","arn":"arn:aws:sts::%s:assumed-role/%s/session"}}`,
					fakeAWS(t.dice, "ASIA"), consoleTime(at+6*hour), roleID(role), prodAccount, role)})
		case 1:
			t.call(at, &call{who: service(prodAccount, "s3.amazonaws.com"), service: "kms", name: "GenerateDataKey", from: "s3.amazonaws.com", agent: "s3.amazonaws.com",
				request: `{"keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::example-logs"},"keyId":"` + t.kmsKey() + `"}`})
		default:
			who := assumed(prodAccount, "AWSServiceRoleForAutoScaling", "AutoScaling", fakeAWS(t.dice, "ASIA"), at-minute)
			t.call(at, &call{who: who, service: "ec2", name: pick(t.dice, []string{"DescribeInstances", "DescribeLaunchTemplates", "DescribeSubnets"}),
				from: "AWS Internal", agent: "autoscaling.amazonaws.com", request: `{"filterSet":{}}`})
		}
	}
}

// console is quiet: a page asks from several addresses within a second.
func (t *trail) console(pages int) {
	for range pages {
		at := t.working()
		name := pick(t.dice, people)
		who := assumed(prodAccount, "AWSReservedSSO_Developer_0123456789abcdef", name+"@example.org", fakeAWS(t.dice, "ASIA"), at-10*minute)
		exits := []string{pick(t.dice, vpnExits), pick(t.dice, officeNAT), pick(t.dice, vpnExits)}
		for i, api := range []string{"DescribeInstances", "DescribeVolumes", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs", "DescribeAlarms",
			"ListBuckets", "DescribeDBInstances", "ListFunctions20150331", "DescribeClusters", "GetAccountSummary", "ListRoles"} {
			t.call(at+int64(i/8)*second, &call{who: who, service: consoleService[i], name: api, from: exits[i%len(exits)], agent: agentConsole,
				request: `{"maxResults":100}`, more: `,"sessionCredentialFromConsole":"true"`})
		}
	}
}

var consoleService = []string{"ec2", "ec2", "ec2", "ec2", "ec2", "monitoring", "s3", "rds", "lambda", "ecs", "iam", "iam"}

// people work from their terminals.
func (t *trail) people(n int) {
	keys := map[string]string{}
	for _, p := range people {
		keys[p] = fakeAWS(t.dice, "AKIA")
	}
	for range n {
		p := pick(t.dice, people)
		t.call(t.working(), &call{who: user(prodAccount, p, keys[p]), service: pick(t.dice, []string{"sts", "s3", "ecs", "logs"}),
			name: pick(t.dice, []string{"GetCallerIdentity", "ListBuckets", "DescribeServices", "FilterLogEvents"}),
			from: pick(t.dice, append(vpnExits[:3:3], officeNAT...)), agent: agentCLI})
	}
	// quiet: Terraform from a laptop with the role that CI uses, in a session of its own.
	at := t.working()
	key := fakeAWS(t.dice, "ASIA")
	t.call(at, &call{who: user(prodAccount, people[3], keys[people[3]]), service: "sts", name: "AssumeRole", from: officeNAT[0], agent: agentTerraform,
		request: fmt.Sprintf(`{"roleArn":"%s","roleSessionName":"%s","durationSeconds":3600}`, roleARN(prodAccount, "ci-terraform"), people[3]),
		response: fmt.Sprintf(`{"credentials":{"accessKeyId":"%s","sessionToken":"","expiration":"%s"},"assumedRoleUser":{"assumedRoleId":"%s:%s","arn":"arn:aws:sts::%s:assumed-role/ci-terraform/%s"}}`,
			key, consoleTime(at+hour), roleID("ci-terraform"), people[3], prodAccount, people[3])})
	t.terraform(assumed(prodAccount, "ci-terraform", people[3], key, at), officeNAT[0], at+3*second)
}

// terraform reads everything it manages. quiet: forty kinds of calls within two
// minutes, by a CI role, from where its key was issued; and roles it maintains.
func (t *trail) terraform(who identity, from string, at int64) {
	for i := range 90 {
		api := planCalls[i%len(planCalls)]
		t.call(at+int64(i)*second, &call{who: who, service: api.service, name: api.name, from: from, agent: agentTerraform, request: `{"maxResults":100}`})
	}
	if t.chance(0.3) {
		t.call(at+95*second, &call{who: who, service: "iam", name: "AttachRolePolicy", from: from, agent: agentTerraform, write: true,
			request: `{"roleName":"app-worker","policyArn":"arn:aws:iam::111122223333:policy/app-worker-queue"}`})
	}
}

var planCalls = []struct{ service, name string }{
	{"sts", "GetCallerIdentity"}, {"ec2", "DescribeVpcs"}, {"ec2", "DescribeSubnets"}, {"ec2", "DescribeRouteTables"}, {"ec2", "DescribeSecurityGroups"},
	{"ec2", "DescribeSecurityGroupRules"}, {"ec2", "DescribeVpcAttribute"}, {"ec2", "DescribeNatGateways"}, {"iam", "GetRole"}, {"iam", "ListRolePolicies"},
	{"iam", "ListAttachedRolePolicies"}, {"iam", "GetPolicy"}, {"iam", "GetPolicyVersion"}, {"s3", "GetBucketLocation"}, {"s3", "GetBucketPolicy"},
	{"s3", "GetBucketVersioning"}, {"s3", "GetBucketEncryption"}, {"s3", "GetBucketLogging"}, {"eks", "DescribeCluster"}, {"eks", "ListNodegroups"},
	{"ecr", "DescribeRepositories"}, {"ecr", "GetLifecyclePolicy"}, {"kms", "DescribeKey"}, {"kms", "GetKeyPolicy"}, {"kms", "ListResourceTags"},
	{"logs", "DescribeLogGroups"}, {"lambda", "GetFunction20150331v2"}, {"lambda", "ListVersionsByFunction20150331"}, {"sqs", "GetQueueAttributes"},
	{"cloudtrail", "DescribeTrails"}, {"cloudtrail", "GetTrailStatus"},
}

// push is a deploy job at work.
func (t *trail) push(j *job) {
	who := j.session()
	for i, name := range []string{"GetAuthorizationToken", "BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage", "DescribeImages"} {
		t.call(j.issued+int64(30+i*4)*second, &call{who: who, service: "ecr", name: name, from: j.ip, agent: "docker/28.0.1 go/go1.23.6 git-commit/bbd0a17 kernel/6.8.0 os/linux arch/amd64",
			request: `{"repositoryName":"api","registryId":"111122223333"}`, write: i >= 2 && i < 6})
	}
}

// upload is a training job at work. quiet: its key is used from another address
// of the same exit as the one it was issued to.
func (t *trail) upload(j *job) {
	who := j.session()
	n := 10
	if j.kind == kindTheft {
		n = 4
	}
	for i := range n {
		t.call(min(j.issued+int64(40+i*7)*second, j.end), &call{who: who, service: "s3", name: "PutObject", from: pick(t.dice, runnerNAT), agent: agentPython, write: true, data: true,
			host:    "example-models.s3." + region + ".amazonaws.com",
			request: `{"bucketName":"example-models","Host":"example-models.s3.eu-west-1.amazonaws.com","key":"support-ranker/part-` + strconv.Itoa(i) + `.safetensors"}`})
	}
	t.call(j.issued+20*second, &call{who: who, service: "kms", name: "GenerateDataKey", from: "AWS Internal", agent: "s3.amazonaws.com", request: `{"keySpec":"AES_256","keyId":"` + t.kmsKey() + `"}`})
}

// rotation is quiet: who administers keys makes a new one, and the old one
// goes. Low: a person renews the own key.
func (t *trail) rotation() {
	at := t.start + 11*hour + int64(t.IntN(3600))*second
	who := user(prodAccount, people[0], fakeAWS(t.dice, "AKIA"))
	old, fresh := fakeAWS(t.dice, "AKIA"), fakeAWS(t.dice, "AKIA")
	step := func(after int64, name, request, response string) {
		t.call(at+after, &call{who: who, service: "iam", name: name, from: vpnExits[0], agent: agentCLI, request: request, response: response, write: true})
	}
	step(0, "CreateAccessKey", `{"userName":"backup-agent"}`, `{"accessKey":{"userName":"backup-agent","accessKeyId":"`+fresh+`","status":"Active","createDate":"`+consoleTime(at)+`"}}`)
	step(12*minute, "UpdateAccessKey", `{"userName":"backup-agent","accessKeyId":"`+old+`","status":"Inactive"}`, "")
	step(50*minute, "DeleteAccessKey", `{"userName":"backup-agent","accessKeyId":"`+old+`"}`, "")
	self, mine := people[2], fakeAWS(t.dice, "AKIA")
	t.call(t.working(), &call{who: user(prodAccount, self, fakeAWS(t.dice, "AKIA")), service: "iam", name: "CreateAccessKey", from: officeNAT[0], agent: agentCLI, write: true,
		request: `{"userName":"` + self + `"}`, response: `{"accessKey":{"userName":"` + self + `","accessKeyId":"` + mine + `","status":"Active"}}`})
}

// dryRuns are quiet: EC2 is asked whether it would do it.
func (t *trail) dryRuns() {
	who := user(prodAccount, people[1], fakeAWS(t.dice, "AKIA"))
	at := t.working()
	for i, name := range []string{"RunInstances", "TerminateInstances", "CreateVolume", "RebootInstances"} {
		t.call(at+int64(i)*10*second, &call{who: who, service: "ec2", name: name, from: officeNAT[1], agent: agentCLI, write: true, request: `{"dryRun":true}`,
			code: "Client.DryRunOperation", message: "Request would have succeeded, but DryRun flag is set."})
	}
}

// bedrock: our own programs ask models.
func (t *trail) bedrock(n int) {
	who := instance(prodAccount, "model-server", "i-0"+t.hex(16), fakeAWS(t.dice, "ASIA"), t.start)
	for range n {
		id := pick(t.dice, []string{"eu.anthropic.claude-sonnet-4-5-v1:0", "amazon.titan-embed-text-v2:0"})
		t.call(t.anytime(), &call{who: who, service: "bedrock", name: pick(t.dice, []string{"InvokeModel", "Converse"}), from: cloudNAT[0], agent: agentPython,
			request: `{"modelId":"` + id + `"}`, host: "bedrock-runtime." + region + ".amazonaws.com"})
	}
}

// thief uses the build's key from elsewhere: who am I, what is here, can I stay.
func (s *Story) thief(t *trail) {
	who, at := s.theft.job.session(), s.theft.used
	by := func(after int64, svc, name, code, request string) {
		c := &call{who: who, service: svc, name: name, from: footholdIP, agent: agentCLI, request: request, code: code, write: name == "CreateAccessKey"}
		if code != "" {
			c.message = fmt.Sprintf("User: arn:aws:sts::%s:assumed-role/%s/GitHubActions is not authorized to perform: %s:%s", prodAccount, s.theft.job.role, svc, name)
		}
		t.call(at+after, c)
	}
	by(0, "sts", "GetCallerIdentity", "", "")
	by(60*second, "s3", "ListBuckets", "", "")
	for i, api := range []struct{ svc, name string }{{"ec2", "DescribeInstances"}, {"ec2", "DescribeVpcs"}, {"iam", "ListUsers"}, {"iam", "ListRoles"}, {"iam", "GetAccountAuthorizationDetails"},
		{"secretsmanager", "ListSecrets"}, {"lambda", "ListFunctions20150331"}, {"rds", "DescribeDBInstances"}, {"ecr", "DescribeRepositories"}, {"bedrock", "ListFoundationModels"}, {"eks", "ListClusters"}} {
		code := "AccessDenied"
		if i%4 == 0 || api.svc == "ecr" {
			code = ""
		}
		if code != "" && api.svc == "ec2" {
			code = "Client.UnauthorizedOperation"
		}
		by(65*second+int64(i)*4*second, api.svc, api.name, code, "")
	}
	for i := range 5 {
		t.call(at+120*second+int64(i)*2*second, &call{who: who, service: "s3", name: "GetObject", from: footholdIP, agent: agentCLI, data: true, host: "example-models.s3." + region + ".amazonaws.com",
			request: `{"bucketName":"example-models","Host":"example-models.s3.eu-west-1.amazonaws.com","key":"support-ranker/part-` + strconv.Itoa(i) + `.safetensors"}`})
	}
	by(150*second, "iam", "CreateAccessKey", "AccessDenied", `{"userName":"backup-agent"}`)
}

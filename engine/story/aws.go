package story

import (
	"fmt"
	"time"
)

// What programs and AWS itself do on a normal day. See also aws_people.go and
// aws_builds.go.

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

// bedrock: our own programs ask models.
func (t *trail) bedrock(n int) {
	who := instance(prodAccount, "model-server", "i-0"+t.hex(16), fakeAWS(t.dice, "ASIA"), t.start)
	for range n {
		id := pick(t.dice, []string{"eu.anthropic.claude-sonnet-4-5-v1:0", "amazon.titan-embed-text-v2:0"})
		t.call(t.anytime(), &call{who: who, service: "bedrock", name: pick(t.dice, []string{"InvokeModel", "Converse"}), from: cloudNAT[0], agent: agentPython,
			request: `{"modelId":"` + id + `"}`, host: "bedrock-runtime." + region + ".amazonaws.com"})
	}
}

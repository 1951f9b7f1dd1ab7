package story

import (
	"fmt"
	"strconv"
)

// What builds do in AWS with the keys they get, and what the thief of one does.

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

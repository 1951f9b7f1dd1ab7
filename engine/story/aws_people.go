package story

import "fmt"

// What people do in AWS: pages of the console, terminals, keys that are renewed.

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

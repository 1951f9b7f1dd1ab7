package story

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// CloudTrailLines writes n records like CloudTrail's, one a line, of realistic
// sizes (1.5 KB on average) and variety: what benchmarks read. It streams and
// keeps nothing.
func CloudTrailLines(seed int64, n int, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	t := newTrail(seed, "bench")
	ids := benchIdentities(t)
	step := 24 * hour / int64(max(n, 1))
	var b []byte
	for i := range n {
		c := benchCall(t, i)
		who := &ids[t.IntN(len(ids))]
		c.who, c.from, c.agent = who.identity, who.from, who.agent
		b = c.append(t.dice, b[:0], t.start+int64(i)*step/second*second)
		b = append(b, '\n')
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Flush()
}

type benchIdentity struct {
	identity
	from, agent string
}

func benchIdentities(t *trail) []benchIdentity {
	var out []benchIdentity
	for i := range 400 {
		from := t.addr(netOurs, 1, 254)
		if i%7 == 0 {
			from = t.addr("10.20.2.", 1, 250)
		}
		switch i % 3 {
		case 0:
			out = append(out, benchIdentity{user(prodAccount, "user-"+strconv.Itoa(i), fakeAWS(t.dice, "AKIA")), from, agentCLI})
		case 1:
			out = append(out, benchIdentity{instance(prodAccount, "app-"+strconv.Itoa(i%20), "i-0"+t.hex(16), fakeAWS(t.dice, "ASIA"), t.start), from, agentSDK})
		default:
			out = append(out, benchIdentity{assumed(prodAccount, "ci-"+strconv.Itoa(i%10), "GitHubActions", fakeAWS(t.dice, "ASIA"), t.start), from, agentPython})
		}
	}
	return out
}

// benchCall draws a call: most are the reads of programs, some are the long
// answers and large requests that records have too.
func benchCall(t *trail, i int) call {
	switch x := t.IntN(100); {
	case x < 55:
		return pick(t.dice, appCalls)(t)
	case x < 90:
		api := pick(t.dice, planCalls)
		return call{service: api.service, name: api.name, request: `{"maxResults":100,"filterSet":{"items":[{"name":"tag:app","valueSet":{"items":[{"value":"server-` + strconv.Itoa(i%90) + `"}]}}]}}`}
	case x < 96:
		return call{service: "ec2", name: "RunInstances", write: true, request: `{"instancesSet":{"items":[{"imageId":"ami-0` + t.hex(16) + `","minCount":1,"maxCount":1}]},"instanceType":"m7g.large"}`,
			response: benchAnswer(t, t.between(4, 14))}
	case x < 98:
		return call{service: "iam", name: pick(t.dice, []string{"CreateRole", "AttachRolePolicy", "CreateAccessKey", "PutRolePolicy"}), write: true,
			request: `{"roleName":"app-` + strconv.Itoa(i%50) + `","policyDocument":"` + t.text(alphaNum, t.between(300, 1800)) + `"}`}
	default:
		return call{service: pick(t.dice, []string{"s3", "kms", "lambda"}), name: "ListBuckets", code: "AccessDenied", message: "User is not authorized to perform this action because no identity-based policy allows it"}
	}
}

func benchAnswer(t *trail, n int) string {
	b := []byte(`{"requestId":"` + t.uuid() + `","reservationId":"r-0` + t.hex(16) + `","instancesSet":{"items":[`)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"instanceId":"i-0%s","imageId":"ami-0%s","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-20-2-%d.internal","instanceType":"m7g.large","launchTime":1772409600000,"placement":{"availabilityZone":"eu-west-1a","tenancy":"default"},"monitoring":{"state":"disabled"},"subnetId":"subnet-0%s"}`,
			t.hex(16), t.hex(16), i+1, t.hex(16))
	}
	return string(append(b, `]}}`...))
}

// BenchRules writes n rules as one YAML file, for benchmarks over
// CloudTrailLines: what packs are made of, mostly equality on action and
// provider, some prefixes, substrings, networks and patterns. About one in
// fifty matches anything.
func BenchRules(n int) []byte {
	var b bytes.Buffer
	d := newDice(int64(n), "rules")
	for i := range n {
		if i > 0 {
			b.WriteString("---\n")
		}
		fmt.Fprintf(&b, "id: bench-%04d\ntitle: benchmark rule %d\nlevel: %s\nfrom: [aws.cloudtrail]\nwhen: >-\n  %s\n",
			i, i, []string{"low", "medium", "high"}[i%3], benchCondition(d, i))
	}
	return b.Bytes()
}

func benchCondition(d dice, i int) string {
	svc := pick(d, []string{"iam", "ec2", "s3", "kms", "lambda", "sts", "rds", "eks", "cloudtrail", "guardduty", "organizations", "sso"})
	verb := pick(d, []string{"Delete", "Put", "Update", "Attach", "Create", "Disable", "Stop", "Modify"})
	noun := pick(d, []string{"Trail", "Policy", "User", "Role", "Detector", "Grant", "Snapshot", "Bucket", "Function", "Member", "Rule", "Key"})
	name := verb + noun + strconv.Itoa(i)
	provider := fmt.Sprintf(`event.provider == "%s.amazonaws.com"`, svc)
	switch i % 20 {
	case 0, 1, 2, 3, 4, 5, 6:
		if i%100 == 0 {
			return `event.action == "CreateAccessKey" and event.provider == "iam.amazonaws.com"`
		}
		return fmt.Sprintf(`event.action == "%s" and %s`, name, provider)
	case 7, 8, 9, 10:
		return fmt.Sprintf(`%s and event.action in ["%s", "%sV2", "%sV3"] and event.outcome == "success"`, provider, name, name, name)
	case 11, 12:
		return fmt.Sprintf(`event.action startsWith "%s" and %s and aws.cloudtrail.user_identity.type == "Root"`, name, provider)
	case 13, 14:
		return fmt.Sprintf(`user_agent.original contains "tool-%d/" and event.outcome == "failure"`, i)
	case 15:
		return fmt.Sprintf(`event.action == "%s" and error.code in ["AccessDenied", "Client.UnauthorizedOperation"]`, name)
	case 16:
		return fmt.Sprintf(`cidr(source.ip, "203.0.113.%d/32") and event.action startsWith "Get"`, i%250)
	case 17:
		return fmt.Sprintf(`user.name == "admin-%d" and not (event.action startsWith "Describe")`, i)
	case 18:
		return fmt.Sprintf(`aws.cloudtrail.user_identity.arn matches "assumed-role/odd-%d-[a-z]+/" and event.action != nil`, i)
	}
	return fmt.Sprintf(`raw.requestParameters.bucketName == "secret-%d" and event.action in ["GetObject", "PutObject", "DeleteObject"]`, i)
}

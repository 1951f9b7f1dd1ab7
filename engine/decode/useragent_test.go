package decode

import (
	"testing"

	"github.com/seed-843b225c/reflex/engine"
)

func TestUserAgents(t *testing.T) {
	for in, want := range map[string]agent{
		"aws-cli/2.15.10 Python/3.11.6 Linux/5.10.205 exe/x86_64.amzn.2":                                                                    {name: "aws-cli", version: "2.15.10", system: "Linux", systemVer: "5.10.205"},
		"Boto3/1.28.0 md/Botocore#1.31.0 ua/2.0 os/linux#5.15":                                                                              {name: "Boto3", version: "1.28.0"},
		"[Boto3/1.9.1 Python/2.7.15 Linux/4.14.0 Botocore/1.12.1]":                                                                          {name: "Boto3", version: "1.9.1", system: "Linux", systemVer: "4.14.0"},
		"APN/1.0 HashiCorp/1.0 Terraform/1.6.0 (+https://www.terraform.io) terraform-provider-aws/4.0 aws-sdk-go/1.44.2 (go1.20)":           {name: "aws-sdk-go", version: "1.44.2"},
		"aws-sdk-go-v2/1.21.0 os/linux lang/go#1.21":                                                                                        {name: "aws-sdk-go-v2", version: "1.21.0"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36":             {name: "Chrome", version: "120.0.0.0", system: "Mac OS X", systemVer: "10.15.7", device: "Mac"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91": {name: "Edge", version: "120.0.2210.91", system: "Windows", systemVer: "10", device: "Other"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0":                                                            {name: "Firefox", version: "121.0", system: "Linux", device: "Other"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15":             {name: "Safari", version: "17.2", system: "Mac OS X", systemVer: "10.15.7", device: "Mac"},
		"ec2.amazonaws.com": {},
		"Mozilla/5.0":       {},
		"aws-cli/":          {},
		"aws-cli/x":         {},
		"":                  {},
	} {
		if got := parseAgent(in); got != want {
			t.Errorf("%q is %+v, want %+v", in, got, want)
		}
	}
}

// TestAgentIsTheRecordsOwn: two records whose agents stand at the same place of
// the same memory.
func TestAgentIsTheRecordsOwn(t *testing.T) {
	l := allFields()
	d, buf := newDecoder(t, l), make([]byte, len(trail))
	for agent, want := range map[string]string{"aws-cli/1.22.33 x": "aws-cli 1.22.33", "Boto3/9.1.5 Linux": "Boto3 9.1.5"} {
		for range 2 {
			r := &recorder{layout: l}
			d.Decode(engine.Record{Data: append(buf[:0], `{"eventVersion":"1.11","eventSource":"s3.amazonaws.com","eventName":"X","eventID":"1","eventTime":"2026-03-02T10:15:00Z","userAgent":"`+agent+`"}`...)}, r)
			if got := r.get(0, "user_agent.name") + " " + r.get(0, "user_agent.version"); got != want {
				t.Errorf("%s is read as %s", agent, got)
			}
		}
	}
}

package story

import "fmt"

// CloudTrail records.

// identity is a caller of AWS: who it is, as JSON, and the key it signs with.
type identity struct {
	json    string
	account string
	key     string
}

// roleID gives the id that AWS has for a role of ours.
func roleID(role string) string {
	id := "AROAEXAMPLE"
	for i := range 10 {
		c := role[i%len(role)]
		id += string(base32[(int(c)*7+i*11)%len(base32)])
	}
	return id
}

func roleARN(account, role string) string { return "arn:aws:iam::" + account + ":role/" + role }

// assumed is the session of a role.
func assumed(account, role, session, key string, since int64) identity {
	id := roleID(role)
	return identity{account: account, key: key, json: fmt.Sprintf(`{"type":"AssumedRole","principalId":"%s:%s",`+
		`"arn":"arn:aws:sts::%s:assumed-role/%s/%s","accountId":"%s","accessKeyId":"%s","sessionContext":{"sessionIssuer":{"type":"Role",`+
		`"principalId":"%s","arn":"%s","accountId":"%s","userName":"%s"},"webIdFederationData":{},`+
		`"attributes":{"creationDate":"%s","mfaAuthenticated":"false"}}}`,
		id, session, account, role, session, account, key, id, roleARN(account, role), account, role, stamp(since, 0))}
}

// instance is the session of a role on a machine.
func instance(account, role, machine, key string, since int64) identity {
	i := assumed(account, role, machine, key, since)
	i.json = i.json[:len(i.json)-2] + `,"ec2RoleDelivery":"2.0"}}`
	return i
}

// user is a person or a program with a long-term key.
func user(account, name, key string) identity {
	return identity{account: account, key: key, json: fmt.Sprintf(`{"type":"IAMUser","principalId":"AIDAEXAMPLE%s","arn":"arn:aws:iam::%s:user/%s",`+
		`"accountId":"%s","accessKeyId":"%s","userName":"%s"}`, roleID(name)[len("AROAEXAMPLE"):], account, name, account, key, name)}
}

// service is AWS acting for itself.
func service(account, name string) identity {
	return identity{account: account, json: `{"type":"AWSService","invokedBy":"` + name + `"}`}
}

// federated is a CI job that shows its OIDC token.
func federated(account, subject string) identity {
	provider := "arn:aws:iam::" + account + ":oidc-provider/token.actions.githubusercontent.com"
	return identity{account: account, json: fmt.Sprintf(`{"type":"WebIdentityUser","principalId":"%s:sts.amazonaws.com:%s","userName":"%s","identityProvider":"%s"}`,
		provider, subject, subject, provider)}
}

// call is one call of an AWS API.
type call struct {
	who      identity
	service  string // "iam"
	name     string
	from     string // sourceIPAddress
	agent    string
	code     string // errorCode
	message  string
	request  string // JSON; "" is null
	response string
	extra    string // additionalEventData
	more     string // further members, with a comma in front
	host     string // "" is SERVICE.REGION.amazonaws.com
	write    bool
	data     bool // a data event
}

// append writes the record of a call. IDs are drawn in one order, so that a
// record is the same wherever it is delivered.
func (c *call) append(d dice, b []byte, at int64) []byte {
	b = append(b, `{"eventVersion":"1.11","userIdentity":`...)
	b = append(b, c.who.json...)
	b = append(b, `,"eventTime":"`...)
	b = append(b, stamp(at, 0)...)
	b = append(b, `","eventSource":"`...)
	b = append(b, c.service...)
	b = append(b, `.amazonaws.com","eventName":"`...)
	b = append(b, c.name...)
	reg := region
	if c.service == "iam" {
		reg = "us-east-1" // a global service
	}
	b = append(b, `","awsRegion":"`...)
	b = append(b, reg...)
	b = append(b, `","sourceIPAddress":"`...)
	b = append(b, c.from...)
	b = append(b, `","userAgent":`...)
	b = appendJSON(b, c.agent)
	if c.code != "" {
		b = append(b, `,"errorCode":"`...)
		b = append(b, c.code...)
		b = append(b, `","errorMessage":`...)
		b = appendJSON(b, c.message)
	}
	b = member(b, "requestParameters", c.request)
	b = member(b, "responseElements", c.response)
	if c.extra != "" {
		b = member(b, "additionalEventData", c.extra)
	}
	return c.tail(d, b)
}

func (c *call) tail(d dice, b []byte) []byte {
	b = append(b, `,"requestID":"`...)
	b = append(b, d.uuid()...)
	b = append(b, `","eventID":"`...)
	b = append(b, d.uuid()...)
	b = append(b, `","readOnly":`...)
	b = boolean(b, !c.write)
	b = append(b, c.more...)
	b = append(b, `,"eventType":"AwsApiCall","managementEvent":`...)
	b = boolean(b, !c.data)
	b = append(b, `,"recipientAccountId":"`...)
	b = append(b, c.who.account...)
	if c.data {
		b = append(b, `","eventCategory":"Data"`...)
	} else {
		b = append(b, `","eventCategory":"Management"`...)
	}
	if c.from != "AWS Internal" && c.who.key != "" {
		host := c.host
		if host == "" {
			host = c.service + "." + region + ".amazonaws.com"
		}
		b = append(b, `,"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"`...)
		b = append(b, host...)
		b = append(b, `"}`...)
	}
	return append(b, '}')
}

func member(b []byte, name, json string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	if json == "" {
		return append(b, "null"...)
	}
	return append(b, json...)
}

func boolean(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

// issue is the call by which a job gets its AWS key.
func issue(j *job) *call {
	subject := "repo:" + j.repo.name + ":ref:" + j.ref()
	if j.event == "pull_request" {
		subject = "repo:" + j.repo.name + ":pull_request"
	}
	arn := roleARN(prodAccount, j.role)
	provider := "arn:aws:iam::" + prodAccount + ":oidc-provider/token.actions.githubusercontent.com"
	return &call{
		who: federated(prodAccount, subject), service: "sts", name: "AssumeRoleWithWebIdentity", from: j.ip,
		agent:   "aws-sdk-nodejs/2.1396.0 linux/v20.18.2 configure-aws-credentials-for-github-actions promise",
		request: fmt.Sprintf(`{"roleArn":"%s","roleSessionName":"GitHubActions","durationSeconds":3600}`, arn),
		response: fmt.Sprintf(`{"credentials":{"accessKeyId":"%s","sessionToken":"","expiration":"%s"},"subjectFromWebIdentityToken":"%s",`+
			`"assumedRoleUser":{"assumedRoleId":"%s:GitHubActions","arn":"arn:aws:sts::%s:assumed-role/%s/GitHubActions"},"provider":"%s","audience":"sts.amazonaws.com"}`,
			j.key, consoleTime(j.issued+hour), subject, roleID(j.role), prodAccount, j.role, provider),
		extra: `{"identityProviderConnectionVerificationMethod":"IAMTrustStore","RequestDetails":{"awsServingRegion":"` + region + `","endpointType":"regional"}}`,
		more:  fmt.Sprintf(`,"resources":[{"accountId":"%s","type":"AWS::IAM::Role","ARN":"%s"}]`, prodAccount, arn),
		host:  hostSTS.name,
	}
}

// session is who a job is after it got its key.
func (j *job) session() identity {
	return assumed(prodAccount, j.role, "GitHubActions", j.key, j.issued)
}

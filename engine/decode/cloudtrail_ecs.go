package decode

import (
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// bedrock reports whether calls of a service are calls of Amazon Bedrock.
func bedrock(source string) bool { return strings.HasPrefix(source, "bedrock") }

// bedrockCalls are the calls that make a model work, with OpenTelemetry's word
// for the operation.
var bedrockCalls = map[string]string{
	"InvokeModel":                        "text_completion",
	"InvokeModelWithResponseStream":      "text_completion",
	"InvokeModelWithBidirectionalStream": "text_completion",
	"Converse":                           "chat",
	"ConverseStream":                     "chat",
	"InvokeAgent":                        "invoke_agent",
	"InvokeInlineAgent":                  "invoke_agent",
	"InvokeFlow":                         "invoke_agent",
	"Retrieve":                           "retrieve",
	"RetrieveAndGenerate":                "chat",
	"RetrieveAndGenerateStream":          "chat",
	"StartAsyncInvoke":                   "text_completion",
	"CreateModelInvocationJob":           "text_completion",
}

// bedrockModel turns a model id, an inference profile id or an ARN into
// vendor/model: eu.anthropic.claude-x-v1:0 and arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-x-v1:0
// are both anthropic/claude-x-v1:0. What has no vendor stays as it is.
func bedrockModel(r *reading, id string) string {
	if strings.HasPrefix(id, "arn:") {
		if i := strings.LastIndexByte(id, '/'); i >= 0 {
			id = id[i+1:]
		}
	}
	vendor, model, ok := strings.Cut(id, ".")
	if !ok {
		return id
	}
	switch vendor {
	case "us", "eu", "apac", "global", "jp", "au", "ca", "us-gov":
		if v, m, ok := strings.Cut(model, "."); ok {
			vendor, model = v, m
		}
	}
	return r.join(vendor, "/", model)
}

// trailKind is a call's ECS category and type.
type trailKind struct{ category, types engine.Value }

func kinds(category string, types ...string) trailKind {
	return trailKind{engine.Strings(category), engine.Strings(types...)}
}

var kindDefault = kinds("api", "info")

// trailKinds are the calls with a category of their own, as Elastic files them;
// every other call is api and info.
var trailKinds = map[string]trailKind{}

func init() {
	for kind, names := range map[[3]string]string{
		{"authentication", "info"}:  "AssumeRole ConsoleLogin",
		{"file", "creation"}:        "CreateBucket",
		{"file", "deletion"}:        "DeleteBucket",
		{"iam", "user", "creation"}: "CreateUser",
		{"iam", "user", "deletion"}: "DeleteUser",
		{"iam", "user", "info"}:     "GetUser GetUserPolicy ListAttachedUserPolicies ListGroupsForUser ListUserPolicies ListUserTags ListUsers",
		{"iam", "user", "change"}: "AttachUserPolicy ChangePassword CreateAccessKey CreateVirtualMFADevice DeactivateMFADevice DeleteAccessKey " +
			"DeleteSSHPublicKey DeleteUserPermissionsBoundary DeleteUserPolicy DeleteVirtualMFADevice DetachUserPolicy EnableMFADevice " +
			"PutUserPermissionsBoundary PutUserPolicy TagUser UntagUser UpdateAccessKey UpdateLoginProfile UpdateSSHPublicKey UpdateUser",
		{"iam", "group", "creation"}: "CreateGroup",
		{"iam", "group", "deletion"}: "DeleteGroup",
		{"iam", "group", "info"}:     "GetGroup GetGroupPolicy ListAttachedGroupPolicies ListGroupPolicies ListGroups",
		{"iam", "group", "change"}:   "AddUserToGroup AttachGroupPolicy DeleteGroupPolicy DetachGroupPolicy PutGroupPolicy RemoveUserFromGroup UpdateGroup",
		{"iam", "admin", "creation"}: "CreateKeyPair",
		{"iam", "admin", "change"}:   "SetDefaultPolicyVersion SetSecurityTokenServicePreferences UpdateAccountPasswordPolicy UpdateRole",
	} {
		types := kind[1:]
		if kind[2] == "" {
			types = kind[1:2]
		}
		for _, name := range strings.Fields(names) {
			trailKinds[name] = kinds(kind[0], types...)
		}
	}
}

func trailCategory(r *reading) engine.Value { return kindOf(r.str(0)).category }

func trailType(r *reading) engine.Value { return kindOf(r.str(0)).types }

func kindOf(name string) trailKind {
	if k, ok := trailKinds[name]; ok {
		return k
	}
	return kindDefault
}

// issuedFrom are the paths issuedKey reads: the key of an STS answer, of a new
// user key, and the user of a new key for one service.
const issuedFrom = "responseElements.credentials.accessKeyId responseElements.accessKey.accessKeyId " +
	"responseElements.serviceSpecificCredential.serviceUserName responseElements.serviceSpecificCredential.userName responseElements.credentialSet errorCode "

// issuedKey gives the id by which usage logs will know the credential that a
// call handed out.
func issuedKey(r *reading) string {
	switch {
	case r.has(5):
		return ""
	case r.has(0):
		return r.str(0)
	case r.has(1):
		return r.str(1)
	case r.has(3):
		return r.str(3)
	case r.has(2):
		return r.str(2)
	}
	key := ""
	r.node(4).elements(func(v node) bool { // Roles Anywhere
		key = v.get("credentials", "accessKeyId").str()
		return key == ""
	})
	return key
}

// credIssued links an issued key to the job or person that got it.
var credIssued = derivation{
	kind: "cred.issued",
	from: issuedFrom,
	when: func(r *reading) bool { return issuedKey(r) != "" },
	table: append(pick(cloudTrailTable, "event.provider", "event.outcome", "source.address", "source.ip", "user_agent.original",
		"cloud.provider", "cloud.account.id", "cloud.region", "cloud.service.name", "user.name", "user.id",
		"aws.cloudtrail.user_identity.type", "aws.cloudtrail.user_identity.arn", "aws.cloudtrail.session_name", "aws.cloudtrail.recipient_account_id",
		"aws.cloudtrail.request_id", "aws.cloudtrail.vpc_endpoint_id",
		"ci.oidc.subject", "ci.provider", "ci.repo.name", "ci.repo.owner", "ci.ref", "ci.environment", "ci.workflow.path", "ci.run.event",
		"ci.run.id", "ci.run.number", "ci.run.attempt", "orchestrator.namespace"),
		row{field: "event.category", is: "authentication"},
		row{field: "event.type", is: "creation"},
		row{field: "secret.kind", is: "cloud_key"},
		row{field: "secret.provider", is: "aws"},
		row{field: "secret.principal", from: issuedFrom, value: func(r *reading) engine.Value { return text(issuedKey(r)) }},
		row{field: "secret.role", from: "requestParameters.roleArn responseElements.assumedRoleUser.arn responseElements.federatedUser.arn requestParameters.profileArn"},
		row{field: "secret.expires", from: "responseElements.credentials.expiration responseElements.credentialSet eventTime requestParameters.durationSeconds", value: issuedUntil},
		row{field: "secret.ttl", from: "responseElements.credentials.expiration responseElements.credentialSet eventTime requestParameters.durationSeconds", value: func(r *reading) engine.Value {
			if v := parseLong(r.str(3)); !v.IsNil() {
				return v
			}
			until, from := issuedUntil(r), int64(0)
			if ns, ok := parseTime(r.str(2)); ok {
				from = ns
			}
			if until.IsNil() || from == 0 || until.Int() < from {
				return engine.Value{}
			}
			return engine.Int((until.Int() - from) / 1e9)
		}},
	),
}

// issuedUntil gives when an issued key ends, nil for one that does not.
func issuedUntil(r *reading) engine.Value {
	s := r.str(0)
	if s == "" {
		r.node(1).elements(func(v node) bool {
			s = v.get("credentials", "expiration").str()
			return false
		})
	}
	if ns, ok := parseTime(s); ok {
		return engine.Instant(ns)
	}
	from, ok := parseTime(r.str(2))
	ttl := parseLong(r.str(3))
	if !ok || ttl.IsNil() {
		return engine.Value{}
	}
	return engine.Instant(from + ttl.Int()*1e9)
}

// pick gives the rows of some fields.
func pick(table []row, fields ...string) []row {
	var out []row
	for _, f := range fields {
		for _, r := range table {
			if r.field == f {
				out = append(out, r)
			}
		}
	}
	return out
}

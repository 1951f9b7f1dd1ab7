package decode

import (
	"net/netip"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// cloudTrail reads AWS CloudTrail records. Where Elastic's integration maps a
// field, the field and its meaning are the same here.
var cloudTrail = format{
	name:    "cloudtrail",
	dataset: engine.CloudTrail,
	signs:   "eventVersion eventSource eventName eventID eventType awsRegion userIdentity requestParameters",
	sniff: func(r *reading) bool {
		if !r.has(1) {
			return r.has(0) && r.has(4) // Insights have no source
		}
		if r.kind(6) != '{' && r.kind(6) != 'n' || r.kind(7) == '"' {
			return false // flattened, or made text: a copy
		}
		return (r.has(2) && (r.has(0) || r.has(3) || r.has(5)) || r.has(0) && r.has(3) && r.has(4)) && !strings.HasPrefix(r.str(1), "aws:") // aws:s3 is a bucket notification
	},
	table:    cloudTrailTable,
	derived:  []derivation{credIssued},
	document: trailDocument,
}

// cloudTrailCopy reads copies in data lakes and search exports, whose keys may be
// lower-cased or flattened with dots and whose objects may have become text.
var cloudTrailCopy = format{
	name:    "cloudtrail",
	dataset: engine.CloudTrail,
	signs: "eventversion eventsource eventname eventid awsregion eventtime eventVersion eventSource eventName eventID awsRegion eventTime " +
		"useridentity userIdentity sourceipaddress sourceIPAddress",
	sniff: func(r *reading) bool {
		for _, n := range [...]int{0, 6} { // in lower case, or as they are
			if r.has(n+1) && r.has(n+2) && !strings.HasPrefix(r.str(n+1), "aws:") &&
				(r.has(n) || r.has(n+3) || r.has(n+4) || r.has(n+5) && (r.kind(12) != 0 || r.kind(13) != 0 || r.has(14) || r.has(15))) {
				return true
			}
		}
		return false
	},
	table:    cloudTrailTable,
	derived:  []derivation{credIssued},
	document: trailDocument,
	fold:     true,
	dotted:   true,
	embedded: "userIdentity requestParameters responseElements additionalEventData tlsDetails resources",
}

const (
	identity = "userIdentity."
	session  = "userIdentity.sessionContext."
	issuer   = "userIdentity.sessionContext.sessionIssuer."
)

var cloudTrailTable = append(agentRows("userAgent"), []row{
	{field: "@timestamp", from: "eventTime @timestamp"},
	{field: "event.id", from: "eventID"},
	{field: "event.provider", from: "eventSource"},
	{field: "event.action", from: "eventName"},
	{field: "event.outcome", from: "errorCode errorMessage eventName responseElements.ConsoleLogin", value: trailOutcome},
	{field: "event.category", from: "eventName", value: trailCategory},
	{field: "event.type", from: "eventName", value: trailType},
	{field: "error.code", from: "errorCode"},
	{field: "error.message", from: "errorMessage"},
	{field: "source.address", from: "sourceIPAddress"},
	{field: "source.ip", from: "sourceIPAddress", value: firstPublic},
	{field: "user.name", from: identity + "userName " + issuer + "userName"},
	{field: "user.id", from: identity + "principalId userIdentity.onBehalfOf.userId"},
	{field: "user.target.name", from: "requestParameters.userName"},
	{field: "user.target.id", from: "responseElements.user.userId"},
	{field: "user.changes.name", from: "requestParameters.newUserName"},
	{field: "group.name", from: "requestParameters.groupName"},
	{field: "group.id", from: "responseElements.group.groupId"},
	{field: "tls.version", from: "tlsDetails.tlsVersion", value: tlsVersion},
	{field: "tls.version_protocol", from: "tlsDetails.tlsVersion", value: tlsProtocol},
	{field: "tls.cipher", from: "tlsDetails.cipherSuite"},
	{field: "tls.client.server_name", from: "tlsDetails.clientProvidedHostHeader"},
	{field: "server.domain", from: "tlsDetails.clientProvidedHostHeader"},
	{field: "cloud.provider", is: "aws"},
	{field: "cloud.account.id", from: identity + "accountId recipientAccountId"},
	{field: "cloud.region", from: "awsRegion"},
	{field: "cloud.service.name", from: "eventSource", value: func(r *reading) engine.Value {
		name, _, _ := strings.Cut(r.str(0), ".")
		return text(name)
	}},

	{field: "aws.cloudtrail.event_version", from: "eventVersion"},
	{field: "aws.cloudtrail.event_type", from: "eventType"},
	{field: "aws.cloudtrail.event_category", from: "eventCategory"},
	{field: "aws.cloudtrail.management_event", from: "managementEvent"},
	{field: "aws.cloudtrail.read_only", from: "readOnly"},
	{field: "aws.cloudtrail.request_id", from: "requestID"},
	{field: "aws.cloudtrail.shared_event_id", from: "sharedEventID sharedEventId"},
	{field: "aws.cloudtrail.recipient_account_id", from: "recipientAccountId"},
	{field: "aws.cloudtrail.api_version", from: "apiVersion"},
	{field: "aws.cloudtrail.error_code", from: "errorCode"},
	{field: "aws.cloudtrail.error_message", from: "errorMessage"},
	{field: "aws.cloudtrail.user_identity.type", from: identity + "type"},
	{field: "aws.cloudtrail.user_identity.arn", from: identity + "arn"},
	{field: "aws.cloudtrail.user_identity.access_key_id", from: identity + "accessKeyId"},
	{field: "aws.cloudtrail.user_identity.invoked_by", from: identity + "invokedBy"},
	{field: "aws.cloudtrail.user_identity.session_context.creation_date", from: session + "attributes.creationDate"},
	{field: "aws.cloudtrail.user_identity.session_context.mfa_authenticated", from: session + "attributes.mfaAuthenticated"},
	{field: "aws.cloudtrail.user_identity.session_context.session_issuer.type", from: issuer + "type"},
	{field: "aws.cloudtrail.user_identity.session_context.session_issuer.principal_id", from: issuer + "principalId"},
	{field: "aws.cloudtrail.user_identity.session_context.session_issuer.arn", from: issuer + "arn"},
	{field: "aws.cloudtrail.user_identity.session_context.session_issuer.account_id", from: issuer + "accountId"},
	{field: "aws.cloudtrail.user_identity.session_context.session_issuer.user_name", from: issuer + "userName"},
	{field: "aws.cloudtrail.user_identity.session_context.ec2_role_delivery", from: session + "ec2RoleDelivery"},
	{field: "aws.cloudtrail.session_name", from: sessionFrom, value: func(r *reading) engine.Value { return text(trailSession(r)) }},
	{field: "aws.cloudtrail.session_credential_from_console", from: "sessionCredentialFromConsole"},
	{field: "aws.cloudtrail.vpc_endpoint_id", from: "vpcEndpointId"},
	{field: "aws.cloudtrail.bearer_token", from: "additionalEventData.callWithBearerToken"},
	{field: "aws.cloudtrail.addendum.reason", from: "addendum.reason"},
	{field: "aws.cloudtrail.request_parameters", from: "requestParameters", value: trailText},
	{field: "aws.cloudtrail.response_elements", from: "responseElements", value: trailText},
	{field: "aws.cloudtrail.additional_eventdata", from: "additionalEventData", value: trailText},
	{field: "aws.cloudtrail.service_event_details", from: "serviceEventDetails", value: trailText},
	{field: "aws.cloudtrail.console_login.additional_eventdata.login_to", from: "eventName additionalEventData.LoginTo", value: func(r *reading) engine.Value {
		if r.str(0) != "ConsoleLogin" {
			return engine.Value{}
		}
		return text(r.str(1))
	}},
	{field: "aws.cloudtrail.console_login.additional_eventdata.mobile_version", from: "eventName additionalEventData.MobileVersion", value: loginFlag},
	{field: "aws.cloudtrail.console_login.additional_eventdata.mfa_used", from: "eventName additionalEventData.MFAUsed", value: loginFlag},
	{field: "aws.cloudtrail.resources.arn", from: "resources.ARN resources.arn"},

	{field: "secret.principal", from: identity + "accessKeyId additionalEventData.callWithBearerToken " + identity + "userName", value: func(r *reading) engine.Value {
		if strings.EqualFold(r.str(1), "true") && r.has(2) {
			return text(r.str(2)) // a Bedrock API key is known by its user
		}
		return text(r.str(0))
	}},
	{field: "gen_ai.provider.name", from: "eventSource", value: func(r *reading) engine.Value {
		if !bedrock(r.str(0)) {
			return engine.Value{}
		}
		return engine.String("aws.bedrock")
	}},
	{field: "gen_ai.operation.name", from: "eventSource eventName", value: func(r *reading) engine.Value {
		if !bedrock(r.str(0)) {
			return engine.Value{}
		}
		return text(bedrockCalls[r.str(1)])
	}},
	{field: "gen_ai.request.model", from: "eventSource eventName requestParameters.modelId", value: func(r *reading) engine.Value {
		if !bedrock(r.str(0)) || bedrockCalls[r.str(1)] == "" || !r.has(2) {
			return engine.Value{} // asking whether a model can be had is not asking it
		}
		return text(bedrockModel(r, r.str(2)))
	}},
	{field: "gen_ai.usage.requests", from: "eventSource eventName", value: func(r *reading) engine.Value {
		if !bedrock(r.str(0)) || bedrockCalls[r.str(1)] == "" {
			return engine.Value{}
		}
		return engine.Int(1)
	}},
	{field: "gen_ai.usage.input_tokens", from: "additionalEventData.inputTokens"},
	{field: "gen_ai.usage.output_tokens", from: "additionalEventData.outputTokens"},

	{field: "ci.oidc.subject", from: subjectFrom, value: func(r *reading) engine.Value { return text(trailSubject(r)) }},
	{field: "ci.provider", from: subjectFrom + sessionFrom, value: trailProvider},
	{field: "ci.repo.name", from: subjectFrom, value: fromSubject(func(s subject) string { return s.repo })},
	{field: "ci.repo.owner", from: subjectFrom, value: fromSubject(func(s subject) string {
		owner, _, _ := strings.Cut(s.repo, "/")
		return owner
	})},
	{field: "ci.ref", from: subjectFrom, value: fromSubject(func(s subject) string { return s.ref })},
	{field: "ci.environment", from: subjectFrom, value: fromSubject(func(s subject) string { return s.environment })},
	{field: "ci.workflow.path", from: subjectFrom, value: fromSubject(func(s subject) string { return s.workflow })},
	{field: "ci.run.event", from: subjectFrom, value: fromSubject(func(s subject) string { return s.event })},
	{field: "orchestrator.namespace", from: subjectFrom, value: fromSubject(func(s subject) string { return s.namespace })},
	{field: "ci.run.id", from: sessionFrom, value: func(r *reading) engine.Value {
		run, attempt, ok := trailRun(r)
		if !ok {
			return engine.Value{}
		}
		if attempt == "" {
			attempt = "1"
		}
		return text(r.join(run, "-", attempt))
	}},
	{field: "ci.run.number", from: sessionFrom, value: func(r *reading) engine.Value {
		run, _, ok := trailRun(r)
		if !ok {
			return engine.Value{}
		}
		return text(run)
	}},
	{field: "ci.run.attempt", from: sessionFrom, value: func(r *reading) engine.Value {
		_, attempt, ok := trailRun(r)
		if !ok {
			return engine.Value{}
		}
		if attempt == "" {
			return engine.Int(1)
		}
		return parseLong(attempt)
	}},
}...)

// firstPublic gives the address when the whole string is one. Of a list, which
// proxies write, it is the first public one. A service is no address, and
// neither is 203.0.113.009: nobody can say which one was meant.
func firstPublic(r *reading) engine.Value {
	s := r.str(0)
	if a, ok := parseAddr(s); ok {
		return engine.Address(a)
	}
	if strings.IndexByte(s, ',') < 0 {
		if s == "" || s[0] != '[' && (s[0] < '0' || s[0] > '9') {
			return engine.Value{}
		}
		ap, _ := netip.ParseAddrPort(s) // a gateway's peer
		return engine.Address(ap.Addr())
	}
	var first netip.Addr
	for s != "" {
		var one string
		one, s, _ = strings.Cut(s, ",")
		a, ok := parseAddr(strings.TrimSpace(one))
		if !ok {
			return engine.Value{}
		}
		if a = a.Unmap(); public(a) {
			return engine.Address(a)
		}
		if !first.IsValid() {
			first = a
		}
	}
	return engine.Address(first)
}

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

func trailOutcome(r *reading) engine.Value {
	if r.str(2) == "ConsoleLogin" && r.has(3) {
		if strings.EqualFold(r.str(3), "success") {
			return engine.String("success")
		}
		return engine.String("failure")
	}
	if r.has(0) || r.has(1) {
		return engine.String("failure")
	}
	return engine.String("success")
}

// loginFlag reads the yes and no of a sign-in.
func loginFlag(r *reading) engine.Value {
	if r.str(0) != "ConsoleLogin" || !r.has(1) {
		return engine.Value{}
	}
	return engine.Boolean(!strings.EqualFold(r.str(1), "no") && !strings.EqualFold(r.str(1), "false"))
}

// tlsVersion gives the digits of TLSv1.3 or 1.3; the literal word that stands
// in some records instead is none.
func tlsVersion(r *reading) engine.Value {
	s := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(r.str(0), "TLSv"), "SSLv"), "v")
	if s == "" || s[0] < '0' || s[0] > '9' {
		return engine.Value{}
	}
	return engine.String(s)
}

func tlsProtocol(r *reading) engine.Value {
	if tlsVersion(r).IsNil() {
		return engine.Value{}
	}
	if strings.HasPrefix(r.str(0), "SSL") {
		return engine.String("ssl")
	}
	return engine.String("tls")
}

// sessionFrom are the paths trailSession reads.
const sessionFrom = "userIdentity.type userIdentity.arn userIdentity.principalId requestParameters.roleSessionName "

// trailSession gives the name of the role session that acts or, when a role is
// being assumed, of the new one.
func trailSession(r *reading) string {
	if r.has(3) {
		return r.str(3)
	}
	return actingSession(r)
}

func actingSession(r *reading) string {
	if r.str(0) != "AssumedRole" && r.str(0) != "Role" {
		return ""
	}
	if arn := r.str(1); strings.Contains(arn, ":assumed-role/") {
		if i := strings.LastIndexByte(arn, '/'); i >= 0 {
			return arn[i+1:]
		}
	}
	_, name, _ := strings.Cut(r.str(2), ":")
	return name
}

// trailRun gives the run that a session name carries: the new session's, else
// the one of the session that acts.
func trailRun(r *reading) (run, attempt string, ok bool) {
	if run, attempt, ok = sessionRun(r.str(3)); ok {
		return run, attempt, ok
	}
	return sessionRun(actingSession(r))
}

// subjectFrom are the paths trailSubject reads.
const subjectFrom = "userIdentity.type userIdentity.userName responseElements.subjectFromWebIdentityToken "

func trailSubject(r *reading) string {
	if r.has(2) {
		return r.str(2)
	}
	if r.str(0) == "WebIdentityUser" {
		return r.str(1)
	}
	return ""
}

func fromSubject(part func(subject) string) func(*reading) engine.Value {
	return func(r *reading) engine.Value {
		s := trailSubject(r)
		if s == "" {
			return engine.Value{}
		}
		return text(part(parseSubject(s)))
	}
}

func trailProvider(r *reading) engine.Value {
	if s := trailSubject(r); s != "" {
		return text(parseSubject(s).provider)
	}
	r.at = r.at[3:]
	if _, _, ok := trailRun(r); ok {
		return engine.String("github")
	}
	return engine.Value{}
}

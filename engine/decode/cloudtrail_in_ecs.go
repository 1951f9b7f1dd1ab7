package decode

import "strings"

// Elastic keeps no original of a CloudTrail record unless told to, but all its parts
// under other names. So that rules about what was asked, and keys that were handed
// out, are found in such documents too, CloudTrail's paths are read there.

// inECS gives the path in such a document of a path in a record; itself when it has
// no other.
func inECS(path string) string {
	for _, p := range [...][2]string{
		{"requestParameters", "aws.cloudtrail.flattened.request_parameters"},
		{"responseElements", "aws.cloudtrail.flattened.response_elements"},
		{"additionalEventData", "aws.cloudtrail.flattened.additional_eventdata"},
		{"userIdentity.sessionContext.sessionIssuer.userName", "user.name"},
		{"userIdentity.userName", "user.name"},
		{"userIdentity.principalId", "user.id"},
		{"userIdentity.accountId", "cloud.account.id"},
		{"userIdentity.accessKeyId", "aws.cloudtrail.user_identity.access_key_id"},
		{"userIdentity.invokedBy", "aws.cloudtrail.user_identity.invoked_by"},
		{"userIdentity.type", "aws.cloudtrail.user_identity.type"},
		{"userIdentity.arn", "aws.cloudtrail.user_identity.arn"},
		{"eventTime", "@timestamp"}, {"eventSource", "event.provider"}, {"eventName", "event.action"}, {"awsRegion", "cloud.region"},
		{"sourceIPAddress", "source.address"}, {"userAgent", "user_agent.original"}, {"errorCode", "aws.cloudtrail.error_code"},
		{"errorMessage", "aws.cloudtrail.error_message"}, {"requestID", "aws.cloudtrail.request_id"}, {"vpcEndpointId", "aws.cloudtrail.vpc_endpoint_id"},
		{"recipientAccountId", "aws.cloudtrail.recipient_account_id"},
	} {
		if rest, ok := strings.CutPrefix(path, p[0]); ok && (rest == "" || rest[0] == '.') {
			return p[1] + rest
		}
	}
	return path
}

// allInECS is inECS for paths separated by spaces.
func allInECS(paths string) string {
	all := strings.Fields(paths)
	for i, p := range all {
		all[i] = inECS(p)
	}
	return strings.Join(all, " ")
}

// ecsIssued is credIssued of a document.
var ecsIssued = func() derivation {
	d := credIssued
	d.from = allInECS(d.from)
	d.table = nil
	for _, r := range credIssued.table {
		r.from = allInECS(r.from)
		d.table = append(d.table, r)
	}
	return d
}()

package story

// BenchStateful gives ten rules as YAML, one for each way to remember, over the
// records of CloudTrailLines: about one record in six is a base hit of at least
// one, one in several thousand makes an alert. Three read what GeoIP knows
// about the address. Beside BenchRules they make a pack as large
// installations have.
func BenchStateful() []byte { return []byte(benchStateful) }

const benchStateful = `id: bench-denied
title: many refusals of one key
level: low
from: [aws.cloudtrail]
when: error.code == "AccessDenied"
count: {by: [secret.principal], within: 10m, at_least: 3}
alert: {entities: {user: user.name}}
---
id: bench-denied-services
title: one key refused by many services
level: medium
from: [aws.cloudtrail]
when: event.outcome == "failure"
count: {by: [secret.principal], within: 10m, distinct: event.provider, at_least: 3}
alert: {entities: {user: user.name}}
---
id: bench-denied-address
title: many refusals of one address
level: low
from: [aws.cloudtrail]
when: error.code == "AccessDenied" and source.geo.country_iso_code != "US"
count: {by: [source.ip], within: 10m, at_least: 4}
alert: {entities: {ip: source.ip}}
---
id: bench-many-networks
title: one user changes roles from several networks at once
level: high
from: [aws.cloudtrail]
when: event.provider == "iam.amazonaws.com" and source.as.number != nil
count: {by: [user.name], within: 10s, distinct: source.as.number, at_least: 2}
alert: {entities: {user: user.name}}
---
id: bench-new-action
title: a write this user never did before
level: low
from: [aws.cloudtrail]
when: aws.cloudtrail.read_only == false
first_seen: {value: [event.action], by: [user.name], memory: 30d, learn: {for: 6h, events: 20}}
alert: {entities: {user: user.name}}
---
id: bench-new-country
title: a change from a country new for this user
level: medium
from: [aws.cloudtrail]
when: event.provider == "iam.amazonaws.com" and source.geo.country_iso_code != nil
first_seen: {value: [source.geo.country_iso_code], by: [user.name], memory: 30d, learn: {for: 30m, events: 3}}
alert: {entities: {user: user.name}}
---
id: bench-role-policy
title: a role and then its policy
level: medium
from: [aws.cloudtrail]
sequence:
  within: 5m
  steps:
    - {id: role, when: event.action == "CreateRole", by: {user: secret.principal}}
    - {id: policy, when: event.action == "AttachRolePolicy", by: {user: secret.principal}}
alert: {entities: {user: key.user}}
---
id: bench-key-policy
title: a key and a policy in any order
level: medium
from: [aws.cloudtrail]
sequence:
  within: 3m
  ordered: false
  steps:
    - {id: made, when: event.action == "CreateAccessKey", by: {user: secret.principal}}
    - {id: policy, when: event.action == "PutRolePolicy", by: {user: secret.principal}}
alert: {entities: {user: key.user}}
---
id: bench-policy-unused
title: a policy that nothing was started under
level: low
from: [aws.cloudtrail]
sequence:
  within: 4h
  steps:
    - {id: policy, when: event.action == "PutRolePolicy", by: {user: secret.principal}}
    - {id: start, when: event.action == "RunInstances", by: {user: secret.principal}, within: 2h, negated: true}
alert: {entities: {user: key.user}}
---
id: bench-denied-then-role
title: many refusals and then a role with its policy
level: high
from: [aws.cloudtrail]
sequence:
  within: 24h
  steps:
    - {id: denied, rule: bench-denied, by: {user: secret.principal}}
    - {id: role, rule: bench-role-policy, by: {user: secret.principal}}
alert: {entities: {user: key.user}}
`

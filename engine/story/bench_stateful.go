package story

// BenchStateful gives ten rules as YAML, one of each way to remember, over the
// records of CloudTrailLines. About one record in ten is a base hit of at least
// one; several read what GeoIP knows about the address. Beside BenchRules(990)
// they make a pack as large installations have.
func BenchStateful() []byte { return []byte(benchStateful) }

const benchStateful = `---
id: bench-denied
title: many refusals
level: low
from: [aws.cloudtrail]
when: error.code == "AccessDenied"
count: {by: [user.name], within: 10m, at_least: 6}
alert: {entities: {user: user.name}}
---
id: bench-denied-services
title: refused by many services
level: medium
from: [aws.cloudtrail]
when: event.outcome == "failure"
count: {by: [user.name], within: 1h, distinct: event.provider, at_least: 3}
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
title: one key from several networks
level: high
from: [aws.cloudtrail]
when: event.provider == "iam.amazonaws.com" and source.as.number != nil
count: {by: [user.name], within: 1h, distinct: source.as.number, at_least: 2}
alert: {entities: {user: user.name}}
---
id: bench-new-action
title: a write this user never did before
level: low
from: [aws.cloudtrail]
when: aws.cloudtrail.read_only == false
first_seen: {value: [event.action], by: [user.name], memory: 30d, learn: {for: 1h, events: 10}}
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
  within: 30m
  steps:
    - {id: role, when: event.action == "CreateRole", by: {user: user.name}}
    - {id: policy, when: event.action == "AttachRolePolicy", by: {user: user.name}}
alert: {entities: {user: key.user}}
---
id: bench-key-policy
title: a key and a policy in any order
level: medium
from: [aws.cloudtrail]
sequence:
  within: 20m
  ordered: false
  steps:
    - {id: made, when: event.action == "CreateAccessKey", by: {user: user.name}}
    - {id: policy, when: event.action == "PutRolePolicy", by: {user: user.name}}
alert: {entities: {user: key.user}}
---
id: bench-policy-unused
title: a policy that nothing was started under
level: low
from: [aws.cloudtrail]
sequence:
  within: 30m
  steps:
    - {id: policy, when: event.action == "PutRolePolicy", by: {user: user.name}}
    - {id: start, when: event.action == "RunInstances", by: {user: user.name}, within: 10m, negated: true}
alert: {entities: {user: key.user}}
---
id: bench-denied-then-role
title: many refusals and then a role
level: high
from: [aws.cloudtrail]
sequence:
  within: 2h
  steps:
    - {id: denied, rule: bench-denied, by: {user: user.name}}
    - {id: role, rule: bench-role-policy, by: {user: user.name}}
alert: {entities: {user: key.user}}
`

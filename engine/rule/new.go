package rule

import "strings"

// New gives the text of a new rule with one test that fires and one that stays
// quiet, ready to be changed; it loads as it is.
func New(id string) string {
	title := strings.ReplaceAll(id, "-", " ")
	if title != "" {
		title = strings.ToUpper(title[:1]) + title[1:]
	}
	return strings.NewReplacer("ID", id, "TITLE", title).Replace(`id: ID
title: TITLE
status: experimental
mode: alert                # alert | signal | shadow | off
level: medium              # informational | low | medium | high | critical
description: What it sees, and why that matters.
tags: []                   # attack.t1078.004, atlas.aml.t0012, reflex.expose
from: [aws.cloudtrail]     # the datasets it reads; leave it out for all
when: |
  event.action == "CreateAccessKey" and event.outcome == "success"
alert:
  title: 'TITLE: {{ user.name }} from {{ source.ip }}'
  entities: {user: user.name, ip: source.ip}
  dedup: {by: [user.name], within: 1h}
  show: [event.action, user_agent.original]
falsepositives:
  - What else looks like this.
runbook:
  - The first thing to do.
tests:
  - name: it fires
    events:
      - {dataset: aws.cloudtrail, set: {event.action: CreateAccessKey, event.outcome: success, user.name: example, source.ip: 203.0.113.7}}
    alerts:
      - {level: medium, title: 'TITLE: example from 203.0.113.7', entities: {user: example}}
  - name: a refused call stays quiet
    events:
      - {dataset: aws.cloudtrail, set: {event.action: CreateAccessKey, event.outcome: failure, user.name: example, source.ip: 203.0.113.7}}
    alerts: 0
`)
}

// ValidID reports whether id may name a rule.
func ValidID(id string) bool { return slugForm.MatchString(id) && len(id) <= 80 }

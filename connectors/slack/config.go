package slack

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// Config says where incidents are told. Either Token or Webhook is set.
type Config struct {
	Token   engine.Hidden `yaml:"token"`   // bot token; needs chat:write and channels:history (groups:history for private channels)
	Webhook engine.Hidden `yaml:"webhook"` // URL of an incoming webhook; no edits, no threads
	// Channel is the id of the default channel, such as C0EXAMPLE1. An id stays
	// when people rename the channel, and Slack's history is asked by id only.
	Channel  string  `yaml:"channel"`
	Routes   []Route `yaml:"routes"`    // first match wins; none: Channel
	MinLevel string  `yaml:"min_level"` // incidents below it are not told; default low
	Links    []Link  `yaml:"links"`     // shown at the end of each message
	API      string  `yaml:"api"`       // base URL of the Web API, for proxies and tests; default https://slack.com/api/
}

// Route sends incidents to a channel of their own. What is set must match:
// the level, one of the tags, and one of the owners.
type Route struct {
	MinLevel string   `yaml:"min_level"`
	Tags     []string `yaml:"tags"`
	Owners   []string `yaml:"owners"`
	Channel  string   `yaml:"channel"`
}

// Link is a way from the message to where the incident is shown in full.
// "{incident}" in URL becomes the incident's id.
type Link struct {
	Text string `yaml:"text"`
	URL  string `yaml:"url"`
}

const (
	defaultAPI      = "https://slack.com/api/"
	defaultMinLevel = engine.Low
)

var channelID = regexp.MustCompile(`^[CDG][A-Z0-9]{5,}$`)

// Validate gives every mistake in the settings, joined.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("slack: "+format, args...)) }
	switch {
	case c.Token == "" && c.Webhook == "":
		bad("neither token nor webhook is set: give the token of a bot, or the URL of an incoming webhook")
	case c.Token != "" && c.Webhook != "":
		bad("token and webhook are both set: keep the token, it can edit messages")
	case c.Webhook != "":
		c.validateWebhook(bad)
	default:
		c.validateChannel(bad, "channel", c.Channel)
		for i, r := range c.Routes {
			c.validateChannel(bad, fmt.Sprintf("routes[%d].channel", i), r.Channel)
		}
	}
	checkLevel(bad, "min_level", c.MinLevel)
	for i, r := range c.Routes {
		checkLevel(bad, fmt.Sprintf("routes[%d].min_level", i), r.MinLevel)
	}
	if c.API != "" && !webAddress(c.API) {
		bad("api %q: not an http or https address", c.API)
	}
	for i, l := range c.Links {
		if l.Text == "" || !webAddress(strings.ReplaceAll(l.URL, "{incident}", "x")) {
			bad("links[%d]: needs a text and an http or https url, which may hold {incident}", i)
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateWebhook(bad func(string, ...any)) {
	if !webAddress(c.Webhook.Reveal()) {
		bad("webhook: not an http or https address")
	}
	if c.Channel != "" || len(c.Routes) > 0 {
		bad("webhook: an incoming webhook has one channel of its own: take channel and routes away, or use a token")
	}
}

func (c *Config) validateChannel(bad func(string, ...any), key, id string) {
	if !channelID.MatchString(id) {
		bad("%s %q: not a channel id such as C0EXAMPLE1: open the channel's details in Slack, the id stands at the end", key, id)
	}
}

func checkLevel(bad func(string, ...any), key, word string) {
	if _, err := engine.ParseLevel(word); word != "" && err != nil {
		bad("%s %q: levels are %s", key, word, strings.Join(engine.LevelNames(), ", "))
	}
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// level reads a level that Validate has seen.
func level(word string, unset engine.Level) engine.Level {
	if l, err := engine.ParseLevel(word); err == nil {
		return l
	}
	return unset
}

// channel gives the channel of an incident: the first route that matches.
func (c *Config) channel(in *engine.Incident) string {
	for _, r := range c.Routes {
		if in.Level >= level(r.MinLevel, 0) && anyOf(r.Tags, in.Tags) && (len(r.Owners) == 0 || slices.Contains(r.Owners, in.Owner)) {
			return r.Channel
		}
	}
	return c.Channel
}

// channels lists every channel that may be written to, the default first.
func (c *Config) channels() []string {
	out := []string{c.Channel}
	for _, r := range c.Routes {
		if !slices.Contains(out, r.Channel) {
			out = append(out, r.Channel)
		}
	}
	return out
}

func anyOf(want, have []string) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(w string) bool { return slices.Contains(have, w) })
}

// Package webhook delivers transitions to an HTTP address of the organisation's
// own: each request is a JSON array of ECS documents, the same that go to
// Elasticsearch, signed so that the receiver knows who sent it.
//
// A request that was not answered with success comes again, whole or in parts,
// so receivers keep what they have seen by reflex.transition.id, which names
// one change for ever. Order is that of the alert log.
package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Config says where transitions are posted.
type Config struct {
	URL      engine.Hidden            `yaml:"url"`       // http or https; may hold a token, so it prints as stars
	Headers  map[string]engine.Hidden `yaml:"headers"`   // added to every request
	Secret   engine.Hidden            `yaml:"secret"`    // signs the body (Reflex-Signature); empty: not signed
	CA       string                   `yaml:"ca"`        // PEM file of the authority that signed the server's certificate; empty: the system's
	Cert     string                   `yaml:"cert"`      // PEM file of a client certificate, with Key
	Key      string                   `yaml:"key"`       // PEM file of its key
	Timeout  time.Duration            `yaml:"timeout"`   // of one request; default 10s
	MinLevel string                   `yaml:"min_level"` // transitions below it are accepted without being sent; default all
}

const defaultTimeout = 10 * time.Second

// reserved are headers that the sink sets itself.
var reserved = map[string]bool{"Content-Type": true, "Content-Length": true, "Host": true, HeaderSignature: true, HeaderTimestamp: true}

// Validate gives every mistake in the settings, joined.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("webhook: "+format, args...)) }
	if c.URL == "" {
		bad("url is not set")
	} else if u, err := url.Parse(c.URL.Reveal()); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		bad("url: not an http or https address") // without the address, which may hold a token
	}
	for name, value := range c.Headers {
		switch {
		case name == "" || strings.ContainsAny(name, " :\r\n\t") || strings.ContainsAny(value.Reveal(), "\r\n\x00"):
			bad("headers: %q is not a header", name)
		case reserved[http.CanonicalHeaderKey(name)]:
			bad("headers: %s is set by reflex itself", name)
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		bad("cert and key belong together: set both or none")
	}
	if c.Timeout < 0 {
		bad("timeout %s: less than nothing", c.Timeout)
	}
	if _, err := engine.ParseLevel(c.MinLevel); c.MinLevel != "" && err != nil {
		bad("min_level %q: levels are %s", c.MinLevel, strings.Join(engine.LevelNames(), ", "))
	}
	return errors.Join(errs...)
}

package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

// Config says where Elasticsearch is and who writes to it.
type Config struct {
	URLs       []string      `yaml:"urls"`        // http or https, with a path where a proxy wants one; several nodes of one cluster
	APIKey     engine.Hidden `yaml:"api_key"`     // in its encoded form; instead of user and password
	User       string        `yaml:"user"`        //
	Password   engine.Hidden `yaml:"password"`    //
	CA         string        `yaml:"ca"`          // file of PEM certificates to trust instead of the system's
	Cert       string        `yaml:"cert"`        // file of the client's own certificate, with Key
	Key        string        `yaml:"key"`         //
	Namespace  string        `yaml:"namespace"`   // last part of the data streams' names; "default" when empty
	BatchBytes int           `yaml:"batch_bytes"` // most bytes a request; 0: 5 MiB
	Timeout    time.Duration `yaml:"timeout"`     // for one request; 0: 30 s
	Retention  string        `yaml:"retention"`   // how long alerts and history are kept, as 400d; "" is that. Signals and shadow: at most 30d
}

const (
	defaultBatch     = 5 << 20
	defaultTimeout   = 30 * time.Second
	defaultRetention = "400d"
	leastBatch       = 1 << 10
)

func (c Config) withDefaults() Config {
	if c.Namespace == "" {
		c.Namespace = "default"
	}
	if c.BatchBytes == 0 {
		c.BatchBytes = defaultBatch
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Retention == "" {
		c.Retention = defaultRetention
	}
	return c
}

var (
	// Elasticsearch's naming scheme for data streams allows no "-" inside a part.
	namespaceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._]{0,99}$`)
	retentionForm = regexp.MustCompile(`^[1-9][0-9]{0,5}[dh]$`)
)

// Validate gives every mistake at once. It opens no file; New does.
func (c Config) Validate() error {
	var errs []error
	mistake := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.URLs) == 0 {
		mistake("urls: name at least one, as https://elastic.example:9200")
	}
	for i, u := range c.URLs {
		if err := checkURL(u); err != nil {
			mistake("urls[%d]: %w", i, err)
		}
	}
	if c.APIKey != "" && (c.User != "" || c.Password != "") {
		mistake("api_key: give either it or user and password, not both")
	}
	if strings.ContainsFunc(c.APIKey.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		mistake("api_key: holds a space, a line break or another character that no key has: give the key in its encoded form, without a line break at its end")
	}
	if (c.User == "") != (c.Password == "") {
		mistake("user, password: one is missing")
	}
	if (c.Cert == "") != (c.Key == "") {
		mistake("cert, key: one is missing")
	}
	c = c.withDefaults()
	if !namespaceForm.MatchString(c.Namespace) {
		mistake("namespace: %q: use lower-case letters, digits, dots and underscores, at most 100", c.Namespace)
	}
	if c.BatchBytes < leastBatch {
		mistake("batch_bytes: %d: give at least %d", c.BatchBytes, leastBatch)
	}
	if c.Timeout < 0 {
		mistake("timeout: %s: give a time above 0", c.Timeout)
	}
	if !retentionForm.MatchString(c.Retention) {
		mistake("retention: %q: give days or hours, as 400d or 36h", c.Retention)
	}
	return errors.Join(errs...)
}

// checkURL does not repeat the text: it may hold a password.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("is not a URL that starts with http:// or https://")
	case u.User != nil:
		return errors.New("holds a user: set user and password instead, so that they are never printed")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("holds a ? or #: leave away what follows")
	}
	return nil
}

// tls reads the files of certificates.
func (c Config) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s: holds no PEM certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("cert, key: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

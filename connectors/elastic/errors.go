package elastic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-843b225c/reflex/engine"
)

func (c *client) err(kind engine.ErrorKind, after time.Duration, format string, args ...any) error {
	return &engine.Error{Kind: kind, After: after, Err: fmt.Errorf("elasticsearch %s: "+format, append([]any{c.where}, args...)...)}
}

// broken judges a call that got no answer.
func (c *client) broken(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err() // the caller's time ended, nothing is wrong with Elasticsearch
	}
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.Is(err, errProduct):
		return c.err(engine.Fatal, 0, "%s: %w: it is another server (OpenSearch?) or a proxy that drops it: put the address of Elasticsearch 8 or newer into urls", what, err)
	case errors.As(err, &unknown):
		return c.err(engine.Fatal, 0, "%s: its certificate is signed by an authority that is not trusted here: set ca to the file of the cluster's CA: %w", what, err)
	case errors.As(err, &host):
		return c.err(engine.Fatal, 0, "%s: its certificate is for other names: write the host in urls as the certificate has it: %w", what, err)
	case errors.As(err, &invalid):
		return c.err(engine.Fatal, 0, "%s: its certificate is not valid (expired?): renew it, or set this machine's clock: %w", what, err)
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return c.err(engine.Fatal, 0, "%s: it does not speak TLS: write http:// in urls: %w", what, err)
	case strings.Contains(err.Error(), "remote error: tls:"): // crypto/tls has no type for the peer's alert on this path
		return c.err(engine.Fatal, 0, "%s: it refused the TLS connection: does it ask for a client certificate (cert, key)? %w", what, err)
	case errors.Is(err, context.DeadlineExceeded):
		return c.err(engine.Temporary, 0, "%s: no answer within %s (timeout): the node hangs or is overloaded", what, c.timeout)
	case errors.Is(err, io.EOF):
		return c.err(engine.Temporary, 0, "%s: it closed the connection: does it restart, or want TLS (https:// in urls)? %w", what, err)
	case errors.As(err, &dns):
		return c.err(engine.Temporary, 0, "%s: look at the host in urls: %w", what, err)
	}
	return c.err(engine.Temporary, 0, "%s: is it running, and may this machine reach it? %w", what, err)
}

// refused judges an answer that is no success, for the request as a whole. It
// is never BadInput: one document cannot spoil a request, a setting can.
func (c *client) refused(what string, a answer) error {
	f := a.fault()
	switch {
	case a.status == http.StatusUnauthorized:
		return c.err(engine.Fatal, 0, "%s: 401: it does not know this key or password (wrong, expired or withdrawn): set api_key, or user and password: %s", what, f)
	case f.blocked():
		return c.err(engine.Temporary, a.after, "%s: %d: %s: lift the block", what, a.status, f)
	case a.status == http.StatusForbidden:
		return c.err(engine.Fatal, 0, "%s: %w: %s", what, errForbidden, f)
	case a.status == http.StatusTooManyRequests:
		return c.err(engine.Temporary, a.after, "%s: 429: it is overloaded: %s", what, f)
	case a.status >= 500:
		return c.err(engine.Temporary, a.after, "%s: %d: %s", what, a.status, f)
	case a.status == http.StatusRequestTimeout:
		return c.err(engine.Temporary, a.after, "%s: 408: it waited too long for the request: %s", what, f)
	case a.status == http.StatusMethodNotAllowed, a.status/100 == 3:
		return c.err(engine.Fatal, 0, "%s: %d: urls lead to something else than Elasticsearch's root: %s", what, a.status, f)
	}
	return c.err(engine.Fatal, 0, "%s: %d: %s", what, a.status, f)
}

var errForbidden = errors.New("403: this key or user may not do that")

func forbidden(err error) bool { return errors.Is(err, errForbidden) }

// unread is an answer that is not what it should be.
func (c *client) unread(what string, err error) error {
	return c.err(engine.Temporary, 0, "%s: the answer cannot be read (cut by a proxy?): %w", what, err)
}

// fault is Elasticsearch's error object, of a request or of an item.
type fault struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// fault reads the error of an answer. The body of another server is not
// repeated: it may say anything.
func (a answer) fault() fault {
	var b struct {
		Error json.RawMessage `json:"error"`
	}
	var f fault
	if json.Unmarshal(a.body, &b) == nil && json.Unmarshal(b.Error, &f) != nil {
		_ = json.Unmarshal(b.Error, &f.Reason) // some errors are a mere text
	}
	return f
}

const longestReason = 300

// String gives type and reason. The reason of a parsing error ends with a
// preview of the value, and a log's content does not belong into errors.
func (f fault) String() string {
	if f.Type == "" && f.Reason == "" {
		return "no reason given"
	}
	reason, _, _ := strings.Cut(f.Reason, " Preview of field's value")
	reason = strings.TrimRight(strings.ToValidUTF8(reason, "?"), ". ")
	if len(reason) > longestReason {
		reason = strings.ToValidUTF8(reason[:longestReason], "") + "..."
	}
	if f.Type == "" {
		return reason
	}
	return f.Type + ": " + reason
}

// blocked: an index or the cluster takes no writes at present: read-only
// because a disk is full, or closed. It passes without a change of ours.
func (f fault) blocked() bool {
	return f.Type == "cluster_block_exception" || f.Type == "index_closed_exception"
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(h string) time.Duration {
	if s, err := strconv.Atoi(h); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(h); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

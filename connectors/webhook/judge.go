package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/seed-843b225c/reflex/engine"
)

const maxWait = 10 * time.Minute // no receiver's Retry-After holds alerts back longer

// judge decides what an answer means. Only 2xx is success. What concerns the
// address or the rights of the sender is for a person; what concerns the body
// is bad input, in the end of a single transition; the rest passes.
func (s *Sink) judge(resp *http.Response) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
		return nil
	}
	said := fmt.Sprintf("webhook: post: the answer is %d %s%s", resp.StatusCode, http.StatusText(resp.StatusCode), excerpt(resp.Body))
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return &engine.Error{Kind: engine.Temporary, After: s.wait(resp.Header.Get("Retry-After")), Err: errors.New(said)}
	case code < 400:
		return &engine.Error{Kind: engine.Fatal, Err: errors.New(said + ": redirects are not followed: set url to where it leads")}
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return &engine.Error{Kind: engine.Fatal, Err: errors.New(said + ": check headers, secret and the client certificate")}
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone, code == http.StatusUnsupportedMediaType:
		return &engine.Error{Kind: engine.Fatal, Err: errors.New(said + ": check url: nothing there takes a POST of a JSON array")}
	}
	return &engine.Error{Kind: engine.BadInput, Err: errors.New(said)}
}

// wait reads Retry-After, seconds or a date; without it, one to three seconds
// by chance, so that senders do not come back together.
func (s *Sink) wait(header string) time.Duration {
	if n, err := strconv.Atoi(header); err == nil && n >= 0 {
		return min(time.Duration(min(n, 1e6))*time.Second, maxWait)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(s.now()), 0), maxWait)
	}
	return time.Second + rand.N(2*time.Second)
}

// excerpt gives the beginning of an answer's body for people to read.
func excerpt(body io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(body, 200)) // what cannot be read is not shown
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(b), ""))
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return ""
	}
	return ": " + strconv.Quote(text)
}

// judgeNetwork decides about requests without an answer. The address, which may
// hold a token, stands in *url.Error's text and is left out.
func judgeNetwork(ctx context.Context, what string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	unknown, badName := &x509.UnknownAuthorityError{}, &x509.HostnameError{}
	if errors.As(err, unknown) || errors.As(err, badName) {
		return &engine.Error{Kind: engine.Fatal, Err: fmt.Errorf("%s: the server's certificate is not trusted: %w: set ca to the authority that signed it", what, err)}
	}
	return &engine.Error{Kind: engine.Temporary, After: time.Second + rand.N(2*time.Second), Err: fmt.Errorf("%s: no answer: %w", what, err)}
}

package webhook

import (
	"context"
	"net"
	"net/http"
	"net/url"

	"github.com/seed-843b225c/reflex/engine"
)

// Check asks the address with HEAD, which changes nothing: whether it can be
// reached and its certificate is trusted. What a POST would be answered stays
// open, and most receivers refuse HEAD, so any answer is well.
func (s *Sink) Check(ctx context.Context) []engine.Finding {
	f := engine.Finding{What: "webhook " + host(s.config.URL)}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.config.URL.Reveal(), nil)
	if err == nil {
		var resp *http.Response
		if resp, err = s.client.Do(req); err == nil {
			resp.Body.Close()
			f.Note = "answers"
			return []engine.Finding{f}
		}
	}
	f.Err = judgeNetwork(ctx, f.What, err)
	f.Advice = "check url, network and proxies, and that the receiver runs"
	return []engine.Finding{f}
}

// host gives the host of an address, which is no secret.
func host(address engine.Hidden) string {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return ""
	}
	if h, port, err := net.SplitHostPort(u.Host); err == nil {
		return net.JoinHostPort(h, port)
	}
	return u.Host
}

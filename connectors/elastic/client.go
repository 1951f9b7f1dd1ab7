package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// mostAnswer bounds an answer; that of the largest bulk is far below.
const mostAnswer = 64 << 20

// client sends requests. Safe for concurrent use.
type client struct {
	transport *elastictransport.Client
	base      *http.Transport
	where     string // hosts, for people
	timeout   time.Duration
}

// newClient makes a client of some of the configured nodes. It connects to
// nothing; errors are mistakes of the configuration.
func newClient(c Config, urls []string) (*client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	tls, err := c.tls()
	if err != nil {
		return nil, err
	}
	base := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: tls, TLSHandshakeTimeout: c.Timeout,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}
	nodes := make([]*url.URL, len(urls))
	hosts := make([]string, len(urls))
	for i, text := range urls {
		u, err := url.Parse(strings.TrimRight(text, "/"))
		if err != nil {
			return nil, checkURL(text)
		}
		nodes[i], hosts[i] = u, u.Host
	}
	options := []elastictransport.Option{elastictransport.WithURLs(nodes...), elastictransport.WithTransport(compatible{base}),
		elastictransport.WithUserAgent("reflex"), elastictransport.WithDisableRetry()}
	if c.APIKey != "" {
		options = append(options, elastictransport.WithAPIKey(c.APIKey.Reveal()))
	}
	if c.User != "" {
		options = append(options, elastictransport.WithBasicAuth(c.User, c.Password.Reveal()))
	}
	t, err := elastictransport.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("elasticsearch client: %w", err)
	}
	return &client{transport: t, base: base, where: strings.Join(hosts, ","), timeout: c.Timeout}, nil
}

func (c *client) close() error {
	err := c.transport.Close(context.Background())
	c.base.CloseIdleConnections()
	return err
}

// answer is what Elasticsearch said, read whole.
type answer struct {
	status int
	after  time.Duration // Retry-After; 0 when it did not say
	body   []byte
}

// do makes one call within the configured time. An error is an *engine.Error,
// or the context's own; an answer of any status is none. What names the call
// in errors.
func (c *client) do(ctx context.Context, what string, r esapi.Request) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, err := r.Do(limited, c.transport)
	if err != nil {
		return answer{}, c.broken(ctx, what, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return answer{}, c.broken(ctx, what, err)
	}
	return answer{status: res.StatusCode, after: retryAfter(res.Header.Get("Retry-After")), body: b}, nil
}

// call is do and parse.
func (c *client) call(ctx context.Context, what string, r esapi.Request, out any) error {
	a, err := c.do(ctx, what, r)
	if err != nil {
		return err
	}
	return c.parse(what, a, out)
}

// parse reads an answer of 2xx into out, unless that is nil; any other is an error.
func (c *client) parse(what string, a answer, out any) error {
	if a.status/100 != 2 {
		return c.refused(what, a)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		return c.unread(what, err)
	}
	return nil
}

func reader(v any) io.Reader {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values cannot fail
	}
	return bytes.NewReader(b)
}

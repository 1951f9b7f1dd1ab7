package elastic

import (
	"errors"
	"net/http"
	"strings"
)

// Elasticsearch answers in the form of version 8 when asked so, whatever newer
// version it is.
const (
	formJSON  = "application/vnd.elasticsearch+json; compatible-with=8"
	formLines = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
)

// errProduct: whoever answered, it is not Elasticsearch.
var errProduct = errors.New("the answer has no X-Elastic-Product header")

// compatible asks for the form of version 8 and believes no success that does
// not come from Elasticsearch: a proxy's page, or a server that only resembles
// it and may store documents by other rules.
type compatible struct{ next http.RoundTripper }

// RoundTrip changes a copy of the request, as http.RoundTripper demands.
func (c compatible) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", formJSON)
	if req.Body != nil && req.Body != http.NoBody {
		form := formJSON
		if strings.HasSuffix(req.URL.Path, "/_bulk") {
			form = formLines
		}
		req.Header.Set("Content-Type", form)
	}
	res, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 == 2 && res.Header.Get("X-Elastic-Product") != "Elasticsearch" {
		res.Body.Close()
		return nil, errProduct
	}
	return res, nil
}

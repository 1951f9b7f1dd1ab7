package secret

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
)

// Fake makes a value of a format that every reader sees to be fake and that the
// format matches, checksum included; see the package comment for how it looks.
// The same format and seed give the same value, from version to version. Where
// the format needs a name beside the value (aws_secret_key, azure_*,
// basic_auth, bearer_token) only the value is returned. Unknown formats panic.
func Fake(format string, seed int64) string {
	for i := range table {
		if table[i].id == format {
			return fakeOf(&table[i], seed)
		}
	}
	panic("secret: no format is named " + format)
}

var fakeScanner = sync.OnceValue(func() *Scanner { return New(Options{}) })

// fakeOf draws until the format takes the value: one draw in hundreds is, by
// chance, too regular.
func fakeOf(r *row, seed int64) string {
	h := fnv.New64a()
	h.Write([]byte(r.id))
	f := &faker{rand.New(rand.NewPCG(uint64(seed), h.Sum64()))}
	c := fakeScanner().NewScan()
	for range 1000 {
		v := f.plain(r)
		got := c.Find([]byte(surround(r.context, v)))
		if len(got) == 1 && got[0].Format == r.id {
			return v
		}
	}
	panic("secret: format " + r.id + " takes none of its fakes")
}

// surround puts a value where a text has {}.
func surround(text, v string) string {
	if text == "" {
		return v
	}
	return strings.ReplaceAll(text, "{}", v)
}

// Formats lists the formats with examples.
func Formats() []Format {
	out := make([]Format, len(table))
	for i := range table {
		r := &table[i]
		f := Format{ID: r.id, Kind: r.kind, Provider: r.provider, Negative: r.not}
		for k, text := range append([]string{r.context}, r.in...) {
			f.Positive = append(f.Positive, surround(text, fakeOf(r, int64(k+1))))
		}
		out[i] = f
	}
	return out
}

// faker draws the parts of fakes.
type faker struct{ r *rand.Rand }

// text draws n letters of a class.
func (f *faker) text(c *class, n int) string {
	var in []byte
	for b, ok := range c {
		if ok {
			in = append(in, byte(b))
		}
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = in[f.r.IntN(len(in))]
	}
	return string(out)
}

// marked is text that begins with EXAMPLE, or with fa4efa4e where the class
// lacks those letters.
func (f *faker) marked(c *class, n int) string {
	mark := "EXAMPLE"
	if !c.all([]byte(mark)) {
		mark = "fa4efa4e"
	}
	return mark + f.text(c, n-len(mark))
}

// plain makes a fake by prefix and body.
func (f *faker) plain(r *row) string {
	if r.fake != nil {
		return r.fake(f)
	}
	n := max(r.min, r.usual)
	c := r.body
	if c['.'] && r.usual == 0 {
		c = urlsafe
	}
	body := []byte(f.marked(c, n))
	if r.inner != "" {
		copy(body[(n-len(r.inner))/2:], r.inner)
	}
	copy(body[n-len(r.tail):], r.tail)
	if r.checksum {
		sealTail(body)
	}
	return r.prefix[f.r.IntN(len(r.prefix))] + string(body)
}

func fakeHuggingFace(f *faker) string    { return "hf_" + f.marked(letters, 34) }
func fakeHuggingFaceOrg(f *faker) string { return "api_org_" + f.marked(letters, 34) }

func fakeAWSSecret(f *faker) string    { return f.marked(slashed, secretLen) }
func fakeHex32(f *faker) string        { return f.marked(hexes, 32) }
func fakeAzureStorage(f *faker) string { return f.marked(slashed, 86) + "==" }
func fakeAzureShared(f *faker) string  { return f.marked(slashed, 43) + "=" }
func fakeBearer(f *faker) string       { return f.marked(urlsafe, 40) }

func fakeAzure84(f *faker) string {
	return f.marked(alnum, 52) + "JQQJ99" + f.text(alnum, 26)
}

func fakeBedrockLong(f *faker) string {
	user := "BedrockAPIKey-" + f.text(bytesIn(lowers, digits), 4)
	return "ABSK" + base64.StdEncoding.EncodeToString([]byte(user+"-at-111122223333:EXAMPLE"+f.text(alnum, 40)))
}

func fakeBedrockShort(f *faker) string {
	url := "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=" + "ASIA" + f.marked(upnum, 16) + "%2F20260302%2Feu-west-1%2Fbedrock%2Faws4_request" +
		"&X-Amz-Date=20260302T101500Z&X-Amz-Expires=43200&X-Amz-Signature=" + f.marked(hexes, 64)
	return "bedrock-api-key-" + base64.StdEncoding.EncodeToString([]byte(url))
}

func fakeSlackWebhook(f *faker) string {
	return "hooks.slack.com/services/" + "T" + f.marked(upnum, 10) + "/B" + f.text(upnum, 10) + "/" + f.text(alnum, 24)
}

func fakePEM(f *faker) string {
	var s strings.Builder
	s.WriteString("-----BEGIN PRIVATE KEY-----\n")
	body := f.marked(slashed, 64*6+22) + "=="
	for len(body) > 64 {
		fmt.Fprintln(&s, body[:64])
		body = body[64:]
	}
	fmt.Fprintln(&s, body)
	s.WriteString("-----END PRIVATE KEY-----")
	return s.String()
}

func fakeJWT(f *faker) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"RS256","typ":"JWT","kid":"EXAMPLE"}`) + "." +
		part(`{"iss":"https://issuer.example","sub":"`+f.text(alnum, 12)+`","exp":1772446500}`) + "." +
		f.marked(urlsafe, 86)
}

func fakeConnection(f *faker) string {
	return "postgres://app:" + f.marked(alnum, 24) + "@db.example.net:5432/ml"
}

func fakeBasic(f *faker) string {
	return base64.StdEncoding.EncodeToString([]byte("deploy:" + f.marked(alnum, 24)))
}

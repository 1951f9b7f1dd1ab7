package enrich

import "strings"

// secondLevel are the names that registries of countries sell below: with a
// two-letter top domain the registered name has three parts.
var secondLevel = map[string]bool{
	"ac": true, "co": true, "com": true, "edu": true, "go": true, "gob": true, "gov": true, "gv": true,
	"mil": true, "ne": true, "net": true, "nom": true, "or": true, "org": true, "plc": true, "ltd": true, "sch": true,
}

// sharedSuffixes are domains below which each customer has a name of its own.
var sharedSuffixes = map[string]bool{
	"github.io": true, "gitlab.io": true, "pages.dev": true, "workers.dev": true, "vercel.app": true,
	"netlify.app": true, "herokuapp.com": true, "onrender.com": true, "fly.dev": true, "hf.space": true,
	"ngrok.io": true, "ngrok.app": true, "ngrok-free.app": true, "trycloudflare.com": true, "azurewebsites.net": true,
	"cloudfront.net": true, "s3.amazonaws.com": true, "blob.core.windows.net": true, "web.app": true, "firebaseapp.com": true,
}

// registeredDomain gives the part of a host name that somebody registered: two
// labels, three below the second-level names of countries, one more than a shared
// suffix. It is a short table and no public suffix list: a name under a suffix it
// lacks comes out one label too short. An address or a single label is given back
// as it is. The result is a part of s.
func registeredDomain(s string) string {
	s = strings.TrimSuffix(s, ".")
	if _, isAddr := address(s); isAddr {
		return s
	}
	// ends[i] is where the last i+1 labels begin.
	var ends [5]int
	n := 0
	for i := len(s); n < len(ends); n++ {
		i = strings.LastIndexByte(s[:i], '.')
		ends[n] = i + 1
		if i < 0 {
			n++
			break
		}
	}
	for i := n - 1; i >= 1; i-- {
		if sharedSuffixes[s[ends[i]:]] {
			return s[ends[min(i+1, n-1)]:]
		}
	}
	if n < 3 {
		return s[ends[n-1]:]
	}
	top := s[ends[0]:]
	if len(top) == 2 && secondLevel[s[ends[1]:ends[0]-1]] {
		return s[ends[2]:]
	}
	return s[ends[1]:]
}

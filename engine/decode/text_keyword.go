package decode

// keyword is a bit: which literal a line holds. Everything that is not told by
// the beginning of a line is looked for only where its keyword stands.
type keyword uint64

// The keywords, in the order of keywordText.
const (
	kwHub keyword = 1 << iota
	kwHubShort
	kwMirror
	kwHFDownload
	kwHFCLI
	kwOllama
	kwPretrained
	kwSnapshot
	kwHubFile
	kwPipeline
	kwVLLM
	kwRemoteCode
	kwRemoteFlag
	kwWeights
	kwSetup
	kwScriptSH
	kwPipInstall
	kwCd
	kwPull
	kwFrom
	kwResolve
	kwNewerImage
	kwUpToDate
	kwDigest
	kwUsingImage
	kwPulling
	kwConnected
	kwEstablished
	kwConnectFail
	kwConnecting
	kwWget
	kwEndpoint
	kwNotAllowed
	kwDomainResolved
	kwHarden
	kwEnviron
	kwFilesFrom
	kwAssume
	kwClone
	kwSkopeo
	kwModelArg
	kwScriptPy
	kwCurl
	kwWgetGet
	kwDevTCP
	kwMirrorHost // no word of the table: the host that HF_ENDPOINT named
)

var keywordText = [...]string{
	"huggingface.co", "hf.co", "hf_endpoint", "hf download", "huggingface-cli", "ollama ", "from_pretrained",
	"snapshot_download", "hf_hub_download", "pipeline(", "vllm serve", "trust_remote_code", "trust-remote-code",
	"weights_only", "setup.py", ".sh", "pip install", "cd ", " pull ", "from ", "resolve ",
	"downloaded newer image", "image is up to date", "digest: sha256:", "using docker image", "pulling ",
	"connected to ", "established connection", "failed to connect", "connecting to ", "--  http", "endpoint called",
	"domain not allowed", "domain resolved", "harden runner", "environ", "downloaded from", "assum", "git clone",
	"docker://", "--model", ".py", "curl ", "wget ", "/dev/tcp/",
}

// automaton finds all keywords of a text in one pass: Aho and Corasick's
// machine as a table of states by byte classes, case folded.
type automaton struct {
	class [256]uint8
	next  []uint16 // state*width + class
	width uint16
	out   []keyword // by state, all keywords ending there
	calm  uint16    // states below it end no keyword, premultiplied by width
}

var keywords = newAutomaton(keywordText[:])

func newAutomaton(words []string) *automaton {
	a := &automaton{width: 1}
	for _, w := range words {
		for i := range len(w) {
			if a.class[w[i]] == 0 {
				a.class[w[i]] = uint8(a.width)
				a.width++
			}
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		a.class[c-'a'+'A'] = a.class[c]
	}
	w := int(a.width)
	trie := make([]int, w)
	out := []keyword{0}
	for bit, word := range words {
		s := 0
		for i := range len(word) {
			at := s*w + int(a.class[word[i]])
			if trie[at] == 0 {
				trie[at] = len(out)
				out = append(out, 0)
				trie = append(trie, make([]int, w)...)
			}
			s = trie[at]
		}
		out[s] |= 1 << bit
	}
	fail := make([]int, len(out))
	var queue []int
	for c := range w {
		if s := trie[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		out[s] |= out[fail[s]]
		for c := range w {
			if t := trie[s*w+c]; t != 0 {
				fail[t] = trie[fail[s]*w+c]
				queue = append(queue, t)
			} else {
				trie[s*w+c] = trie[fail[s]*w+c]
			}
		}
	}
	a.renumber(trie, out)
	return a
}

// renumber puts the states that end a keyword last, so that the loop tells
// them by one comparison.
func (a *automaton) renumber(trie []int, out []keyword) {
	w := int(a.width)
	number := make([]int, len(out))
	n := 0
	for pass := range 2 {
		for s := range out {
			if (out[s] != 0) == (pass == 1) {
				number[s] = n
				n++
			}
		}
		if pass == 0 {
			a.calm = uint16(n * w)
		}
	}
	if n*w > 1<<16-1 {
		panic("too many keywords for 16-bit states")
	}
	a.next = make([]uint16, n*w)
	a.out = make([]keyword, n)
	for s := range out {
		a.out[number[s]] = out[s]
		for c := range w {
			a.next[number[s]*w+c] = uint16(number[trie[s*w+c]] * w)
		}
	}
}

// find gives the keywords that text holds.
func (a *automaton) find(text []byte) keyword {
	var found keyword
	var s uint16
	for _, c := range text {
		s = a.next[int(s)+int(a.class[c])]
		if s >= a.calm {
			found |= a.out[s/a.width]
		}
	}
	return found
}

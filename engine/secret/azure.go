package secret

// azureOpenAI matches 32 hex digits behind the name of a key.
func azureOpenAI(c *Scan, t []byte, at, end int) (found, bool) {
	if end-at == len("api-key") && at > 0 && words[t[at-1]] || at > 1 && string(t[at-2:at]) == "x-" {
		return found{}, false
	}
	i, stop, ok := assigned(t, end, allHex, 32)
	if !ok || stop < len(t) && alnum[t[stop]] || sample(t[i:stop]) || !random(t[i:stop], 16) {
		return found{}, false
	}
	return found{start: i, end: stop}, true
}

// azureKey84 matches the newer keys of Azure AI services: 84 letters and
// digits with a mark in a fixed place.
func azureKey84(c *Scan, t []byte, at, end int) (found, bool) {
	from, stop := at-52, end+26
	if from < 0 || stop > len(t) || string(t[at:end]) != "JQQJ99" || !alnum.all(t[from:stop]) ||
		!free(t, from) || stop < len(t) && alnum[t[stop]] || sample(t[from:at]) || !random(t[from:at], 62) {
		return found{}, false
	}
	return found{start: from, end: stop}, true
}

// azureStorage matches the 64 bytes of an account key behind its name.
func azureStorage(c *Scan, t []byte, at, end int) (found, bool) {
	i, stop, ok := assigned(t, end, slashed, 86)
	if !ok || stop+2 > len(t) || string(t[stop:stop+2]) != "==" || sample(t[i:stop]) || !random(t[i:stop], 64) {
		return found{}, false
	}
	return found{start: i, end: stop + 2}, true
}

// azureShared matches the 32 bytes of a shared access key.
func azureShared(c *Scan, t []byte, at, end int) (found, bool) {
	i, stop, ok := assigned(t, end, slashed, 43)
	if !ok || stop+1 > len(t) || t[stop] != '=' || sample(t[i:stop]) || !random(t[i:stop], 64) {
		return found{}, false
	}
	return found{start: i, end: stop + 1}, true
}

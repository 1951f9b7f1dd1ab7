package decode

import (
	"bytes"
	"strings"

	"github.com/seed-843b225c/reflex/engine"
)

// image.pulled: a container image was fetched, or a command asks for it. The
// command and the answer (with the digest) are two events where both stand in
// the log.

const kwImages = kwPull | kwFrom | kwResolve | kwNewerImage | kwUpToDate | kwDigest | kwUsingImage | kwPulling | kwSkopeo

// images tells every image that a line pulls.
func (t *textDecoder) images(j *textJob, b []byte, found keyword) {
	if found&kwDigest != 0 && hasPrefix(b, "Digest: sha256:") {
		j.digest = digestOf(b[len("Digest: "):])
		return
	}
	if found&(kwNewerImage|kwUpToDate) != 0 {
		if i := indexFold(b, " for "); i >= 0 && hasPrefix(b, "Status: ") {
			ref, _ := word(b, i+len(" for "))
			if j.digest != "" && !strings.Contains(ref, "@") {
				ref += "@" + j.digest
			}
			j.digest = ""
			t.image(j, ref)
		}
		return
	}
	if found&kwUsingImage != 0 && hasPrefix(b, "Using Docker image ") {
		// GitLab: "sha256:ID for IMAGE with digest NAME@sha256:..."
		if i := indexFold(b, " for "); i >= 0 {
			ref, k := word(b, i+len(" for "))
			if d := bytes.Index(b[k:], []byte("@sha256:")); d >= 0 && !strings.Contains(ref, "@") {
				ref += "@" + digestOf(b[k+d+1:])
			}
			t.image(j, ref)
		}
		return
	}
	if found&kwPulling != 0 {
		for _, p := range [...]string{"Pulling image ", "Successfully pulled image ", "Pulling docker image "} {
			if i := bytes.Index(b, []byte(p)); i >= 0 {
				ref, _ := word(b, i+len(p))
				t.image(j, ref)
				return
			}
		}
	}
	if found&kwPull != 0 {
		t.pullCommand(j, b)
	}
	if found&kwSkopeo != 0 {
		if i := bytes.Index(b, []byte("docker://")); i >= 0 && indexFold(b, "skopeo") >= 0 {
			ref, _ := word(b, i+len("docker://"))
			t.image(j, ref)
		}
	}
	if found&kwResolve != 0 && hasPrefix(b, "resolve ") { // BuildKit, its number taken off
		if ref, _ := word(b, len("resolve ")); strings.Contains(ref, "@sha256:") {
			t.image(j, ref)
		}
	}
	if found&kwFrom != 0 {
		t.from(j, b)
	}
}

// pullCommand reads docker pull and its like.
func (t *textDecoder) pullCommand(j *textJob, b []byte) {
	for from := 0; ; {
		i := indexFold(b[from:], " pull ")
		if i < 0 {
			return
		}
		i += from
		from = i + len(" pull ")
		start := i
		for start > 0 && i-start < 16 && strings.IndexByte(" /;&|(\"'`]", b[start-1]) < 0 {
			start--
		}
		switch string(b[start:i]) {
		case "docker", "podman", "crictl", "nerdctl", "buildah", "image", "images":
		default:
			continue
		}
		for k := from; k < len(b); {
			var w string
			if w, k = word(b, k); w == "" {
				continue
			}
			if w[0] != '-' {
				t.image(j, w)
				break
			}
			if w == "--platform" || w == "--creds" || w == "--auth" || w == "--authfile" {
				_, k = word(b, k)
			}
		}
	}
}

// from reads a Dockerfile's FROM as builders echo it: "FROM IMAGE", and "Step
// 1/9 : FROM IMAGE [AS NAME]".
func (t *textDecoder) from(j *textJob, b []byte) {
	if hasPrefix(b, "Step ") {
		i := bytes.Index(b, []byte(" : "))
		if i < 0 || i > 16 {
			return
		}
		b = b[i+3:]
	}
	if !hasPrefix(b, "FROM ") {
		return
	}
	ref, k := word(b, len("FROM "))
	for strings.HasPrefix(ref, "--") {
		ref, k = word(b, k)
	}
	if rest := strings.TrimSpace(string(b[min(k, len(b)):])); rest != "" && !strings.HasPrefix(strings.ToUpper(rest), "AS ") && !strings.HasPrefix(rest, "CACHED") && !strings.HasPrefix(rest, "DONE") {
		return // prose
	}
	t.image(j, ref)
}

func digestOf(b []byte) string {
	const head = "sha256:"
	n := len(head)
	if len(b) < n || string(b[:n]) != head {
		return ""
	}
	for n < len(b) && hexDigit(b[n]) && n < len(head)+64 {
		n++
	}
	return string(b[:n])
}

// image tells image.pulled once for each reference in a step.
func (t *textDecoder) image(j *textJob, ref string) {
	im, ok := parseImage(ref)
	if !ok || !t.news(j, "image", ref) {
		return
	}
	t.begin()
	t.str(fImageRef, ref)
	t.str(fImageRegistry, im.registry)
	t.str(fImageName, im.name)
	t.str(fImageTag, im.tag)
	t.str(fImageDigest, im.digest)
	t.set(fImageFloating, engine.Boolean(im.digest == "" && (im.tag == "" || im.tag == "latest")))
	t.emit(j, imagePulled)
}

type imageRef struct{ registry, name, tag, digest string }

// parseImage reads [REGISTRY/]NAME[:TAG][@DIGEST] as Docker does: without a
// registry it is docker.io, and there without an owner it is library/NAME.
func parseImage(ref string) (im imageRef, ok bool) {
	if ref == "" || ref == "scratch" || len(ref) > 400 || shellWord(ref) {
		return im, false
	}
	rest := ref
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		rest, im.digest = rest[:i], rest[i+1:]
		if !strings.HasPrefix(im.digest, "sha256:") {
			return im, false
		}
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, im.tag = rest[:i], rest[i+1:]
	}
	im.registry = "docker.io"
	if first, more, found := strings.Cut(rest, "/"); found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		im.registry, rest = strings.ToLower(first), more
	}
	if im.registry == "index.docker.io" || im.registry == "registry-1.docker.io" {
		im.registry = "docker.io"
	}
	if im.registry == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	im.name = rest
	for i := range len(rest) {
		if c := rest[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._-/", c) >= 0) {
			return im, false // names are lower case; anything else is prose
		}
	}
	return im, rest != "" && rest != "library/" && !strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "-")
}

var (
	fImageRef      = engine.MustField("image.ref")
	fImageRegistry = engine.MustField("image.registry")
	fImageName     = engine.MustField("image.name")
	fImageTag      = engine.MustField("image.tag")
	fImageDigest   = engine.MustField("image.digest")
	fImageFloating = engine.MustField("image.floating")
)

package survey

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/dockerfile"
)

// asking says what a file needs of GODEBUG that it expands.
type asking int

const (
	unasked   asking = iota
	asksName         // under set -u, that it is set
	asksValue        // that it is not empty
)

// expansion matches an expansion of GODEBUG by a shell or by compose, up to the
// operator behind the name.
var expansion = regexp.MustCompile(`\$(?:GODEBUG\b|\{#?GODEBUG\b(:?[-=+?]?))`)

// asks returns what the file rel needs of GODEBUG. Whether set -u holds is not
// looked at: it may come from whoever starts a script.
func asks(rel string, data []byte) asking {
	how := unasked
	if path.Ext(rel) == ".go" || isDocument(rel) || !bytes.Contains(data, []byte("GODEBUG")) {
		return how
	}
	text := string(data)
	if IsDockerfileName(path.Base(rel)) {
		text = commandsOf(data)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, m := range expansion.FindAllStringSubmatch(line, -1) {
			switch m[1] {
			case "-", ":-", "=", ":=", "+", ":+": // they need nothing
			case ":?":
				how = asksValue
			default:
				how = max(how, asksName)
			}
		}
	}
	return how
}

// commandsOf returns the instructions of a Dockerfile that shells expand variables
// in; docker itself takes one that is not set for an empty one.
func commandsOf(data []byte) string {
	d, err := dockerfile.Parse(data)
	if err != nil {
		return string(data)
	}
	var b strings.Builder
	for _, in := range d.List {
		if slices.Contains([]string{"run", "cmd", "entrypoint", "healthcheck"}, in.Name) {
			b.WriteString(in.Node.Original + "\n")
		}
		for _, h := range in.Node.Heredocs {
			b.WriteString(h.Content)
		}
	}
	return b.String()
}

// Asked reports whether a file of the repository of p for which match returns true
// expands GODEBUG so that a shell may stop where nothing sets it.
func Asked(s *rewrite.Snapshot, p string, match func(path string) bool) bool {
	for asker := range Of(s, p).asks {
		if match(asker) {
			return true
		}
	}
	return false
}

// Refused returns a file of the repository of p that expands GODEBUG so that a
// shell stops where it is empty; "" when there is none.
func Refused(s *rewrite.Snapshot, p string) string {
	refusing := ""
	for asker, how := range Of(s, p).asks {
		if rel := s.Rel(asker); how == asksValue && (refusing == "" || rel < refusing) {
			refusing = rel
		}
	}
	return refusing
}

// position matches the path of an operation of a JSON patch (RFC 6902) on an entry
// of a container's environment, which it names by its place in the list.
var position = regexp.MustCompile(`path["'\\]*[ \t]*:[ \t]*["'\\]*/\S*/env/[0-9]`)

// countsEntries reports whether the file rel has such an operation.
func countsEntries(rel string, data []byte) bool {
	return path.Ext(rel) != ".go" && !isDocument(rel) && bytes.Contains(data, []byte("/env/")) && position.Match(data)
}

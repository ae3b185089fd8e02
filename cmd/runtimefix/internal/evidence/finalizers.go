package evidence

import (
	"bufio"
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// finalizerWarning begins what a program writes under GODEBUG=checkfinalizers=1,
// from Go 1.25 on (runtime/mcheckmark.go, checkFinalizersAndCleanups).
const finalizerWarning = "WARNING: LIKELY CLEANUP/FINALIZER ISSUES"

var (
	frameFunc = regexp.MustCompile(`^  (\S+)\(\)$`)
	framePos  = regexp.MustCompile(`^      (.+):(\d+) \+0x`)
)

// readFinalizers reads the reports of objects that their own finalizer or cleanup
// keeps alive. The site is where it was set.
func readFinalizers(data []byte) *Recording {
	out := &Recording{Form: Finalizers}
	sites := make(map[Frame]*Site)
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	cycle, created, name := false, false, ""
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		switch {
		case strings.HasPrefix(line, "Value of type "):
			cycle, created, name = false, false, ""
		case strings.HasPrefix(line, "  is reachable from "):
			cycle = true
		case strings.HasPrefix(line, "Has "):
			created = false
		case strings.HasPrefix(line, "created at:"):
			created = true
		case !cycle || !created:
		case frameFunc.MatchString(line):
			name = frameFunc.FindStringSubmatch(line)[1]
		case framePos.MatchString(line) && name != "":
			m := framePos.FindStringSubmatch(line)
			n, _ := strconv.Atoi(m[2])
			f := Frame{name, m[1], n}
			s := sites[f]
			if s == nil {
				s = &Site{Kind: Cycles, Frame: f, Stack: []Frame{f}}
				sites[f] = s
				out.Sites = append(out.Sites, s)
				out.saw(f)
			}
			s.Count++
			name = ""
		}
	}
	out.sort()
	return out
}

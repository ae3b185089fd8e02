package rewrite

import (
	"bytes"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/load"
)

// IgnoreRule is the name under which faults in ignore comments are reported: a
// missing reason, an unknown rule, a comment that suppresses nothing.
const IgnoreRule = "ignore"

// ignoreText matches the directive behind the comment marker of a Go file or of
// a text file that comments with # or ;.
var ignoreText = regexp.MustCompile(`(?://|#|;)\s?runtimefix:ignore\b[ \t]*([^\s]*)[ \t]*([^\r\n]*)`)

// goIgnore matches the comments of a Go file that are directives.
var goIgnore = regexp.MustCompile(`^//\s?runtimefix:ignore\b`)

// nolintText matches golangci-lint's comment: //nolint, or //nolint:a,b, with
// an explanation behind a second //.
var nolintText = regexp.MustCompile(`^//\s?nolint(?::([\w\-, ]+?))?(?:\s*//.*|\s*)$`)

// ignore is one directive and the lines to which it applies.
type ignore struct {
	pos, end    token.Pos
	file        string
	first, last int // lines
	rules       []string
	reason      bool
	used        bool
	nolint      bool // golangci-lint's: never reported itself
}

// suppress splits findings into those that stand and faults of ignore comments,
// which are findings of their own.
func (r *runner) suppress(s *load.Snapshot, list []Finding) (live, faults []Finding) {
	byFile := make(map[string][]*ignore)
	for _, p := range s.Packages {
		if p.Wide {
			continue
		}
		for _, f := range p.Files {
			if !f.Generated && (bytes.Contains(f.Src, []byte("runtimefix:ignore")) || bytes.Contains(f.Src, []byte("nolint"))) {
				byFile[f.Path] = goIgnores(s, f)
			}
		}
	}
	for _, t := range s.Texts {
		if bytes.Contains(t.Src, []byte("runtimefix:ignore")) {
			byFile[t.Path] = textIgnores(t)
		}
	}
	for _, f := range list {
		pos := s.Position(f.Pos)
		hit := false
		for _, ig := range byFile[pos.Filename] {
			if pos.Line < ig.first || pos.Line > ig.last || !ig.reason {
				continue
			}
			if slices.Contains(ig.rules, f.Rule) || ig.nolint {
				ig.used, hit = true, true
			}
		}
		if !hit {
			live = append(live, f)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(byFile)) {
		for _, ig := range byFile[path] {
			if msg := r.fault(ig); msg != "" {
				faults = append(faults, Finding{Rule: IgnoreRule, Pos: ig.pos, End: ig.end, Message: msg})
			}
		}
	}
	return live, faults
}

// fault says what is wrong with a directive, "" when nothing is.
func (r *runner) fault(ig *ignore) string {
	if ig.nolint {
		return ""
	}
	if len(ig.rules) == 0 {
		return "ignore comment names no rule: write //runtimefix:ignore RULE reason"
	}
	ran := true
	for _, name := range ig.rules {
		if slices.ContainsFunc(r.finders, func(f *Finder) bool { return f.Name == name }) {
			continue
		}
		if !r.disabled[name] {
			return "ignore comment names unknown rule " + name
		}
		ran = false
	}
	if !ig.reason {
		return "ignore comment gives no reason: write //runtimefix:ignore " + strings.Join(ig.rules, ",") + " reason"
	}
	if ran && !ig.used {
		return "ignore comment suppresses nothing: remove it"
	}
	return ""
}

// goIgnores reads the directives in f's comments.
func goIgnores(s *load.Snapshot, f *load.File) []*ignore {
	var out []*ignore
	tf := s.Fset.File(f.AST.FileStart)
	for _, g := range f.AST.Comments {
		for _, c := range g.List {
			line := s.Position(c.Pos()).Line
			ig := &ignore{pos: c.Pos(), end: c.End(), file: f.Path, first: line, last: line}
			start := tf.Offset(tf.LineStart(line))
			alone := len(bytes.TrimSpace(f.Src[start:tf.Offset(c.Pos())])) == 0
			switch {
			case goIgnore.MatchString(c.Text):
				parseIgnore(ig, c.Text)
				if alone {
					ig.last = line + 1
				}
			default:
				m := nolintText.FindStringSubmatch(c.Text)
				if m == nil {
					continue
				}
				names := strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })
				if len(names) > 0 && !slices.Contains(names, "runtimefix") && !slices.Contains(names, "all") {
					continue
				}
				ig.nolint, ig.reason = true, true
				if alone {
					ig.last = nodeBelow(s, f, line+1, s.Position(c.Pos()).Column)
				}
			}
			out = append(out, ig)
		}
	}
	return out
}

// nodeBelow returns the last line of the outermost node that begins at the
// line and column; golangci-lint lets a comment on a line of its own apply to
// all of the node under it. Where there is none, it returns the line above.
func nodeBelow(s *load.Snapshot, f *load.File, line, col int) int {
	last := line - 1
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if n == nil {
			return false
		}
		pos := s.Position(n.Pos())
		if pos.Line == line && pos.Column == col {
			if _, isFile := n.(*ast.File); isFile {
				last = s.Position(f.AST.FileEnd).Line
			} else {
				last = max(last, s.Position(n.End()).Line)
			}
		}
		return true
	})
	return last
}

func parseIgnore(ig *ignore, text string) {
	m := ignoreText.FindStringSubmatch(text)
	if m == nil {
		return
	}
	for name := range strings.SplitSeq(m[1], ",") {
		if name != "" {
			ig.rules = append(ig.rules, name)
		}
	}
	ig.reason = strings.TrimSpace(m[2]) != ""
}

// textIgnores reads the directives in a text file's comments.
func textIgnores(t *load.TextFile) []*ignore {
	var out []*ignore
	for _, m := range ignoreText.FindAllIndex(t.Src, -1) {
		line := bytes.Count(t.Src[:m[0]], []byte("\n")) + 1
		ig := &ignore{pos: t.Pos(m[0]), end: t.Pos(m[1]), file: t.Path, first: line, last: line}
		if start := bytes.LastIndexByte(t.Src[:m[0]], '\n') + 1; len(bytes.TrimSpace(t.Src[start:m[0]])) == 0 {
			ig.last++ // alone on its line, for the next
		}
		parseIgnore(ig, string(t.Src[m[0]:m[1]]))
		out = append(out, ig)
	}
	return out
}

package survey

import (
	"bytes"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// reader is a file that parses the trace, or takes it where it may be read.
type reader struct {
	rel  string // within the repository
	data []byte
	does string // to the trace
	own  bool   // it is part of the program that it belongs to
	// program is the directory of the program that it belongs to, "" when that
	// is not one of several.
	program string
	// several says that there is more than one program whose trace it may read.
	several bool
	// reads are the names of the programs that it speaks of.
	reads []string
}

// learn finds out which program r belongs to and whose trace it reads. names are
// those of the programs, dirs their directories.
func (r *reader) learn(names map[string]bool, dirs []string) {
	for _, dir := range dirs {
		if strings.HasPrefix(r.rel, dir+"/") && len(dir) > len(r.program) {
			r.program = dir
		}
	}
	others := len(names)
	if r.program != "" {
		others--
	}
	r.several = others > 1
	for word := range nameWords(r.spoken()) {
		// The name of the only program tells it from no other.
		if len(names) > 1 && names[word] && !slices.Contains(commonNames, word) && word != path.Base(r.program) {
			r.reads = append(r.reads, word)
		}
	}
	if r.own && r.program != "" && len(r.reads) == 0 {
		r.reads = []string{strings.ToLower(path.Base(r.program))}
	}
	slices.Sort(r.reads)
}

// spoken returns what the file says beyond its code: the strings of a Go file,
// all of another.
func (r *reader) spoken() string {
	if path.Ext(r.rel) != ".go" {
		return string(r.data)
	}
	return strings.Join(stringLiteral.FindAllString(string(r.data), -1), " ")
}

var stringLiteral = regexp.MustCompile("\"(?:[^\"\\\\\n]|\\\\.)*\"|`[^`]*`")

// commonNames are names of directories that tell no program from another.
var commonNames = []string{"main", "cmd", "app", "server", "service", "bin", "src", "tools", "tool", "docker", "build", "deploy", "go", "gc", "log", "trace", "run"}

// nameWords returns the words of text as they occur in names of programs, with
// the hyphens in them.
func nameWords(text string) map[string]bool {
	out := make(map[string]bool)
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-' && c != '_' }) {
		out[w] = true
	}
	return out
}

// Reading says how a reader of the trace bears on a place that switches it on.
type Reading int

const (
	notRead   Reading = iota
	MaybeRead         // nothing says whose trace it reads
	isRead
)

// of says whether r reads the trace of the program that the file rel configures;
// words are those of its path and names.
func (r *reader) of(rel string, words map[string]bool) Reading {
	dir := path.Dir(r.rel)
	if strings.HasSuffix(r.rel, "_test.go") {
		if path.Dir(rel) == dir {
			return isRead
		}
		return notRead // it reads what the test starts
	}
	if len(r.reads) > 0 {
		if slices.ContainsFunc(r.reads, func(name string) bool { return words[name] }) {
			return isRead
		}
		return notRead
	}
	if !r.several || r.program != "" && strings.HasPrefix(rel, r.program+"/") || r.program != "" && words[path.Base(r.program)] {
		return isRead
	}
	return MaybeRead
}

// ReaderOf returns the file of the repository that parses the trace that file
// p switches on, with what it does, and how sure that is; names are those of what
// it belongs to. Where the repository cannot be searched it returns why.
func ReaderOf(s *rewrite.Snapshot, p string, names []string) (reader string, how Reading, why string) {
	v := Of(s, p)
	if v.err != nil {
		return "", isRead, "the repository could not be searched for readers of the trace: " + v.err.Error()
	}
	site := s.Rel(p)
	words := nameWords(site + " " + strings.Join(names, " "))
	if base := path.Base(site); strings.Contains(base, ".") {
		words[strings.ToLower(base[:strings.IndexByte(base, '.')])] = true
	}
	for _, r := range v.readers {
		if h := r.of(site, words); h > how {
			reader, how = r.rel+" "+r.does, h
		}
	}
	if how == isRead {
		why = reader + " the trace; remove gctrace by hand if it does not read this program's"
	}
	return reader, how, why
}

// OwnReader reports whether the package parses the trace, tests aside: it starts
// its child with the trace to read it.
func OwnReader(p *rewrite.Package) bool {
	return slices.ContainsFunc(p.Files, func(f *rewrite.File) bool {
		return !f.Test && syntax.ContainsNode(f.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			return ok && lit.Kind == token.STRING && traceLine.MatchString(lit.Value)
		})
	})
}

// Lowered returns fix with its class lowered by one, because reader, as ReaderOf
// returns it, may read the trace; nil and the reason when that leaves none.
func Lowered(fix *rewrite.Fix, reader string) (*rewrite.Fix, string) {
	if fix == nil || fix.Safety != rewrite.Safe {
		return nil, reader + " a trace, maybe this one; remove gctrace by hand if it does not"
	}
	out := *fix
	out.Safety = rewrite.Unsafe
	out.Message += "; " + reader + " a trace, maybe this one"
	return &out, ""
}

// traceLine matches a pattern or format for a line of the trace, "gc 1 @0.01s"
// and so on, as programs write it: behind "gc" and a blank stands an escape, a
// class, a group or a verb. It does not match itself.
var traceLine = regexp.MustCompile(`\bgc[ ](\(|\\|\[|%|#\?)[^@\r\n]{0,40}@`)

// secondsBehind matches a pattern for a line of the trace up to the time since the
// start, which tells it from other texts with gc in them.
var secondsBehind = regexp.MustCompile(`\bgc[ ](\(|\\|\[|%|#\?)[^@\r\n]{0,40}@[^ \t\r\n@]{2,30}s\b`)

// anchored matches a pattern for a whole line of the trace, which nothing else
// looks like.
var anchored = regexp.MustCompile(`\^gc(?:[ ]|\\s[+*]?)(?:\(|\\|\[|%)[^@\r\n]{0,40}@`)

// searched matches a pattern for the beginning of its lines, as grep and rules for
// logs have it. In code it may stand for anything.
var searched = regexp.MustCompile(`\^gc(?:[ ]|\\s[+*]?)["'/(\[\\]`)

// readsTrace reports whether the file rel parses the trace: it has a pattern for
// its lines, and speaks of gctrace, has the time in the pattern or begins it where
// a line does.
func readsTrace(rel string, data []byte) bool {
	if !bytes.Contains(data, []byte("gc ")) && !bytes.Contains(data, []byte(`gc\s`)) {
		return false
	}
	return bytes.Contains(data, []byte("gctrace")) && traceLine.Match(data) || secondsBehind.Match(data) || anchored.Match(data) ||
		path.Ext(rel) != ".go" && searched.Match(data)
}

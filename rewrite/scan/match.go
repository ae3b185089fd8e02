package scan

import (
	"bytes"
	"errors"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// matcher looks for the literals of all needs in one file.
type matcher struct {
	imports []importNeed
	any     []Need // needs without an import path
}

// importNeed joins the needs for one import path.
type importNeed struct {
	quoted, raw []byte
	needs       []Need
	words       [][][]byte // by need
}

func (s *scanner) prepare() {
	for _, n := range s.cfg.Needs {
		if n.Import == "" {
			s.m.any = append(s.m.any, n)
			continue
		}
		i := slices.IndexFunc(s.m.imports, func(x importNeed) bool { return string(x.quoted) == `"`+n.Import+`"` })
		if i < 0 {
			i = len(s.m.imports)
			s.m.imports = append(s.m.imports, importNeed{quoted: []byte(`"` + n.Import + `"`), raw: []byte("`" + n.Import + "`")})
		}
		x := &s.m.imports[i]
		x.needs = append(x.needs, n)
		var words [][]byte
		for _, id := range n.Idents {
			words = append(words, []byte(id))
		}
		x.words = append(x.words, words)
	}
}

// rules returns the names of the rules that may fire in data, in the order of
// the needs. possible says what the need's syntax does.
func (m *matcher) rules(data []byte, test bool, possible func(Need) bool) []string {
	var out []string
	add := func(n Need) {
		if !slices.Contains(out, n.Rule) {
			out = append(out, n.Rule)
		}
	}
	head := importHead(data)
	for i := range m.imports {
		x := &m.imports[i]
		if !bytes.Contains(head, x.quoted) && !bytes.Contains(head, x.raw) {
			continue
		}
		for j, n := range x.needs {
			if test && !n.Tests {
				continue
			}
			if (len(x.words[j]) == 0 || slices.ContainsFunc(x.words[j], func(w []byte) bool { return uses(data, head, w) })) && possible(n) {
				add(n)
			}
		}
	}
	for _, n := range m.any {
		if test && !n.Tests {
			continue
		}
		if slices.ContainsFunc(n.Idents, func(w string) bool { return HasWord(data, w) }) {
			add(n)
		}
	}
	return out
}

// declarations are how those begin that end a file's imports.
var declarations = [][]byte{[]byte("\nfunc "), []byte("\ntype "), []byte("\nvar "), []byte("\nconst ")}

// importHead returns a beginning of data that holds all imports. In a block
// comment, as cgo's, anything may look like a declaration, and in a file that does
// not parse an import may stand behind one: then that is all of it.
func importHead(data []byte) []byte {
	head := data
	for _, d := range declarations {
		if i := bytes.Index(head, d); i >= 0 {
			head = head[:i]
		}
	}
	if bytes.Contains(head, []byte("/*")) || bytes.Contains(data[len(head):], []byte("\nimport")) {
		return data
	}
	return head
}

// HasWord reports whether word stands in data with no letter, digit or
// underscore beside it.
func HasWord(data []byte, word string) bool { return hasWord(data, []byte(word)) }

func hasWord(data, word []byte) bool {
	for off := 0; ; {
		i := bytes.Index(data[off:], word)
		if i < 0 {
			return false
		}
		i += off
		end := i + len(word)
		if (i == 0 || !wordByte(data[i-1])) && (end == len(data) || !wordByte(data[end])) {
			return true
		}
		off = i + 1
	}
}

// uses reports whether data, whose imports are all in head, may use word of a package
// that it imports: behind a dot, or as it is where there is a dot import. What comments
// and strings say of it is no use.
func uses(data, head, word []byte) bool {
	if token.IsKeyword(string(word)) || dotImport.Match(head) {
		return hasWord(data, word)
	}
	for off := 0; ; {
		i := bytes.Index(data[off:], word)
		if i < 0 {
			return false
		}
		i += off
		if end := i + len(word); (end == len(data) || !wordByte(data[end])) && behindDot(data[:i]) {
			return true
		}
		off = i + 1
	}
}

// behindDot reports whether a dot may stand before what follows head, with nothing but
// space and comments in between.
func behindDot(head []byte) bool {
	before := bytes.TrimRight(head, " \t\r\n")
	if bytes.HasSuffix(before, []byte(".")) || bytes.HasSuffix(before, []byte("*/")) {
		return true
	}
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return bytes.ContainsRune(head[len(before):], '\n') && bytes.Contains(line, []byte("//"))
}

var dotImport = regexp.MustCompile("\\.\\s*[\"`]")

func wordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

var generatedMark, doNotEdit = []byte("// Code generated "), []byte(" DO NOT EDIT.")

// isGenerated reports whether data says before its package clause that it is
// generated (https://go.dev/s/generatedcode).
func isGenerated(data []byte) bool {
	for off := 0; ; {
		i := bytes.Index(data[off:], generatedMark)
		if i < 0 {
			return false
		}
		i += off
		off = i + len(generatedMark)
		line, _, _ := bytes.Cut(data[off:], []byte("\n"))
		if (i == 0 || data[i-1] == '\n') && bytes.HasSuffix(bytes.TrimSuffix(line, []byte("\r")), doNotEdit) {
			return !packageClause.Match(data[:i])
		}
	}
}

var packageClause = regexp.MustCompile(`(?m)^package\s+\w+`)

// work reads queued files until there are no more.
func (s *scanner) work() {
	var buf []byte
	for j := range s.jobs {
		if j.sniff && !isShellScript(j.path) {
			continue
		}
		var data []byte
		var err error
		if s.cfg.Dirs != nil && j.text == nil && !s.cfg.Dirs(j.dir) {
			continue
		}
		if over, ok := s.cfg.Overlay[j.path]; ok {
			data = over
		} else {
			buf, data, err = safefile.ReadInto(buf, j.path, s.cfg.MaxFileSize)
			noteRead(s.cfg.Inputs, j.path, data, err)
		}
		if errors.Is(err, safefile.ErrTooBig) && !j.named && j.text != nil {
			continue // data, by its size
		}
		if err != nil {
			s.problem(j.path, err)
			continue
		}
		if j.text != nil {
			s.text(j, data)
			continue
		}
		test := strings.HasSuffix(j.path, "_test.go")
		rules := s.m.rules(data, test, func(Need) bool { return true })
		s.mu.Lock()
		s.res.Files++
		s.res.Bytes += int64(len(data))
		s.mu.Unlock()
		if len(rules) == 0 || isGenerated(data) {
			continue
		}
		f := File{Path: j.path, Rules: rules, Excluded: s.cfg.excluded(j.path, data), Test: test, Asked: j.asked}
		s.mu.Lock()
		s.files[j.dir] = append(s.files[j.dir], f)
		s.mu.Unlock()
	}
}

func (s *scanner) text(j job, data []byte) {
	var rules []string
	for _, n := range s.cfg.TextNeeds {
		if n.wants(j.text) && !slices.Contains(rules, n.Rule) && containsAny(data, n.Contains) {
			rules = append(rules, n.Rule)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.res.Files++
	s.res.Bytes += int64(len(data))
	s.matched[j.pattern] = true
	switch {
	case len(rules) == 0:
	case j.link:
		s.res.Links = append(s.res.Links, Link{j.path, s.cfg.Inputs.Real(j.path)})
	default:
		s.res.Text = append(s.res.Text, TextFile{Path: j.path, Kinds: j.text, Rules: rules, Asked: j.asked})
	}
}

// wants reports whether the need is for files of one of kinds.
func (n *TextNeed) wants(kinds []TextKind) bool {
	return slices.ContainsFunc(kinds, func(k TextKind) bool { return slices.Contains(n.Kinds, k) })
}

// wanted reports whether some need is for files of one of kinds.
func (s *scanner) wanted(kinds []TextKind) bool {
	return slices.ContainsFunc(s.cfg.TextNeeds, func(n TextNeed) bool { return n.wants(kinds) })
}

func containsAny(data []byte, list []string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return bytes.Contains(data, []byte(s)) })
}

// noteRead notes in set that the file was read. Of one that is too big only that
// is known.
func noteRead(set *inputs.Set, path string, data []byte, err error) {
	if errors.Is(err, safefile.ErrTooBig) {
		set.Exists(path)
		return
	}
	set.Note(path, data, err)
}

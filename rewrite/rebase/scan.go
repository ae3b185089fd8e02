package rebase

import (
	"bytes"
	"go/scanner"
	"go/token"
	"strings"
	"unicode/utf8"
)

// key is what makes two tokens of different layouts the same.
type key struct {
	tok  token.Token
	text string
}

// tok is one token or comment of a text. Semicolons are no tokens here: they
// belong to the gap between two, where layouts differ in how they write them.
type tok struct {
	key
	start, end int
	semis      int // semicolons between the token before and this, implied ones included
	newlines   int // line ends between the token before and this
	depth      int // tabs that indent the line it stands in, without the lines of a token before it
}

// text is a scanned source. A line end stands before its first byte, and an
// empty token at either end, so that every token lies between two others and
// every line begins after a line end.
type text struct {
	src     []byte
	toks    []tok
	illegal int // places that are no Go: odd characters, literals and comments without an end
}

func scan(content []byte) *text {
	src := make([]byte, 0, len(content)+1)
	src = append(append(src, '\n'), content...)
	t := &text{src: src, toks: make([]tok, 0, len(src)/4+2)}
	file := token.NewFileSet().AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	t.toks = append(t.toks, tok{key: key{token.EOF, "start"}})
	semis := 0
	for {
		pos, kind, lit := s.Scan()
		if kind == token.EOF {
			break
		}
		if kind == token.SEMICOLON {
			semis++
			continue
		}
		start := file.Offset(pos)
		end := tokenEnd(src, start, kind, lit)
		k := key{kind, lit}
		if kind == token.COMMENT {
			k.text = commentText(src[start:end])
		}
		t.add(k, start, end, semis)
		semis = 0
	}
	t.add(key{token.EOF, "end"}, len(src), len(src), semis)
	t.illegal = s.ErrorCount
	return t
}

func (t *text) add(k key, start, end, semis int) {
	last := t.toks[len(t.toks)-1]
	n := tok{key: k, start: start, end: end, semis: semis, depth: last.depth}
	if gap := t.src[last.end:start]; len(gap) > 0 {
		n.newlines = bytes.Count(gap, []byte("\n"))
		if n.newlines > 0 {
			indent := gap[bytes.LastIndexByte(gap, '\n')+1:]
			n.depth = len(indent) - len(bytes.TrimLeft(indent, "\t"))
		}
	}
	t.toks = append(t.toks, n)
}

// tokenEnd returns the offset behind a token. The scanner drops carriage
// returns from comments and raw strings, so the length of its literal will not do.
func tokenEnd(src []byte, start int, kind token.Token, lit string) int {
	rest := src[start:]
	through := func(closing string) int {
		if i := bytes.Index(rest[min(len(closing), len(rest)):], []byte(closing)); i >= 0 {
			return start + i + 2*len(closing)
		}
		return len(src)
	}
	switch {
	case kind == token.COMMENT && bytes.HasPrefix(rest, []byte("//")):
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[:i]
		}
		return start + len(bytes.TrimRight(rest, "\r"))
	case kind == token.COMMENT:
		return through("*/")
	case kind == token.STRING && rest[0] == '`':
		return through("`")
	case kind == token.ILLEGAL:
		_, n := utf8.DecodeRune(rest)
		return start + n
	case lit != "":
		return start + len(lit)
	}
	return start + len(kind.String())
}

// commentText returns a comment without what the printer changes in it: the
// blanks around each line.
func commentText(comment []byte) string {
	s := strings.ReplaceAll(string(comment), "\r", "")
	if strings.HasPrefix(s, "//") {
		return strings.TrimRight(s, " \t")
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

// gap returns the bytes between token i and the one before it.
func (t *text) gap(i int) string { return string(t.src[t.toks[i-1].end:t.toks[i].start]) }

func (t *text) bytes(i int) string { return string(t.src[t.toks[i].start:t.toks[i].end]) }

func (k key) isLineComment() bool {
	return k.tok == token.COMMENT && strings.HasPrefix(k.text, "//")
}

func (k key) isOpener() bool {
	return k.tok == token.LBRACE || k.tok == token.LPAREN || k.tok == token.LBRACK
}

func (k key) isCloser() bool {
	return k.tok == token.RBRACE || k.tok == token.RPAREN || k.tok == token.RBRACK
}

// clings reports whether the token follows what it belongs to without a space.
func (k key) clings() bool {
	switch k.tok {
	case token.PERIOD, token.COMMA, token.LPAREN, token.LBRACK, token.RPAREN, token.RBRACK:
		return true
	}
	return false
}

// sameTokens reports whether two texts have the same tokens and comments, and
// semicolons at the same places. One that a closing bracket or the end makes
// superfluous does not count.
func sameTokens(a, b *text) bool {
	if len(a.toks) != len(b.toks) {
		return false
	}
	for i := range a.toks {
		x, y := a.toks[i], b.toks[i]
		if x.key != y.key {
			return false
		}
		if x.semis != y.semis && !optionalSemicolon(a.toks, i) {
			return false
		}
	}
	return true
}

// optionalSemicolon reports whether nothing but comments stands between the gap
// before token i and a closing bracket or the end.
func optionalSemicolon(toks []tok, i int) bool {
	for i < len(toks)-1 && toks[i].tok == token.COMMENT {
		i++
	}
	return toks[i].isCloser() || toks[i].tok == token.EOF
}

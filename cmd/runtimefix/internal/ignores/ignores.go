// Package ignores puts ignore comments where findings are.
package ignores

import (
	"bytes"
	"go/scanner"
	"go/token"
	"path"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Place is a line on which findings of rules stand.
type Place struct {
	Line  int // from 1
	Rules []string
}

// Add returns src, the content of the file called name, with a comment for each
// of places. Those for which no comment is known to be harmless come back in
// refused.
func Add(name string, src []byte, places []Place, reason string) (out []byte, refused []Place) {
	lines := bytes.SplitAfter(src, []byte("\n"))
	eol := "\n"
	if bytes.HasSuffix(lines[0], []byte("\r\n")) {
		eol = "\r\n"
	}
	var goFile *goLines
	marker := "# "
	switch {
	case strings.HasSuffix(name, ".go"):
		goFile, marker = scanGo(src), "//"
	case !commentsWithHash(name):
		return src, places
	}
	// From the end, so that numbers of lines stay true.
	places = slices.Clone(places)
	slices.SortFunc(places, func(a, b Place) int { return b.Line - a.Line })
	for _, p := range places {
		i := p.Line - 1
		if i < 0 || i >= len(lines) || !harmless(goFile, lines, i) {
			refused = append(refused, p)
			continue
		}
		comment := marker + "runtimefix:ignore " + strings.Join(p.Rules, ",") + " " + reason
		line := lines[i]
		text := bytes.TrimLeft(line, " \t")
		if goFile != nil && len(text) == len(line) && !goFile.comment[p.Line] && !goFile.inside[p.Line+1] {
			// A line above a declaration would become its documentation.
			end := bytes.TrimRight(line, "\r\n")
			lines[i] = []byte(string(end) + " " + comment + string(line[len(end):]))
			continue
		}
		indent := string(line[:len(line)-len(text)])
		lines = slices.Insert(lines, i, []byte(indent+comment+eol))
	}
	out = bytes.Join(lines, nil)
	if ext := path.Ext(name); (ext == ".yaml" || ext == ".yml") && !sameYAML(src, out) {
		return src, places
	}
	return out, refused
}

// commentsWithHash reports whether in files of this name a line that begins with
// # is a comment wherever no other line goes on.
func commentsWithHash(name string) bool {
	base := strings.ToLower(path.Base(name))
	if strings.HasPrefix(base, "dockerfile") || strings.HasPrefix(base, "containerfile") || strings.HasPrefix(base, ".env") {
		return true
	}
	return slices.Contains([]string{".yaml", ".yml", ".dockerfile", ".env", ".service", ".container", ".conf"}, path.Ext(base))
}

// harmless reports whether a line can be put before lines[i].
func harmless(g *goLines, lines [][]byte, i int) bool {
	if g != nil {
		return !g.inside[i+1]
	}
	if i == 0 {
		return true
	}
	before := bytes.TrimRight(lines[i-1], " \t\r\n")
	return !bytes.HasSuffix(before, []byte(`\`)) && !bytes.HasSuffix(before, []byte("`"))
}

// sameYAML reports whether two texts hold the same documents.
func sameYAML(a, b []byte) bool {
	read := func(data []byte) (docs []any, ok bool) {
		dec := yaml.NewDecoder(bytes.NewReader(data))
		for {
			var v any
			err := dec.Decode(&v)
			if err != nil {
				return docs, err.Error() == "EOF"
			}
			docs = append(docs, v)
		}
	}
	x, okX := read(a)
	y, okY := read(b)
	return okX && okY && reflect.DeepEqual(x, y)
}

// goLines says about the lines of a Go file what matters for comments.
type goLines struct {
	inside  map[int]bool // the line begins inside a token, a raw string say
	comment map[int]bool // a comment begins on the line
}

func scanGo(src []byte) *goLines {
	g := &goLines{inside: make(map[int]bool), comment: make(map[int]bool)}
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return g
		}
		first := file.Line(pos)
		if tok == token.COMMENT {
			g.comment[first] = true
		}
		if tok == token.STRING || tok == token.COMMENT {
			// Raw strings are scanned without carriage returns, so lines are
			// counted, not bytes.
			for n := range strings.Count(lit, "\n") {
				g.inside[first+n+1] = true
			}
		}
	}
}

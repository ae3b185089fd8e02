package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// A place is where a finding or a label is, in words that survive when code
// around it moves.
type place struct {
	Repo string `json:"repo"`
	Path string `json:"path"`
	Rule string `json:"rule"`
	Func string `json:"func"` // Type.Method, or "-" outside functions and in text
	Hash string `json:"hash"` // of the line without its indentation; "#2" for the second such line in the function, "/2" for the second finding there
}

// A finding is what runtimefix says of a place.
type finding struct {
	place
	Line    int    `json:"line"`
	Safety  string `json:"safety"` // of the first fix: safe, unsafe, or none
	FixHash string `json:"fixHash,omitempty"`
	Message string `json:"message"`
	Why     string `json:"why,omitempty"` // why there is no fix
	Verdict string `json:"verdict,omitempty"`
	Fix     string `json:"fix,omitempty"` // the label's word on this very fix
}

func newFinding(repo string, f reportFinding, files *lineReader) *finding {
	out := &finding{Line: f.Start.Line, Message: f.Message, Safety: "none", Why: f.NoFix}
	out.place = files.place(repo, f.Rule, f.Path, f.Start.Line)
	if len(f.Fixes) == 0 {
		return out
	}
	out.Safety = f.Fixes[0].Safety
	h := sha256.New()
	for _, e := range f.Fixes[0].Edits {
		// Offsets move with the code above; what is put in does not.
		fmt.Fprintf(h, "%s %d %q\n", e.Path, e.End-e.Start, e.Text)
	}
	out.FixHash = hex.EncodeToString(h.Sum(nil))[:8]
	return out
}

// A lineReader tells places in the files of a tree.
type lineReader struct {
	root  string
	files map[string]*lineFile
}

type lineFile struct {
	lines []string
	funcs []funcRange
}

type funcRange struct {
	name       string
	start, end int
}

func newLineReader(root string) *lineReader {
	return &lineReader{root, make(map[string]*lineFile)}
}

func (l *lineReader) file(path string) *lineFile {
	if f := l.files[path]; f != nil {
		return f
	}
	f := new(lineFile)
	l.files[path] = f
	data, err := os.ReadFile(filepath.Join(l.root, filepath.FromSlash(path)))
	if err != nil {
		return f
	}
	f.lines = strings.Split(string(data), "\n")
	if !strings.HasSuffix(path, ".go") {
		return f
	}
	fset := token.NewFileSet()
	parsed, _ := parser.ParseFile(fset, path, data, parser.SkipObjectResolution)
	if parsed == nil {
		return f
	}
	for _, d := range parsed.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			f.funcs = append(f.funcs, funcRange{rewrite.DeclName(fn), fset.PositionFor(fn.Pos(), false).Line, fset.PositionFor(fn.End(), false).Line})
		}
	}
	return f
}

// place describes a line of a file.
func (l *lineReader) place(repo, rule, path string, line int) place {
	p := place{Repo: repo, Path: path, Rule: rule, Func: "-", Hash: "-"}
	f := l.file(path)
	if line < 1 || line > len(f.lines) {
		return p
	}
	first := 1
	for _, fn := range f.funcs {
		if fn.start <= line && line <= fn.end {
			p.Func, first = fn.name, fn.start
		}
	}
	text := strings.TrimSpace(f.lines[line-1])
	sum := sha256.Sum256([]byte(text))
	p.Hash = hex.EncodeToString(sum[:4])
	n := 1
	for i := first; i < line; i++ {
		if strings.TrimSpace(f.lines[i-1]) == text {
			n++
		}
	}
	if n > 1 {
		p.Hash += fmt.Sprintf("#%d", n)
	}
	return p
}

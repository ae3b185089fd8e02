package collect

import (
	"bytes"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// collectorState says whether the collector runs by itself.
type collectorState int

const (
	collectorOn    collectorState = iota
	collectorTuned                // its percentage is not known, or so large that it seldom runs
	collectorOff
)

// From what percentage on the collector seldom runs, and from what on it never
// does: the heap that it leaves alone has 4 MB at 100, and 40 GB at a million.
const (
	seldom = 400
	never  = 1_000_000
)

// stateAt says whether the collector runs by itself at a percentage.
func stateAt(percent constant.Value) collectorState {
	switch {
	case constant.Sign(percent) < 0 || constant.Compare(percent, token.GEQ, constant.MakeInt64(never)):
		return collectorOff
	case constant.Compare(percent, token.GEQ, constant.MakeInt64(seldom)):
		return collectorTuned
	}
	return collectorOn
}

// clearsUpFirst reports whether one of the next two statements switches the
// collector off: the collection leaves a clean heap to what must run without one.
func clearsUpFirst(p *rewrite.Package, cur inspector.Cursor) bool {
	stmt, ok := syntax.Listed(cur)
	if !ok {
		return false
	}
	next, ok := stmt.NextSibling()
	for range 2 {
		if !ok {
			return false
		}
		if syntax.ContainsNode(next.Node(), func(n ast.Node) bool { return setsOff(p, n) }) {
			return true
		}
		next, ok = next.NextSibling()
	}
	return false
}

// setsOff reports whether n is a call of SetGCPercent that switches the collector
// off.
func setsOff(p *rewrite.Package, n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 || !p.IsCall(call, "runtime/debug", "SetGCPercent") {
		return false
	}
	v := p.Info.Types[call.Args[0]].Value
	return v != nil && stateAt(v) == collectorOff
}

// stateOf says whether the collector runs by itself in the programs that p is
// part of: not where the program, or the environment of an image or a service, sets
// its percentage to less than zero or to what no heap reaches.
func stateOf(p *rewrite.Package) collectorState {
	type key struct{ path string }
	return rewrite.Memo(p.Snapshot(), key{p.Path}, func() collectorState {
		state := collectorOn
		if p.Module != nil {
			files, err := p.Snapshot().FilesUsing(p.Module, "runtime/debug", "SetGCPercent")
			if err != nil {
				files = nil
				for _, f := range p.Files {
					files = append(files, f.Path)
				}
			}
			for _, file := range files {
				if !strings.HasSuffix(file, "_test.go") {
					state = max(state, percentIn(p, file))
				}
			}
		}
		return max(state, stateInEnvironment(p))
	})
}

// percentIn says what the calls of SetGCPercent in a file mean for p: those of
// another program mean nothing.
func percentIn(p *rewrite.Package, file string) collectorState {
	src, err := p.Snapshot().Read(file)
	if err != nil {
		return collectorOn
	}
	f, _ := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
	if f == nil || f.Name.Name == "main" && p.Name == "main" && filepath.Dir(file) != p.Dir && filepath.Dir(file) != dirOf(p) {
		return collectorOn
	}
	if f.Name.Name == "main" && filepath.Dir(file) != dirOf(p) && !usesModule(p, filepath.Dir(file)) {
		return collectorOn // a program by itself
	}
	state := collectorOn
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if id := syntax.LastName(call.Fun); id == nil || id.Name != "SetGCPercent" {
			return true
		}
		state = max(state, spelledState(call.Args[0]))
		return true
	})
	return state
}

// spelledState says what a percentage means, going by its spelling.
func spelledState(x ast.Expr) collectorState {
	if syntax.ContainsNode(x, isLargest) {
		return collectorOff
	}
	t, err := types.Eval(token.NewFileSet(), nil, token.NoPos, syntax.ExprText(x))
	if err != nil || t.Value == nil || constant.ToInt(t.Value).Kind() != constant.Int {
		return collectorTuned
	}
	return stateAt(t.Value)
}

// isLargest reports whether n names the largest value of a type: math.MaxInt32.
func isLargest(n ast.Node) bool {
	sel, ok := n.(*ast.SelectorExpr)
	return ok && strings.HasPrefix(sel.Sel.Name, "MaxInt")
}

// usesModule reports whether a file of the folder imports a package of p's module.
func usesModule(p *rewrite.Package, dir string) bool {
	entries, err := p.Snapshot().ReadDir(dir)
	if err != nil || p.Module == nil {
		return true
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		src, err := p.Snapshot().Read(filepath.Join(dir, e.Name()))
		if err != nil {
			return true
		}
		f, _ := parser.ParseFile(token.NewFileSet(), e.Name(), src, parser.ImportsOnly)
		if f == nil {
			return true
		}
		for _, spec := range f.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err != nil || p.Module.Holds(path) {
				return true
			}
		}
	}
	return false
}

func dirOf(p *rewrite.Package) string {
	if len(p.Files) == 0 {
		return ""
	}
	return filepath.Dir(p.Files[0].Path)
}

var (
	// gogcSet matches what sets the percentage in an environment, on one line (the
	// default of a shell's ${GOGC:-100}, too) or, in a manifest, on two.
	gogcSet = regexp.MustCompile(`(?m)^[^\n#]*\bGOGC(?::-|\b["']?\s*[=: ]\s*["']?)(off|-?\d+)[^\n]*$|name:\s*["']?GOGC["']?\s*\n\s*value:\s*["']?(off|-?\d+)`)
	// toolCommand matches lines that set it for Go's own tools.
	toolCommand = regexp.MustCompile(`\bgo\s+(?:build|test|vet|run|install|generate|list)\b|lint|staticcheck`)
)

var gogc = []byte("GOGC")

// stateInEnvironment says what the files of the repository, other than documents
// and tests, make of the collector in an environment.
func stateInEnvironment(p *rewrite.Package) collectorState {
	if len(p.Files) == 0 {
		return collectorOn
	}
	s := p.Snapshot()
	type key struct{ root string }
	root := s.Root(p.Files[0].Path)
	return rewrite.MemoDisk(s, key{root}, func() collectorState {
		var mu sync.Mutex // files are looked at concurrently
		state := collectorOn
		_, err := s.FilesWith(root, func(path string, data []byte) bool {
			switch ext := strings.ToLower(filepath.Ext(path)); {
			case strings.Contains(filepath.ToSlash(path), "/testdata/"): // of no program
				return false
			case ext == ".md" || ext == ".rst" || ext == ".adoc" || ext == ".html" || strings.HasSuffix(path, "_test.go"):
				return false
			}
			if !bytes.Contains(data, gogc) {
				return false // the expression would try each place of each line
			}
			for _, m := range gogcSet.FindAllSubmatch(data, -1) {
				is := stateOfWord(string(m[1]) + string(m[2]))
				if toolCommand.Match(m[0]) || is == collectorTuned && strings.HasSuffix(path, ".go") {
					continue // a program tunes what it starts
				}
				mu.Lock()
				state = max(state, is)
				mu.Unlock()
			}
			return false
		})
		if err != nil {
			return collectorOn
		}
		return state
	})
}

// stateOfWord says what a value of GOGC means.
func stateOfWord(word string) collectorState {
	if word == "off" || word[0] == '-' {
		return collectorOff
	}
	return stateAt(constant.MakeFromLiteral(word, token.INT, 0))
}

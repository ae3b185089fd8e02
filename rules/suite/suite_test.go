package suite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/runtimefix/runtimefix/rules/suite"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/packages"
)

const source = `package m

import "runtime"

func work(stop func() bool) {
	runtime.LockOSThread()
	if stop() {
		return
	}
	println("done")
	runtime.UnlockOSThread()
}

func keep() {
	for {
		println()
		runtime.GC() //runtimefix:ignore forcedgc the arena was dropped
	}
}

var _, _ = work, keep
`

// nogo names neither the module nor a way to read files.
func TestAsNogoRunsIt(t *testing.T) {
	if err := analysis.Validate([]*analysis.Analyzer{suite.Analyzer}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "a.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list, err := packages.Load(&packages.Config{Dir: dir, Mode: packages.LoadSyntax}, ".")
	if err != nil || len(list) != 1 || len(list[0].Errors) > 0 {
		t.Fatalf("%v, %+v", err, list)
	}
	p := list[0]
	var got []analysis.Diagnostic
	_, err = suite.Analyzer.Run(&analysis.Pass{
		Analyzer: suite.Analyzer, Fset: p.Fset, Files: p.Syntax, Pkg: p.Types, TypesInfo: p.TypesInfo, TypesSizes: p.TypesSizes,
		ResultOf: map[*analysis.Analyzer]any{inspect.Analyzer: inspector.New(p.Syntax)},
		Report:   func(d analysis.Diagnostic) { got = append(got, d) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Category != "threadlock" || p.Fset.Position(got[0].Pos).Line != 6 || len(got[0].SuggestedFixes) != 1 {
		t.Errorf("diagnostics: %+v", got)
	}
}

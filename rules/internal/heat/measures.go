package heat

import (
	"go/ast"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

// harness matches elements of the import paths of packages that help tests.
var harness = regexp.MustCompile(`^(?i:tests?|testing|test_?utils?|\w*leak|leak_?check\w*)$`)

// IsBenchmark reports whether the file belongs to a program that measures or
// tests, which wants each measurement to begin with the same heap.
func IsBenchmark(f *rewrite.File) bool {
	return syntax.Imports(f, "testing") || BenchName.MatchString(path.Base(f.Pkg.Path)) ||
		slices.ContainsFunc(strings.Split(f.Pkg.Path, "/"), harness.MatchString)
}

func IsHandlerDecl(p *rewrite.Package, decl *ast.FuncDecl) bool {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	return obj != nil && web.IsHandler(obj.Signature())
}

// Measures reports whether the function reads memory statistics or is part of a
// test harness: a collection next to that belongs to the measurement.
func Measures(p *rewrite.Package, decl *ast.FuncDecl) bool {
	if decl.Type.Params != nil {
		for _, f := range decl.Type.Params.List {
			if t := p.Info.TypeOf(f.Type); t != nil && strings.HasPrefix(strings.TrimPrefix(syntax.TypeKey(t), "*"), "testing.") {
				return true
			}
		}
	}
	return syntax.InDecl(decl, func(n ast.Node) bool {
		return p.IsCall(n, "runtime", "ReadMemStats") || p.IsCall(n, "runtime/debug", "ReadGCStats") ||
			p.IsCall(n, "runtime/metrics", "Read") || p.IsCall(n, "testing", "AllocsPerRun", "Benchmark")
	})
}

// benchName matches names of programs and functions that measure.
var BenchName = regexp.MustCompile(`(?i)bench|stress|load_?test|profil`)

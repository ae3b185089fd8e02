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
var harness = regexp.MustCompile(`^(?i:x?tests?|testing|test[-_]?(?:utils?|util\w*|kits?|helpers?|help|libs?|lib\w*|support|suites?|harness|tools?|tools\w*|infra|env|case|common|framework|fixtures?|x)|(?:gc|leak|mem|memory|unit|integration|load|soak|fuzz|chaos|e2e|smoke|perf|api|db|http|net|io|fs|k8s|kube|docker|server)[-_]?test(?:s|ing|er|kit|util|utils|helpers?)?|\w+[-_]tests?|e2e|\w*leak|leak_?\w*|go_?leak\w*)$`)

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

// HasTesting reports whether a parameter of the function is one of package
// testing's.
func HasTesting(p *rewrite.Package, decl *ast.FuncDecl) bool {
	for _, f := range decl.Type.Params.List {
		if t := p.Info.TypeOf(f.Type); t != nil && strings.HasPrefix(strings.TrimPrefix(syntax.TypeKey(t), "*"), "testing.") {
			return true
		}
	}
	return false
}

// BenchName matches names of programs and functions that measure.
var BenchName = regexp.MustCompile(`(?i)bench|stress|load_?test`)

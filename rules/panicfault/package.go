package panicfault

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// packageSetting returns the finding of a setting that is made by the initial
// value of a package variable, as init makes it: var _ = debug.SetPanicOnFault(true).
func packageSetting(call rewrite.Call) (rewrite.Finding, bool) {
	if _, inFunc := syntax.EnclosingFunc(call.At); inFunc {
		return rewrite.Finding{}, false
	}
	f := &faultSetting{call: call, p: call.Pkg}
	spec, decl := declaring(call)
	out := rewrite.Finding{
		Pos: call.Call.Pos(), End: call.Call.End(),
		Message: "debug.SetPanicOnFault(true) in a package variable makes faults recoverable in all that the main goroutine does, so that a wild read goes unnoticed",
	}
	if spec == nil || len(spec.Names) != 1 {
		out.NoFix = "the call is a part of an expression; make the setting where memory is read that the program did not allocate"
		return out, true
	}
	v, _ := f.p.Info.Defs[spec.Names[0]].(*types.Var)
	if v != nil && f.restoredFrom(v) {
		return rewrite.Finding{}, false
	}
	if spec.Names[0].Name != "_" || len(decl.Specs) != 1 {
		out.NoFix = "the old value is kept in a variable, or declared together with others; make the setting where memory is read that the program did not allocate, and drop the variable"
		return out, true
	}
	fix, why := f.moved(func(e *rewrite.Edit) { e.DeleteDecl(decl) })
	if why != "" {
		out.NoFix = why
	} else {
		out.Fixes = []*rewrite.Fix{fix}
	}
	return out, true
}

// declaring returns the variable's declaration of which the call is the value.
func declaring(call rewrite.Call) (*ast.ValueSpec, *ast.GenDecl) {
	spec, ok := call.At.Parent().Node().(*ast.ValueSpec)
	if !ok {
		return nil, nil
	}
	decl, _ := call.At.Parent().Parent().Node().(*ast.GenDecl)
	return spec, decl
}

// restoredFrom reports whether the package puts the setting back from v.
func (f *faultSetting) restoredFrom(v *types.Var) bool {
	for _, r := range f.p.Snapshot().Refs(debugPath + ".SetPanicOnFault") {
		call, ok := r.Call()
		if ok && !r.File.Test && syntax.Mentions(r.Pkg, call.Node(), v) {
			return true
		}
	}
	return false
}

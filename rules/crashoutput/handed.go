package crashoutput

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A setting is a call that hands a file to the runtime: of SetCrashOutput, or of a
// function that does nothing else with the file that it gets.
type setting struct {
	call rewrite.Call
	file ast.Expr // the argument
	own  bool     // the call is one of SetCrashOutput
}

// settings returns the calls of SetCrashOutput and of functions around them.
func settings(s *rewrite.Snapshot) []setting {
	var out []setting
	for call := range s.Calls("runtime/debug", "SetCrashOutput") {
		if len(call.Call.Args) != 2 {
			continue
		}
		out = append(out, setting{call, call.Call.Args[0], true})
		fn, i := handsOn(call)
		if fn == nil {
			continue
		}
		for _, r := range s.Refs(rewrite.ObjectKey(fn)) {
			c, ok := r.Call()
			if !ok || r.File.Generated {
				continue
			}
			outer := rewrite.Call{Ref: r, Call: c.Node().(*ast.CallExpr), At: c}
			if i < len(outer.Call.Args) {
				out = append(out, setting{outer, outer.Call.Args[i], false})
			}
		}
	}
	return out
}

// handsOn returns the function around the call whose parameter is the file, and the
// parameter's index; nil where the function does more with it than to look whether
// it is there.
func handsOn(call rewrite.Call) (*types.Func, int) {
	p := call.Pkg
	fn, ok := syntax.EnclosingFunc(call.At)
	if !ok {
		return nil, 0
	}
	decl, ok := fn.Node().(*ast.FuncDecl)
	id, isVar := ast.Unparen(call.Call.Args[0]).(*ast.Ident)
	if !ok || !isVar {
		return nil, 0
	}
	v := syntax.LocalVar(p, id)
	i := slices.Index(syntax.ParamObjects(p, decl.Type), types.Object(v))
	if v == nil || i < 0 {
		return nil, 0
	}
	for _, c := range syntax.MentionsOf(p, v) {
		switch n := c.Parent().Node().(type) {
		case *ast.Field:
		case *ast.BinaryExpr:
			if !p.Info.Types[n.X].IsNil() && !p.Info.Types[n.Y].IsNil() {
				return nil, 0
			}
		case *ast.SelectorExpr:
			if n.Sel.Name != "Name" {
				return nil, 0
			}
		default:
			if c.Node() != id {
				return nil, 0
			}
		}
	}
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	return obj, i
}

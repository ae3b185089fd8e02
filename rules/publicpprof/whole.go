package publicpprof

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

// isWhole reports whether the route is all of the default mux, not a handler of
// profiles.
func (r route) isWhole() bool { return rewrite.ObjectKey(r.Obj) == "net/http.DefaultServeMux" }

// carriesMore reports whether the default mux is what is put on the router, with more
// than profiles on it.
func (x *exposed) carriesMore() bool {
	return slices.ContainsFunc(x.routes, func(r route) bool { return r.isWhole() && !x.g.program(r.Pkg).carriesOnlyProfiles() })
}

// filterDefault returns the fix that hands the default mux over without profiles, and
// serves them on loopback where nothing does; nil where it is not handed to a parameter
// for any handler, or more than once.
func (x *exposed) filterDefault() *rewrite.Fix {
	r := x.routes[0]
	if len(x.routes) > 1 || !r.isWhole() || !runsOnceIn(r) {
		return nil
	}
	call, ok := r.Expr().Parent().Node().(*ast.CallExpr)
	if !ok || !takesHandler(r.Pkg, call, r.Expr().Node()) {
		return nil
	}
	prog := x.g.program(r.Pkg)
	served := slices.ContainsFunc(x.g.defaults, func(o *listener) bool {
		return prog.in[o.pkg.Path] && (o.Host == web.Loopback || o.optIn() || prog.forProfiles(o))
	})
	fix := &rewrite.Fix{Safety: rewrite.Unsafe, Message: "filter profiles out of the public listener; /debug/pprof/ answers 404 there"}
	port := 0
	if !served {
		port = prog.freePort(x)
		fix.Message += fmt.Sprintf(" and is served on localhost:%d", port)
	}
	fix.Apply = func(e *rewrite.Edit) error {
		e.Replace(r.Expr().Node(), rewrite.Expr("$f(http.DefaultServeMux)", rewrite.Holes{"f": filterIn(e, r.File)}))
		if served {
			return nil
		}
		return adminListener(e, []*listener{{file: r.File, pkg: r.Pkg, at: r.at, call: call}}, port)
	}
	return fix
}

// runsOnceIn reports whether the route is put on its router once.
func runsOnceIn(r route) bool {
	fn, ok := syntax.EnclosingFunc(r.at)
	return ok && runsOnce(r.Pkg, fn, 0)
}

// takesHandler reports whether the parameter for which call passes arg is an
// http.Handler.
func takesHandler(p *rewrite.Package, call *ast.CallExpr, arg ast.Node) bool {
	sig, ok := types.Unalias(p.Info.TypeOf(call.Fun)).Underlying().(*types.Signature)
	for i, a := range call.Args {
		if ok && a == arg && i < sig.Params().Len() && !sig.Variadic() {
			return syntax.IsType(sig.Params().At(i).Type(), "net/http", "Handler")
		}
	}
	return false
}

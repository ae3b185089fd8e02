// Package web answers which functions serve, which handle requests, and who can
// reach a listener.
package web

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
)

// GraceSeconds is how long requests and unfinished work may take after the signal.
const GraceSeconds = knowledge.GraceSeconds

// Graceful is that time as an expression.
const Graceful = knowledge.Graceful

// Serving is a call that serves until it is told to stop.
type Serving struct {
	*knowledge.Server
	Call    *ast.CallExpr
	Method  string     // of the server
	On      ast.Expr   // the server, nil for one that the call makes
	Addr    ast.Expr   // of the server that is made
	Handler ast.Expr   // of the server that is made
	Args    []ast.Expr // of the method
}

// ServeCall returns how call serves, nil when it does not.
func ServeCall(p *rewrite.Package, call *ast.CallExpr) *Serving {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	if s := knowledge.ServedBy(fn); s != nil {
		sv := &Serving{Server: s, Call: call, Method: fn.Name(), Args: call.Args}
		sel, isSel := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		n := len(call.Args)
		switch {
		case call.Ellipsis.IsValid():
			return nil
		case IsGin(fn):
			// Run serves the engine by http.ListenAndServe.
			if !isSel || n != map[string]int{"Run": 1, "RunTLS": 3}[fn.Name()] {
				return nil
			}
			sv.Method = "ListenAndServe" + strings.TrimPrefix(fn.Name(), "Run")
			sv.Addr, sv.Handler, sv.Args = call.Args[0], sel.X, call.Args[1:]
		case fn.Signature().Recv() != nil:
			if !isSel {
				return nil
			}
			sv.On = sel.X
		case strings.HasPrefix(fn.Name(), "Listen"):
			sv.Addr, sv.Args, sv.Handler = call.Args[0], call.Args[1:n-1], call.Args[n-1]
		default:
			// Serve(l, handler) and ServeTLS(l, handler, cert, key)
			sv.Handler = call.Args[1]
			sv.Args = append([]ast.Expr{call.Args[0]}, call.Args[2:]...)
		}
		return sv
	}
	return nil
}

// ServeValue returns how a method that is passed as a function without parameters
// serves once it is called, nil when it does not: g.Go(srv.ListenAndServe).
func ServeValue(p *rewrite.Package, x *ast.SelectorExpr) *Serving {
	fn, ok := p.Info.Uses[x.Sel].(*types.Func)
	if !ok || fn.Pkg() == nil || fn.Signature().Recv() == nil || fn.Signature().Params().Len() > 0 {
		return nil
	}
	s := knowledge.ServedBy(fn)
	if s == nil {
		return nil
	}
	return &Serving{Server: s, Method: fn.Name(), On: x.X}
}

// IsGin reports whether fn is gin's.
func IsGin(fn *types.Func) bool { return fn.Pkg().Path() == "github.com/gin-gonic/gin" }

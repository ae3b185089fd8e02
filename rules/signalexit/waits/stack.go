package waits

import (
	"go/ast"
	"go/token"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// Frame is a function on the stack of the goroutine that waits.
type Frame struct {
	Pkg  *rewrite.Package
	Body *ast.BlockStmt
	End  token.Pos // deferred calls before this position are pending
}

// Waiting is where main is when the signal arrives.
type Waiting struct {
	Pkg    *rewrite.Package
	Host   *ast.FuncDecl // the function that installs the handler or calls the one that does; nil for a literal
	Start  ast.Stmt      // in the host's body: the statement that installs the handler
	Rest   []ast.Stmt    // what follows in the host, at the level of start
	Waits  Waits         // in rest
	Frames []Frame
}

// Loaded returns the waits in the nodes, once the functions of other
// packages that may stay by their names are loaded.
func Loaded(p *rewrite.Package, nodes ...ast.Node) Waits {
	ws := In(p, nodes...)
	for range MaxFrames {
		names := ws.away
		if len(names) == 0 {
			break
		}
		p.Snapshot().Widen(names...)
		ws = In(p, nodes...)
		if slices.Equal(ws.away, names) {
			break
		}
	}
	return ws
}

// Following returns the statement of body's list that holds c, and those that
// come after c in all lists around it.
func Following(c inspector.Cursor, body *ast.BlockStmt) (at ast.Stmt, rest []ast.Stmt) {
	for ; c.Node() != nil && c.Node() != body; c = c.Parent() {
		s, ok := c.Node().(ast.Stmt)
		if !ok {
			continue
		}
		list := syntax.StmtsOf(c.Parent().Node())
		if i := syntax.IndexOf(list, s); i >= 0 {
			at = s
			rest = append(rest, list[i+1:]...)
		}
	}
	return at, rest
}

func NodesOf(list []ast.Stmt) []ast.Node {
	var out []ast.Node
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// Works reports whether the statements call anything but loggers.
func Works(p *rewrite.Package, list []ast.Stmt) bool {
	for _, s := range list {
		if _, isDefer := s.(*ast.DeferStmt); isDefer {
			continue
		}
		if syntax.ContainsNode(s, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return false
			}
			fn := p.Callee(call)
			return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() != "fmt" && fn.Pkg().Path() != "log" && fn.Pkg().Path() != "os/signal"
		}) {
			return true
		}
	}
	return false
}

// Stack collects the frames: those of the functions that the host waits in, the
// host, and its only callers.
func (w *Waiting) Stack(s *rewrite.Snapshot, p *rewrite.Package, body *ast.BlockStmt, fn inspector.Cursor) {
	end := body.Rbrace
	var first *Wait
	if len(w.Waits.List) > 0 {
		first = &w.Waits.List[0]
		end = first.Node.Pos()
	}
	w.Frames = append(w.Frames, Frame{p, body, end})
	// Down into what it waits in.
	var callee *ast.FuncDecl
	q := p
	if first != nil {
		callee, q = first.Callee, first.Pkg
	} else if len(w.Rest) > 0 {
		if x, ok := w.Rest[len(w.Rest)-1].(*ast.ExprStmt); ok {
			if call, ok := x.X.(*ast.CallExpr); ok {
				if f := p.Callee(call); f != nil {
					callee, q = syntax.DeclarationOf(s, f)
				}
			}
		}
	}
	for range MaxFrames {
		if callee == nil || callee.Body == nil {
			break
		}
		inner := In(q, callee.Body)
		end := callee.Body.Rbrace
		var next *ast.FuncDecl
		nextPkg := q
		if len(inner.List) > 0 {
			end = inner.List[0].Node.Pos()
			next, nextPkg = inner.List[0].Callee, inner.List[0].Pkg
		}
		w.Frames = append(w.Frames, Frame{q, callee.Body, end})
		callee, q = next, nextPkg
	}
	// Up to main.
	for range heat.MaxCallers {
		call, caller := Caller(s, p, fn)
		if caller == nil {
			return
		}
		up, ok := syntax.EnclosingFunc(call)
		if !ok {
			return
		}
		w.Frames = append(w.Frames, Frame{caller, syntax.BodyOf(up.Node()), call.Node().Pos()})
		fn, p = up, caller
	}
}

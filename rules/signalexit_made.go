package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/edge"
)

// madeCall is a call that the goroutine makes before it exits.
type madeCall struct {
	pkg   *rewrite.Package
	call  *ast.CallExpr // nil for a function that is passed to the goroutine
	fn    *types.Func   // nil for a function value
	text  string        // what is called, as it is written
	whole string        // the call, as it is written
}

// made returns the calls that the goroutine makes between the receive and the
// exit, itself or through functions that it calls: those of the module, those in
// variables, and those passed to it.
func (h *signalHandler) made() []madeCall {
	if h.calls == nil {
		m := &maker{h: h, busy: make(map[ast.Node]bool)}
		for _, s := range h.path() {
			m.visit(h.p, s, maxFrames)
		}
		if h.last != nil {
			m.visit(h.p, h.last, maxFrames)
		}
		h.calls = append(m.calls, madeCall{}) // not nil any more
	}
	return h.calls
}

// makes reports whether the goroutine calls what call calls, itself or through
// functions that it calls.
func (h *signalHandler) makes(p *rewrite.Package, call *ast.CallExpr) bool {
	return len(h.same(p, call)) > 0
}

// same returns the goroutine's calls of what call calls.
func (h *signalHandler) same(p *rewrite.Package, call *ast.CallExpr) []madeCall {
	fn := p.Callee(call)
	var out []madeCall
	for _, m := range h.made() {
		switch {
		case m.fn == nil || fn == nil:
			if m.text == exprText(call.Fun) {
				out = append(out, m)
			}
		case rewrite.ObjectKey(m.fn) == rewrite.ObjectKey(fn):
			// A function called for other arguments does something else.
			if fn.Signature().Recv() != nil || m.whole == exprText(call) {
				out = append(out, m)
			}
		}
	}
	return out
}

// repeats reports whether the goroutine makes the deferred call itself, so that
// it would be made twice.
func (x *signalFix) repeats(d *ast.DeferStmt) bool {
	p := x.h.s.File(d.Pos()).Pkg
	made := func(call *ast.CallExpr) bool {
		return !tellsOnly(p, call) && !isContextFunc(p.Info.TypeOf(call.Fun)) && slices.ContainsFunc(x.h.same(p, call), func(m madeCall) bool { return !x.left[m.call] })
	}
	lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit)
	if !ok {
		return made(d.Call)
	}
	return containsNode(lit.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && made(call)
	})
}

// leaveTo plans to leave the goroutine's own calls to the deferred one, where
// they are the same.
func (x *signalFix) leaveTo(d *ast.DeferStmt) {
	h := x.h
	if len(x.links) > 0 || h.lit == nil || indexOf(x.main.Body.List, d) < 0 || d.Pos() > x.w.start.Pos() {
		return
	}
	line := func(pos token.Pos) int { return h.s.Position(pos).Line }
	for _, s := range h.tail {
		call := callOf(s)
		if call == nil || tellsOnly(h.p, call) || !sameCall(h.p, x.main.Body, call, d.Call) {
			continue
		}
		x.left[call] = true
		for _, g := range h.file.AST.Comments {
			if line(g.End()) >= line(s.Pos())-1 && line(g.Pos()) <= line(s.End()) {
				x.keep = true // its comments stay
			}
		}
	}
}

// callOf returns the call that s makes without a look at its result, nil for
// other statements.
func callOf(s ast.Stmt) *ast.CallExpr {
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, _ := s.X.(*ast.CallExpr)
		return call
	case *ast.AssignStmt:
		for _, l := range s.Lhs {
			if id, ok := l.(*ast.Ident); !ok || id.Name != "_" {
				return nil
			}
		}
		if len(s.Rhs) == 1 {
			call, _ := s.Rhs[0].(*ast.CallExpr)
			return call
		}
	}
	return nil
}

// sameCall reports whether a and b are written alike and mean the same: their
// variables have one value each in body.
func sameCall(p *rewrite.Package, body *ast.BlockStmt, a, b *ast.CallExpr) bool {
	if exprText(a) != exprText(b) {
		return false
	}
	plain := true
	names := func(x ast.Node) (out []types.Object) {
		ast.Inspect(x, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				out = append(out, p.Info.ObjectOf(n))
			case *ast.FuncLit:
				plain = false
			}
			return true
		})
		return out
	}
	vars := names(a)
	return slices.Equal(vars, names(b)) && plain && !containsNode(body, func(n ast.Node) bool {
		s, ok := n.(*ast.AssignStmt)
		return ok && slices.ContainsFunc(s.Lhs, func(l ast.Expr) bool {
			id, ok := l.(*ast.Ident)
			return ok && p.Info.Uses[id] != nil && slices.Contains(vars, p.Info.Uses[id])
		})
	})
}

type maker struct {
	h     *signalHandler
	busy  map[ast.Node]bool
	calls []madeCall
}

func (m *maker) visit(p *rewrite.Package, n ast.Node, depth int) {
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || p.Info.Types[call.Fun].IsType() {
			return true
		}
		fn := p.Callee(call)
		m.calls = append(m.calls, madeCall{pkg: p, call: call, fn: fn, text: exprText(call.Fun), whole: exprText(call)})
		if fn != nil {
			m.declared(fn, depth)
		} else {
			m.value(p, call.Fun, depth)
		}
		return true
	})
}

// declared visits the body of a function of the module.
func (m *maker) declared(fn *types.Func, depth int) {
	decl, q := declarationOf(m.h.s, fn)
	if decl == nil || decl.Body == nil || m.busy[decl] || depth == 0 {
		return
	}
	m.busy[decl] = true
	m.visit(q, decl.Body, depth-1)
}

// value visits what the function value x may stand for: the function that a
// variable is declared with, the argument that a parameter stands for.
func (m *maker) value(p *rewrite.Package, x ast.Expr, depth int) {
	if depth == 0 {
		return
	}
	switch x := ast.Unparen(x).(type) {
	case *ast.FuncLit:
		if !m.busy[x] {
			m.busy[x] = true
			m.visit(p, x.Body, depth-1)
		}
	case *ast.SelectorExpr:
		m.passed(p, x, x.Sel, depth)
	case *ast.Ident:
		v, ok := p.Info.Uses[x].(*types.Var)
		if !ok {
			m.passed(p, x, x, depth)
			return
		}
		for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
			id := c.Node().(*ast.Ident)
			if p.Info.Defs[id] != v {
				continue
			}
			switch n := c.Parent().Node().(type) {
			case *ast.AssignStmt:
				if len(n.Lhs) == 1 && len(n.Rhs) == 1 {
					m.value(p, n.Rhs[0], depth-1)
				}
			case *ast.ValueSpec:
				if len(n.Names) == 1 && len(n.Values) == 1 {
					m.value(p, n.Values[0], depth-1)
				}
			case *ast.Field:
				if c.ParentEdgeKind() == edge.Field_Names {
					m.argument(p, v, depth)
				}
			}
			return
		}
	}
}

// passed notes a function that is passed by its name.
func (m *maker) passed(p *rewrite.Package, x ast.Expr, id *ast.Ident, depth int) {
	fn, _ := p.Info.Uses[id].(*types.Func)
	text := exprText(x)
	m.calls = append(m.calls, madeCall{pkg: p, fn: fn, text: text, whole: text + "()"})
	if fn != nil {
		m.declared(fn, depth)
	}
}

// argument visits the argument that stands for the parameter v in the only call
// of its function.
func (m *maker) argument(p *rewrite.Package, v *types.Var, depth int) {
	for _, f := range p.Files {
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || v.Pos() < decl.Type.Pos() || decl.Type.End() <= v.Pos() {
				continue
			}
			obj, _ := p.Info.Defs[decl.Name].(*types.Func)
			if obj == nil || obj.Signature().Variadic() {
				return
			}
			refs := m.h.s.Refs(rewrite.ObjectKey(obj))
			for _, r := range refs {
				call, ok := r.Call()
				if !ok || r.File.Test {
					continue
				}
				args := call.Node().(*ast.CallExpr).Args
				for i := range obj.Signature().Params().Len() {
					if obj.Signature().Params().At(i) == v && i < len(args) {
						m.calls = append(m.calls, madeCall{pkg: r.Pkg, text: exprText(args[i]), whole: exprText(args[i]) + "()"})
						m.value(r.Pkg, args[i], depth-1)
					}
				}
			}
			return
		}
	}
}

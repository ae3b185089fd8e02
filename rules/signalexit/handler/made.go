package handler

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
	"golang.org/x/tools/go/ast/edge"
)

// MadeCall is a call that the goroutine makes before it exits.
type MadeCall struct {
	pkg   *rewrite.Package
	Call  *ast.CallExpr // nil for a function that is passed to the goroutine
	fn    *types.Func   // nil for a function value
	text  string        // what is called, as it is written
	whole string        // the call, as it is written
	value ast.Expr      // what is passed to the goroutine to be called, nil for a call
}

// made returns the calls that the goroutine makes between the receive and the
// exit, itself or through functions that it calls: those of the module, those in
// variables, and those passed to it.
func (h *Handler) made() []MadeCall {
	if h.calls == nil {
		m := &maker{h: h, busy: make(map[ast.Node]bool)}
		for _, s := range h.path() {
			m.visit(h.P, s, waits.MaxFrames)
		}
		if h.Last != nil {
			m.visit(h.P, h.Last, waits.MaxFrames)
		}
		h.calls = append(m.calls, MadeCall{}) // not nil any more
	}
	return h.calls
}

// makes reports whether the goroutine calls what call calls, itself or through
// functions that it calls.
func (h *Handler) makes(p *rewrite.Package, call *ast.CallExpr) bool {
	return len(h.Same(p, call)) > 0
}

// Same returns the goroutine's calls of what call calls.
func (h *Handler) Same(p *rewrite.Package, call *ast.CallExpr) []MadeCall {
	fn := p.Callee(call)
	var out []MadeCall
	for _, m := range h.made() {
		switch {
		case m.fn == nil || fn == nil:
			if m.text == syntax.ExprText(call.Fun) {
				out = append(out, m)
			}
		case rewrite.ObjectKey(m.fn) == rewrite.ObjectKey(fn):
			// A function called for other arguments does something else.
			if fn.Signature().Recv() != nil || m.whole == syntax.ExprText(call) {
				out = append(out, m)
			}
		}
	}
	return out
}

// SameCall reports whether a and b are written alike and mean the same: their
// variables have one value each in body.
func SameCall(p *rewrite.Package, body *ast.BlockStmt, a, b *ast.CallExpr) bool {
	if syntax.ExprText(a) != syntax.ExprText(b) {
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
	return slices.Equal(vars, names(b)) && plain && !syntax.ContainsNode(body, func(n ast.Node) bool {
		s, ok := n.(*ast.AssignStmt)
		return ok && slices.ContainsFunc(s.Lhs, func(l ast.Expr) bool {
			id, ok := l.(*ast.Ident)
			return ok && p.Info.Uses[id] != nil && slices.Contains(vars, p.Info.Uses[id])
		})
	})
}

type maker struct {
	h     *Handler
	busy  map[ast.Node]bool
	calls []MadeCall
}

func (m *maker) visit(p *rewrite.Package, n ast.Node, depth int) {
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || p.Info.Types[call.Fun].IsType() {
			return true
		}
		fn := p.Callee(call)
		m.calls = append(m.calls, MadeCall{pkg: p, Call: call, fn: fn, text: syntax.ExprText(call.Fun), whole: syntax.ExprText(call)})
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
	decl, q := syntax.DeclarationOf(m.h.S, fn)
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
	text := syntax.ExprText(x)
	m.calls = append(m.calls, MadeCall{pkg: p, fn: fn, text: text, whole: text + "()"})
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
			refs := m.h.S.Refs(rewrite.ObjectKey(obj))
			for _, r := range refs {
				call, ok := r.Call()
				if !ok || r.File.Test || decl == m.h.Decl && call.Node() != m.h.Gostmt.Call {
					continue // another main's
				}
				args := call.Node().(*ast.CallExpr).Args
				for i := range obj.Signature().Params().Len() {
					if obj.Signature().Params().At(i) == v && i < len(args) {
						m.calls = append(m.calls, MadeCall{pkg: r.Pkg, text: syntax.ExprText(args[i]), whole: syntax.ExprText(args[i]) + "()", value: args[i]})
						m.value(r.Pkg, args[i], depth-1)
					}
				}
			}
			return
		}
	}
}

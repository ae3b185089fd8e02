package web

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Server is what is known about a net/http.Server.
type Server struct {
	Lit           *ast.CompositeLit // nil when it has none
	Addr, Handler ast.Expr          // nil when not set
	TLS           ast.Expr          // its TLSConfig, nil when not set
}

// ServerOf finds out how the server x is set up. ok is false where that is not
// in sight.
func ServerOf(p *rewrite.Package, x ast.Expr) (srv Server, ok bool) {
	x = ast.Unparen(x)
	if lit := serverLit(p, x); lit != nil {
		return fromLit(lit)
	}
	var obj types.Object
	switch x := x.(type) {
	case *ast.Ident:
		obj = p.Info.Uses[x]
	case *ast.SelectorExpr:
		obj = p.Info.Uses[x.Sel]
	}
	v, isVar := obj.(*types.Var)
	if !isVar || v.Pkg() != p.Types {
		return Server{}, false
	}
	return ServerIn(p, v)
}

// Embedded returns the server of which sel, s.ListenAndServe say, is a promoted
// method or field; nil where it is none.
func Embedded(p *rewrite.Package, sel *ast.SelectorExpr) *types.Var {
	s := p.Info.Selections[sel]
	if s == nil || len(s.Index()) < 2 {
		return nil
	}
	var v *types.Var
	t := s.Recv()
	for _, i := range s.Index()[:len(s.Index())-1] {
		if ptr, ok := syntax.Under(t).(*types.Pointer); ok {
			t = ptr.Elem()
		}
		st, ok := syntax.Under(t).(*types.Struct)
		if !ok {
			return nil
		}
		v = st.Field(i)
		t = v.Type()
	}
	if v.Pkg() != p.Types || !isServer(t) && !syntax.IsPointerTo(t, "net/http", "Server") {
		return nil
	}
	return v
}

// Promotes reports whether sel, in any package, denotes a field of net/http.Server
// of what embeds one in a type of the package path: s.Handler or s.Server.Handler.
func Promotes(q *rewrite.Package, sel *ast.SelectorExpr, path string) bool {
	s := q.Info.Selections[sel]
	if s == nil || s.Obj().Pkg() == nil || s.Obj().Pkg().Path() != "net/http" {
		return false
	}
	x := sel.X
	if inner, ok := ast.Unparen(x).(*ast.SelectorExpr); ok && len(s.Index()) == 1 {
		x = inner.X
	}
	t := q.Info.TypeOf(x)
	if ptr, ok := syntax.Under(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == path
}

// ServerIn finds out how the server in the variable or field v is set up.
func ServerIn(p *rewrite.Package, v *types.Var) (srv Server, ok bool) {
	found := 0
	if v.IsField() {
		for _, x := range syntax.PositionalValues(p, v) {
			lit := serverLit(p, x)
			if lit == nil {
				return Server{}, false
			}
			if srv, ok = fromLit(lit); !ok {
				return Server{}, false
			}
			found++
		}
	}
	for _, c := range syntax.MentionsOf(p, v) {
		value, assigned := syntax.AssignedTo(c)
		if !assigned {
			continue
		}
		found++
		if value != nil && !isNew(p, value) {
			lit := serverLit(p, value)
			if lit == nil {
				lit = madeServer(p, value)
			}
			if lit != nil {
				if srv, ok = fromLit(lit); !ok {
					return Server{}, false
				}
				continue
			}
			return Server{}, false
		}
	}
	if found > 1 || found == 0 && (!isServer(v.Type()) || handedIn(p, v)) {
		return Server{}, false
	}
	if !srv.setLater(p, v) {
		return Server{}, false
	}
	return srv, true
}

// handedIn reports whether v gets its value from a range, or is a parameter.
func handedIn(p *rewrite.Package, v *types.Var) bool {
	return slices.ContainsFunc(syntax.AssignmentsOf(p, v), func(a syntax.Assignment) bool { return a.Kind == syntax.Ranged }) || len(syntax.ArgumentsFor(p, v)) > 0
}

// setLater takes in the fields of the server v that are set by assignments. It
// reports whether each is set but once.
func (srv *Server) setLater(p *rewrite.Package, v *types.Var) bool {
	for c := range p.Inspector.Root().Preorder((*ast.AssignStmt)(nil)) {
		a := c.Node().(*ast.AssignStmt)
		for i, l := range a.Lhs {
			sel, isSel := l.(*ast.SelectorExpr)
			if !isSel || syntax.BaseVar(p, sel.X) != v && Embedded(p, sel) != v {
				continue
			}
			if len(a.Lhs) != len(a.Rhs) {
				return false
			}
			switch sel.Sel.Name {
			case "Handler":
				if srv.Handler != nil {
					return false
				}
				srv.Handler = a.Rhs[i]
			case "Addr":
				if srv.Addr != nil {
					return false
				}
				srv.Addr = a.Rhs[i]
			case "TLSConfig":
				srv.TLS = a.Rhs[i]
			}
		}
	}
	return true
}

// madeServer returns the literal that a function of the package returns, when x
// is its only call and the function has no other return.
func madeServer(p *rewrite.Package, x ast.Expr) *ast.CompositeLit {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return nil
	}
	decl := syntax.CalledHereOnly(p, call)
	if decl == nil {
		return nil
	}
	var lit *ast.CompositeLit
	returns := 0
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			returns++
			if len(n.Results) == 1 {
				lit = serverLit(p, n.Results[0])
			}
		}
		return true
	})
	if returns != 1 {
		return nil
	}
	return lit
}

// isNew reports whether x is new(http.Server).
func isNew(p *rewrite.Package, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && syntax.IsBuiltin(p, call, "new") && syntax.IsPointerTo(p.Info.TypeOf(call), "net/http", "Server")
}

// serverLit returns the literal when x is http.Server{...} or &http.Server{...}.
func serverLit(p *rewrite.Package, x ast.Expr) *ast.CompositeLit {
	x = ast.Unparen(x)
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.AND {
		x = ast.Unparen(u.X)
	}
	lit, ok := x.(*ast.CompositeLit)
	if !ok || !isServer(p.Info.TypeOf(lit)) {
		return nil
	}
	return lit
}

func isServer(t types.Type) bool {
	return syntax.IsType(t, "net/http", "Server")
}

func fromLit(lit *ast.CompositeLit) (srv Server, ok bool) {
	srv.Lit = lit
	for _, e := range lit.Elts {
		kv, isKV := e.(*ast.KeyValueExpr)
		if !isKV {
			return Server{}, false
		}
		key, isIdent := kv.Key.(*ast.Ident)
		if !isIdent {
			return Server{}, false
		}
		switch key.Name {
		case "Addr":
			srv.Addr = kv.Value
		case "Handler":
			srv.Handler = kv.Value
		case "TLSConfig":
			srv.TLS = kv.Value
		}
	}
	return srv, true
}

package release

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// aliasDepth is how many variables and functions a slice may pass.
const aliasDepth = 4

// addAliases adds the fields of the type with the key that are given the memory
// of those in views, too, by a literal or an assignment in the same function:
// T{data: b, dec: newDecoder(b[4:])}, t.dec = newDecoder(t.data).
func (rs *Releases) addAliases(p *rewrite.Package, key string, views map[string]bool) {
	if len(views) == 0 {
		return
	}
	all := givenFields(p, key)
	roots := make(map[*ast.BlockStmt][]*types.Var)
	for _, g := range all {
		if views[g.field] {
			roots[g.body] = append(roots[g.body], sliceRoots(p, g.body, g.value, aliasDepth)...)
		}
	}
	for _, g := range all {
		is := isVar(roots[g.body])
		if rs.aliases(p, g.body, g.value, func(p *rewrite.Package, x ast.Expr) bool { return is(p, x) || views[fieldOf(p, x, key)] }, aliasDepth) {
			views[g.field] = true
		}
	}
}

// A given is a value that a field gets in a function.
type given struct {
	body  *ast.BlockStmt
	field string
	value ast.Expr
}

// givenFields returns what the fields of the type with the key are set to in p.
func givenFields(p *rewrite.Package, key string) []given {
	var out []given
	for c := range p.Inspector.Root().Preorder((*ast.CompositeLit)(nil), (*ast.AssignStmt)(nil)) {
		fn, ok := syntax.EnclosingFunc(c)
		if !ok {
			continue
		}
		body := syntax.BodyOf(fn.Node())
		switch n := c.Node().(type) {
		case *ast.CompositeLit:
			if finalizer.FinalizedKey(p.Info.TypeOf(n)) != key {
				continue
			}
			for _, elt := range n.Elts {
				if kv, ok := elt.(*ast.KeyValueExpr); ok {
					if id, ok := kv.Key.(*ast.Ident); ok {
						out = append(out, given{body, id.Name, kv.Value})
					}
				}
			}
		case *ast.AssignStmt:
			for i, lhs := range n.Lhs {
				if f := fieldOf(p, ast.Unparen(lhs), key); f != "" && len(n.Lhs) == len(n.Rhs) {
					out = append(out, given{body, f, n.Rhs[i]})
				}
			}
		}
	}
	return out
}

// isVar returns a predicate for the variables.
func isVar(vars []*types.Var) aliased {
	return func(p *rewrite.Package, x ast.Expr) bool {
		id, ok := x.(*ast.Ident)
		return ok && slices.ContainsFunc(vars, func(v *types.Var) bool { return p.Info.Uses[id] == v })
	}
}

// sliceRoots returns the variables that x is, or is a part of, or was copied
// from.
func sliceRoots(p *rewrite.Package, body *ast.BlockStmt, x ast.Expr, depth int) []*types.Var {
	switch n := ast.Unparen(x).(type) {
	case *ast.SliceExpr:
		return sliceRoots(p, body, n.X, depth)
	case *ast.Ident:
		v := syntax.LocalVar(p, n)
		if v == nil || depth == 0 {
			return nil
		}
		out := []*types.Var{v}
		for _, val := range syntax.AssignedValues(p, body, v) {
			if val != nil {
				out = append(out, sliceRoots(p, body, val, depth-1)...)
			}
		}
		return out
	}
	return nil
}

// aliased tells the expressions whose memory is asked for.
type aliased func(p *rewrite.Package, x ast.Expr) bool

// aliases reports whether the value of x has the memory that is asked for, or
// leads to it: through slicing, variables, literals, and functions that return
// what they get.
func (rs *Releases) aliases(p *rewrite.Package, body *ast.BlockStmt, x ast.Expr, is aliased, depth int) bool {
	x = ast.Unparen(x)
	if is(p, x) {
		return true
	}
	if depth == 0 {
		return false
	}
	switch n := x.(type) {
	case *ast.SliceExpr:
		return rs.aliases(p, body, n.X, is, depth)
	case *ast.UnaryExpr:
		if index, ok := ast.Unparen(n.X).(*ast.IndexExpr); ok && n.Op == token.AND {
			return rs.aliases(p, body, index.X, is, depth)
		}
		return rs.aliases(p, body, n.X, is, depth)
	case *ast.Ident:
		v := syntax.LocalVar(p, n)
		return v != nil && slices.ContainsFunc(syntax.AssignedValues(p, body, v), func(val ast.Expr) bool {
			return val != nil && rs.aliases(p, body, val, is, depth-1)
		})
	case *ast.CompositeLit:
		return slices.ContainsFunc(n.Elts, func(elt ast.Expr) bool {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				elt = kv.Value
			}
			return rs.aliases(p, body, elt, is, depth)
		})
	case *ast.CallExpr:
		if b, ok := syntax.Under(p.Info.TypeOf(n)).(*types.Basic); ok && b.Kind() == types.UnsafePointer && p.Info.Types[n.Fun].IsType() {
			return rs.aliases(p, body, n.Args[0], is, depth)
		}
		arg := rs.PassedBack(p, n)
		return arg != nil && rs.aliases(p, body, arg, is, depth-1)
	}
	return false
}

// PassedBack returns the argument whose memory the called function returns, in a
// new value maybe: bytes.NewReader(b).
func (rs *Releases) PassedBack(p *rewrite.Package, call *ast.CallExpr) ast.Expr {
	if p.Info.Types[call.Fun].IsType() && len(call.Args) == 1 {
		_, from := syntax.Under(p.Info.TypeOf(call.Args[0])).(*types.Slice)
		_, to := syntax.Under(p.Info.TypeOf(call)).(*types.Slice)
		if from && to {
			return call.Args[0]
		}
		return nil
	}
	if p.IsCall(call, "bytes", "NewReader", "NewBuffer") || p.IsCall(call, "strings", "NewReader") {
		return call.Args[0]
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil || !takesBytes(fn.Signature()) {
		return nil
	}
	i, ok := rs.passesBack(p, fn)
	if _, decl := syntax.Source(rs.s, p, fn); decl == nil {
		i, ok = wraps(fn)
	}
	if ok && i < len(call.Args) {
		return call.Args[i]
	}
	return nil
}

// wraps returns the slice that fn, of which only the type is known, seems to wrap:
// it is called New..., and its first result has a field for such a slice.
func wraps(fn *types.Func) (int, bool) {
	sig := fn.Signature()
	if !strings.HasPrefix(fn.Name(), "New") || sig.Results().Len() == 0 {
		return 0, false
	}
	for i := range sig.Params().Len() {
		t := sig.Params().At(i).Type()
		if _, ok := syntax.Under(t).(*types.Slice); ok {
			return i, hasField(sig.Results().At(0).Type(), t, 3)
		}
	}
	return 0, false
}

// hasField reports whether t, or what it points at, is a struct with a field of
// the type, up to depth structs down.
func hasField(t, field types.Type, depth int) bool {
	if elem := syntax.PointerElem(t); elem != nil {
		t = elem
	}
	st, ok := syntax.Under(t).(*types.Struct)
	if !ok || depth == 0 {
		return false
	}
	for f := range st.Fields() {
		if types.Identical(f.Type(), field) || hasField(f.Type(), field, depth-1) {
			return true
		}
	}
	return false
}

// passesBack returns the parameter of fn whose memory its first result has.
func (rs *Releases) passesBack(p *rewrite.Package, fn *types.Func) (int, bool) {
	key := rewrite.ObjectKey(fn)
	if i, ok := rs.returning[key]; ok {
		return i, i >= 0
	}
	rs.returning[key] = -1 // for recursion
	home, decl := syntax.Source(rs.s, p, fn)
	if decl == nil {
		return 0, false
	}
	for i, param := range syntax.ParamObjects(home, decl.Type) {
		v, _ := param.(*types.Var)
		if v == nil || !IsSlice(v.Type()) {
			continue
		}
		found := syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
			ret, ok := n.(*ast.ReturnStmt)
			return ok && len(ret.Results) > 0 && rs.aliases(home, decl.Body, ret.Results[0], isVar([]*types.Var{v}), aliasDepth)
		})
		if found {
			rs.returning[key] = i
			return i, true
		}
	}
	return 0, false
}

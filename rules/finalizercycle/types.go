package finalizercycle

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/finalizercycle/heap"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// byTypes looks for a cycle that no function of the package closes in one run,
// so that the types are all there is to go by. An object of the type gets
// another one handed that it keeps (t.f = u, of a parameter u), and all objects
// of that other type are made with a pointer back (U{g: t}). Or a part of the
// object, which it has by value, keeps what is made there with a pointer that the
// part has to the whole (u := U{g: c.t}; c.f[k] = u).
//
// That is little evidence: u may belong to another t. It has to be a setter or
// such a part, for in a function that makes u itself of t the run tells better;
// and nothing may take either reference back.
func (c *cycles) byTypes(x *finalizer.Finalization) *cyclic {
	named, ok := types.Unalias(x.Elem).(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != x.Pkg.Path {
		return nil
	}
	st := fieldStoresOf(x.Pkg)
	for _, to := range st.set {
		whole := finalizer.FinalizedKey(x.Elem)
		part := to.owner != whole && to.made && hasByValue(x.Elem, to.owner, 3)
		if !part && (to.owner != whole || to.value == to.owner || !to.given) {
			continue
		}
		for _, back := range st.made {
			if back.owner != to.value || back.value != whole || st.without[back.field] {
				continue
			}
			way := []heap.Step{
				{From: &heap.Object{Typ: to.typ}, Path: to.field.Name(), Edge: heap.Link{Pos: to.pos}},
				{From: &heap.Object{Typ: back.typ}, Path: back.field.Name(), Edge: heap.Link{Pos: back.pos}},
			}
			if c.undone(x, way) || slices.ContainsFunc(st.set, func(s fieldStore) bool { return s.field == back.field }) {
				continue
			}
			return &cyclic{Finalization: x, way: way, partly: true, guessed: true}
		}
	}
	return nil
}

// fieldStore is a pointer to a struct of the package that is stored in a field
// of a struct of the package, or in an element of the field.
type fieldStore struct {
	field        *types.Var
	owner, value string // keys of the structs' types
	typ          types.Type
	given        bool // the value is a parameter
	made         bool // the value is made in the function
	pos          token.Pos
}

// fieldStores are the stores of a package by statements and in composite
// literals, in source order.
type fieldStores struct {
	set, made []fieldStore
	// without are the fields that some literal of the type leaves out.
	without map[*types.Var]bool
}

func fieldStoresOf(p *rewrite.Package) *fieldStores {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() *fieldStores {
		out := &fieldStores{without: make(map[*types.Var]bool)}
		for _, f := range p.Files {
			if f.Test {
				continue
			}
			for _, d := range f.AST.Decls {
				ast.Inspect(d, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.AssignStmt:
						out.assign(p, d, n)
					case *ast.CompositeLit:
						out.literal(p, n)
					case *ast.CallExpr:
						if syntax.IsBuiltin(p, n, "new") {
							out.zero(p.Info.TypeOf(n.Args[0]))
						}
					case *ast.ValueSpec:
						if n.Type != nil {
							out.zero(p.Info.TypeOf(n.Type))
						}
					}
					return true
				})
			}
		}
		return out
	})
}

// assign notes t.f = v, t.f[k] = v and t.f = append(t.f, v).
func (s *fieldStores) assign(p *rewrite.Package, d ast.Decl, n *ast.AssignStmt) {
	if len(n.Lhs) != len(n.Rhs) || n.Tok != token.ASSIGN {
		return
	}
	for i, l := range n.Lhs {
		target := ast.Unparen(l)
		if ix, ok := target.(*ast.IndexExpr); ok {
			target = ast.Unparen(ix.X)
		}
		sel, ok := target.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		values := []ast.Expr{n.Rhs[i]}
		if call, ok := ast.Unparen(n.Rhs[i]).(*ast.CallExpr); ok && syntax.IsBuiltin(p, call, "append") {
			values = call.Args[1:]
		}
		field, _ := p.Info.Uses[sel.Sel].(*types.Var)
		for _, v := range values {
			n := len(s.set)
			s.set = s.add(s.set, p, field, p.Info.TypeOf(sel.X), v, isParamOf(p, d, v))
			if len(s.set) > n {
				s.set[n].made = isMadeIn(p, d, v)
			}
		}
	}
}

// literal notes T{f: v}, and the fields that it leaves out.
func (s *fieldStores) literal(p *rewrite.Package, lit *ast.CompositeLit) {
	t := p.Info.TypeOf(lit)
	if elem := syntax.PointerElem(t); elem != nil {
		t = elem
	}
	st, ok := syntax.Under(t).(*types.Struct)
	if !ok {
		return
	}
	given := make(map[*types.Var]bool)
	for i, e := range lit.Elts {
		var field *types.Var
		value := e
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			id, _ := kv.Key.(*ast.Ident)
			field, _ = p.Info.Uses[id].(*types.Var)
			value = kv.Value
		} else if i < st.NumFields() {
			field = st.Field(i)
		}
		if field == nil {
			continue
		}
		given[field.Origin()] = true
		s.made = s.add(s.made, p, field, t, value, false)
	}
	for f := range st.Fields() {
		if !given[f.Origin()] {
			s.without[f.Origin()] = true
		}
	}
}

// zero notes a variable of type t without a value.
func (s *fieldStores) zero(t types.Type) {
	if st, ok := syntax.Under(t).(*types.Struct); ok {
		for f := range st.Fields() {
			s.without[f.Origin()] = true
		}
	}
}

func (s *fieldStores) add(list []fieldStore, p *rewrite.Package, field *types.Var, owner types.Type, v ast.Expr, given bool) []fieldStore {
	elem := syntax.PointerElem(p.Info.TypeOf(v))
	if field == nil || !field.IsField() || elem == nil {
		return list
	}
	if named, ok := types.Unalias(elem).(*types.Named); !ok || named.Obj().Pkg() != p.Types {
		return list
	}
	if e := syntax.PointerElem(owner); e != nil {
		owner = e
	}
	return append(list, fieldStore{
		field: field.Origin(), owner: finalizer.FinalizedKey(owner), value: finalizer.FinalizedKey(elem), typ: owner, given: given, pos: v.Pos(),
	})
}

// isParamOf reports whether v is a parameter of d.
func isParamOf(p *rewrite.Package, d ast.Decl, v ast.Expr) bool {
	decl, ok := d.(*ast.FuncDecl)
	id, isIdent := ast.Unparen(v).(*ast.Ident)
	return ok && isIdent && p.Info.Uses[id] != nil && slices.Contains(syntax.ParamObjects(p, decl.Type), p.Info.Uses[id])
}

// isMadeIn reports whether v is a variable that d's function sets to a literal's
// address, once.
func isMadeIn(p *rewrite.Package, d ast.Decl, v ast.Expr) bool {
	decl, ok := d.(*ast.FuncDecl)
	id, isIdent := ast.Unparen(v).(*ast.Ident)
	if !ok || !isIdent || decl.Body == nil {
		return false
	}
	local := syntax.LocalVar(p, id)
	if local == nil {
		return false
	}
	addr, ok := syntax.OnlyValue(p, decl.Body, local).(*ast.UnaryExpr)
	if !ok {
		return false
	}
	_, ok = addr.X.(*ast.CompositeLit)
	return ok
}

// hasByValue reports whether a struct of type t has one of the type with the key
// inside, up to depth structs down.
func hasByValue(t types.Type, key string, depth int) bool {
	st, ok := syntax.Under(t).(*types.Struct)
	if !ok || depth == 0 {
		return false
	}
	for f := range st.Fields() {
		if _, isStruct := syntax.Under(f.Type()).(*types.Struct); isStruct && (finalizer.FinalizedKey(f.Type()) == key || hasByValue(f.Type(), key, depth-1)) {
			return true
		}
	}
	return false
}

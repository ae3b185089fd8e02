package heat

import (
	"go/ast"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// passed returns the heat of a function that is the argument index of the call
// at c, as far as the called function alone decides it; on means that it is called
// as often as the call is made.
func (f *heatFinder) passed(p *rewrite.Package, c inspector.Cursor, index, depth int) (best Heat, on bool) {
	fn := p.Callee(c.Node().(*ast.CallExpr))
	if fn == nil || fn.Pkg() == nil || depth == 0 || fn.Signature().Variadic() || index < 0 || index >= fn.Signature().Params().Len() {
		return Heat{}, false
	}
	if fn.Pkg() != p.Types && fn.Exported() && p.Module != nil && within(p.Module.Path, fn.Pkg().Path()) {
		f.s.TryWiden(fn.Name())
	}
	decl, pkg := syntax.DeclarationOf(f.s, fn)
	if decl == nil || decl.Body == nil {
		return Heat{}, false
	}
	param := syntax.ParamObjects(pkg, decl.Type)[index]
	root, ok := pkg.Cursor(decl.Body)
	if param == nil || !ok {
		return Heat{}, false
	}
	inner := &heatFinder{s: f.s, guard: f.guard, busy: f.busy, stop: decl}
	uses := 0
	for id := range root.Preorder((*ast.Ident)(nil)) {
		if pkg.Info.Uses[id.Node().(*ast.Ident)] != param {
			continue
		}
		uses++
		call := id.Parent()
		if n, ok := call.Node().(*ast.CallExpr); !ok || n.Fun != id.Node() {
			return Heat{}, false // kept, or passed on
		}
		switch h := inner.at(pkg, call, depth-1); {
		case h.Kind == Recurring && (best.Kind != Recurring || h.hot() && !best.hot()):
			best = h
		case h.Kind == passedOn:
			on = true
		}
	}
	if best.Kind == Recurring {
		return best, false
	}
	return Heat{}, on && uses > 0
}

// within reports whether path is that of a package of the module.
func within(module, path string) bool {
	return path == module || len(path) > len(module) && path[:len(module)] == module && path[len(module)] == '/'
}

var (
	registering = regexp.MustCompile(`^(?:Must)?(?:(?:Queue|Chan)?(?:Handle|Subscribe|Consume|Register|Route|Listen)\w*|Add\w*Handlers?|SetHandler|[Oo]n(?:Message|Request|Event|Packet|Update|Receive)?|Use)$`)
	handlerType = regexp.MustCompile(`(?i)(?:handler(?:func)?|endpoint|middleware|interceptor|consumer|processor)$`)
	verb        = regexp.MustCompile(`(?i)^(?:get|post|put|patch|delete|head|options|any|all)$`)
	middleware  = regexp.MustCompile(`(?i)middleware|interceptor`)
)

// isRegistered reports whether the function at c, of signature sig, is handed to
// what calls it for every request or message: a function that registers handlers,
// a table of them by name, a type whose name says so.
func isRegistered(p *rewrite.Package, c inspector.Cursor, sig *types.Signature) bool {
	if sig == nil || sig.Params().Len() == 0 {
		return false
	}
	serves := web.TakesRequest(sig) || web.IsRemote(sig)
	switch n := c.Parent().Node().(type) {
	case *ast.CallExpr:
		if c.ParentEdgeKind() != edge.CallExpr_Args {
			return false
		}
		if tv := p.Info.Types[n.Fun]; tv.IsType() {
			return isHandlerType(tv.Type)
		}
		id := syntax.LastName(n.Fun)
		if id == nil {
			return false
		}
		if serves {
			return registering.MatchString(id.Name)
		}
		return (registering.MatchString(id.Name) || verb.MatchString(id.Name)) && takesPath(p, n) && isHandlerType(paramAt(p, n, c.ParentEdgeIndex()))
	case *ast.KeyValueExpr:
		lit, ok := c.Parent().Parent().Node().(*ast.CompositeLit)
		if !ok || n.Value != c.Node() {
			return false
		}
		m, ok := types.Unalias(p.Info.TypeOf(lit)).Underlying().(*types.Map)
		return ok && (serves || isHandlerType(m.Elem()))
	case *ast.AssignStmt:
		if c.ParentEdgeKind() != edge.AssignStmt_Rhs || len(n.Lhs) != len(n.Rhs) {
			return false
		}
		ix, ok := n.Lhs[c.ParentEdgeIndex()].(*ast.IndexExpr)
		if !ok {
			return false
		}
		t := p.Info.TypeOf(ix.X)
		if t == nil {
			return false
		}
		m, ok := t.Underlying().(*types.Map)
		return ok && (serves || isHandlerType(m.Elem()))
	}
	return false
}

// takesPath reports whether an argument of the call is the path of a route.
func takesPath(p *rewrite.Package, call *ast.CallExpr) bool {
	return slices.ContainsFunc(call.Args, func(a ast.Expr) bool {
		s, ok := syntax.ConstString(p, a)
		return ok && strings.HasPrefix(s, "/")
	})
}

// paramAt returns the type of the parameter for the argument index of the call,
// nil when it is not known.
func paramAt(p *rewrite.Package, call *ast.CallExpr, index int) types.Type {
	sig, ok := syntax.Under(p.Info.TypeOf(call.Fun)).(*types.Signature)
	if !ok || sig.Params().Len() == 0 {
		return nil
	}
	last := sig.Params().Len() - 1
	if list, isList := sig.Params().At(last).Type().(*types.Slice); isList && sig.Variadic() && index >= last && !call.Ellipsis.IsValid() {
		return list.Elem()
	}
	if index > last {
		return nil
	}
	return sig.Params().At(index).Type()
}

// isHandlerType reports whether t is a type of functions that are named handlers.
func isHandlerType(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	sig, ok := named.Underlying().(*types.Signature)
	return ok && sig.Params().Len() > 0 && handlerType.MatchString(named.Obj().Name())
}

// wrapsCalls reports whether the function literal at lit is what a middleware
// returns: it has the type of a function that the middleware was given and that
// the literal calls, and types or names say that it is about requests.
func wrapsCalls(p *rewrite.Package, lit inspector.Cursor) bool {
	n := lit.Node().(*ast.FuncLit)
	c := lit
	converted := false
	if call, ok := c.Parent().Node().(*ast.CallExpr); ok && p.Info.Types[call.Fun].IsType() {
		c, converted = c.Parent(), isHandlerType(p.Info.Types[call.Fun].Type)
	}
	if _, ok := c.Parent().Node().(*ast.ReturnStmt); !ok || len(n.Type.Params.List) == 0 {
		return false
	}
	outer, ok := syntax.EnclosingFunc(c.Parent())
	if !ok {
		return false
	}
	typ := funcType(outer.Node())
	sig, _ := p.Info.TypeOf(n).(*types.Signature)
	for _, param := range syntax.ParamObjects(p, typ) {
		if param == nil || sig == nil {
			continue
		}
		if wrapped, ok := param.Type().Underlying().(*types.Signature); !ok || !types.Identical(wrapped, sig) {
			continue
		}
		called := syntax.ContainsNode(n.Body, func(x ast.Node) bool {
			call, ok := x.(*ast.CallExpr)
			if !ok {
				return false
			}
			id, ok := ast.Unparen(call.Fun).(*ast.Ident)
			return ok && p.Info.Uses[id] == param
		})
		if called && (converted || isHandlerType(param.Type()) || web.TakesRequest(sig) || web.IsRemote(sig) || middleware.MatchString(syntax.FuncName(outer))) {
			return true
		}
	}
	return false
}

func funcType(fn ast.Node) *ast.FuncType {
	if d, ok := fn.(*ast.FuncDecl); ok {
		return d.Type
	}
	return fn.(*ast.FuncLit).Type
}

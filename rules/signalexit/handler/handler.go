// Package handler finds the goroutine that ends the process on a signal, and the
// deferred calls that are lost by it.
package handler

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Handler is a goroutine that ends the process on the first signal.
type Handler struct {
	S    *rewrite.Snapshot
	P    *rewrite.Package
	File *rewrite.File

	Notify     rewrite.Call
	NotifyStmt *ast.ExprStmt
	Ch         *types.Var

	Gostmt *ast.GoStmt
	GoPkg  *rewrite.Package // of the go statement
	Others []Start          // where the same function is started besides
	Called bool             // the same function is also called where it ends the caller
	Lit    *ast.FuncLit     // nil for a declared function
	Named  ast.Stmt         // gives the literal a name, nil where it is started as it stands
	Decl   *ast.FuncDecl    // nil for a literal
	Body   *ast.BlockStmt   // of the goroutine

	Pre   []ast.Stmt // before the receive
	Recv  ast.Stmt   // holds the receive; a loop or select when arms is set
	Arms  bool       // the receive is that of a loop or select around the tail
	Mixed bool       // the loop or select does something else, too
	at    ast.Node   // the receive: an expression or the range statement
	From  ast.Expr   // what is received from: the channel, under its name in the goroutine
	More  []ast.Expr // channels of other signals on which the goroutine exits, too
	Sig   *types.Var // the signal received, nil when it is dropped
	ok    *types.Var // whether the channel is still open, nil when nobody asks
	Tail  []ast.Stmt // from the receive to the exit
	Last  ast.Stmt   // the exit, alone at the end of the list; nil when it is in branches
	Exit  *ast.CallExpr
	Exits []*ast.ExprStmt // all exits behind the receive, in source order

	calls []MadeCall // made between the receive and the exit, once computed
}

// Start is a place where a goroutine is started.
type Start struct {
	Pkg    *rewrite.Package
	Gostmt *ast.GoStmt
}

// At returns the handler as it is started at another place.
func (h *Handler) At(s Start) *Handler {
	other := *h
	other.Gostmt, other.GoPkg, other.calls = s.Gostmt, s.Pkg, nil
	return &other
}

// Of returns the goroutine that ends the process when the channel of the
// Notify call delivers for the first time; nil when there is none.
func Of(notify rewrite.Call) *Handler {
	p := notify.Pkg
	if len(notify.Call.Args) == 0 {
		return nil
	}
	id := syntax.LastName(notify.Call.Args[0])
	if id == nil {
		return nil
	}
	ch, ok := p.Info.Uses[id].(*types.Var)
	if !ok || ch.Pkg() != p.Types {
		return nil
	}
	h := &Handler{S: p.Snapshot(), P: p, Notify: notify, Ch: ch}
	h.NotifyStmt, _ = notify.At.Parent().Node().(*ast.ExprStmt)
	if h.NotifyStmt == nil {
		return nil
	}
	at, ok := h.receive(ch, 0)
	if !ok {
		return nil
	}
	if at, ok = h.goroutine(at); !ok || !h.split(at) {
		return nil
	}
	return h
}

// receive returns the only place where v delivers: a receive expression or a
// range statement. It follows v as an argument.
func (h *Handler) receive(v *types.Var, depth int) (at inspector.Cursor, ok bool) {
	count := 0
	for c := range h.P.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		if h.P.Info.Uses[id] != v {
			continue
		}
		for k := c.ParentEdgeKind(); k == edge.ParenExpr_X || k == edge.SelectorExpr_Sel; k = c.ParentEdgeKind() {
			c = c.Parent()
		}
		switch n := c.Parent().Node().(type) {
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				at = c.Parent()
				count++
			}
		case *ast.RangeStmt:
			if n.X == c.Node() {
				at = c.Parent()
				count++
			}
		case *ast.CallExpr:
			if h.P.IsCall(n, "os/signal", "Notify", "Stop") || n.Fun == c.Node() || syntax.IsBuiltin(h.P, n, "close") || syntax.IsBuiltin(h.P, n, "cap") {
				continue
			}
			param := h.param(n, c)
			if param == nil || depth > 2 {
				return at, false
			}
			inner, ok := h.receive(param, depth+1)
			if !ok {
				return at, false
			}
			at = inner
			count++
		case *ast.ValueSpec, *ast.AssignStmt:
		case *ast.KeyValueExpr:
			if n.Key != c.Node() {
				return at, false
			}
		case *ast.SendStmt:
			if n.Chan != c.Node() {
				return at, false
			}
		default:
			return at, false // stored, returned, captured in a struct
		}
	}
	return at, count == 1
}

// param returns the parameter that stands for the argument at c, where the
// callee is a function literal or a function of the package.
func (h *Handler) param(call *ast.CallExpr, c inspector.Cursor) *types.Var {
	i := -1
	for j, a := range call.Args {
		if a == c.Node() {
			i = j
		}
	}
	var sig *types.Signature
	if lit, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		sig = syntax.SignatureOf(h.P, lit)
	} else if fn := h.P.Callee(call); fn != nil && fn.Pkg() == h.P.Types {
		sig = fn.Signature()
	}
	if sig == nil || i < 0 || sig.Variadic() || i >= sig.Params().Len() {
		return nil
	}
	return sig.Params().At(i)
}

// goroutine finds the go statement whose function holds the receive, or calls
// the one that does and returns then: at is the receive or that call.
func (h *Handler) goroutine(receive inspector.Cursor) (at inspector.Cursor, ok bool) {
	at = receive
	for range waits.MaxFrames {
		fn, ok := syntax.EnclosingFunc(at)
		if !ok {
			return at, false
		}
		h.File = h.P.File(fn.Node())
		switch n := fn.Node().(type) {
		case *ast.FuncLit:
			g, named := h.literalStart(fn)
			if g == nil {
				return at, false
			}
			h.Lit, h.Named, h.Body, h.Gostmt, h.GoPkg = n, named, n.Body, g, h.P
		case *ast.FuncDecl:
			obj, _ := h.P.Info.Defs[n.Name].(*types.Func)
			if obj == nil {
				return at, false
			}
			if starts := h.starts(obj); len(starts) > 0 {
				h.Decl, h.Body, h.Gostmt, h.GoPkg, h.Others = n, n.Body, starts[0].Gostmt, starts[0].Pkg, starts[1:]
				break
			}
			refs := h.S.Refs(rewrite.ObjectKey(obj))
			if len(refs) != 1 || refs[0].Pkg != h.P {
				return at, false
			}
			call, ok := refs[0].Call()
			if !ok || !returnsBehind(n.Body, at) {
				return at, false
			}
			at = call
			continue
		}
		return at, h.File != nil && !h.File.Test && !h.File.Generated
	}
	return at, false
}

// starts returns where the function is started as a goroutine, nil when it is
// used as a value, too. Another main may wait in it.
func (h *Handler) starts(obj *types.Func) []Start {
	if obj.Exported() && h.P.Name != "main" {
		h.S.Widen(obj.Name())
	}
	var out []Start
	for _, r := range h.S.Refs(rewrite.ObjectKey(obj)) {
		if r.File.Test {
			continue
		}
		call, ok := r.Call()
		if !ok {
			return nil
		}
		g, ok := call.Parent().Node().(*ast.GoStmt)
		if !ok {
			h.Called = true
			continue
		}
		out = append(out, Start{r.Pkg, g})
	}
	return out
}

// returnsBehind reports whether the function waits at c once and returns: c is
// in a statement of the body's own list.
func returnsBehind(body *ast.BlockStmt, c inspector.Cursor) bool {
	st, _ := syntax.EnclosingStmt(c)
	i := syntax.IndexOf(body.List, st)
	switch st.(type) {
	case *ast.ExprStmt, *ast.AssignStmt, *ast.ReturnStmt:
		return i >= 0 && !slices.ContainsFunc(body.List[:i], syntax.Leaves)
	}
	return false
}

// exitsIn returns the statements in s that end the process, outside of function
// literals.
func (h *Handler) exitsIn(s ast.Stmt) []*ast.ExprStmt {
	var out []*ast.ExprStmt
	ast.Inspect(s, func(n ast.Node) bool {
		if _, isLit := n.(*ast.FuncLit); isLit {
			return false
		}
		if x, ok := n.(*ast.ExprStmt); ok && h.ExitCall(x) != nil {
			out = append(out, x)
		}
		return true
	})
	return out
}

// ExitCall returns the call in s when s is a statement that ends the process.
func (h *Handler) ExitCall(s ast.Stmt) *ast.CallExpr {
	x, ok := s.(*ast.ExprStmt)
	if !ok {
		return nil
	}
	call, ok := x.X.(*ast.CallExpr)
	if !ok || !syntax.EndsProcess(h.P, call) && !h.ExitsInside(call) {
		return nil
	}
	return call
}

// ExitsInside reports whether call is of a function of the package that ends the
// process at its end.
func (h *Handler) ExitsInside(call *ast.CallExpr) bool {
	fn := h.P.Callee(call)
	if fn == nil || fn.Pkg() != h.P.Types {
		return false
	}
	decl, q := syntax.DeclarationOf(h.S, fn)
	if decl == nil || decl.Body == nil || len(decl.Body.List) == 0 || slices.ContainsFunc(decl.Body.List, syntax.Leaves) {
		return false
	}
	x, ok := decl.Body.List[len(decl.Body.List)-1].(*ast.ExprStmt)
	if !ok {
		return false
	}
	last, ok := x.X.(*ast.CallExpr)
	return ok && syntax.EndsProcess(q, last)
}

// always reports whether every path through the list ends the process, without
// a return or a further turn of the loop around it. Where a statement chooses by
// the signal, the paths of one choice are enough: the handler that reloads on
// SIGHUP ends on SIGTERM.
func (h *Handler) always(list []ast.Stmt) bool {
	for _, s := range list {
		if h.ends(s) {
			return true
		}
		if _, chooses := h.choices(s); !chooses && syntax.Leaves(s) {
			return false
		}
	}
	return false
}

// ends reports whether s always ends the process, for one choice of the signal
// where it chooses by it.
func (h *Handler) ends(s ast.Stmt) bool {
	if lists, chooses := h.choices(s); chooses {
		return slices.ContainsFunc(lists, h.always)
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		return h.ExitCall(s) != nil
	case *ast.BlockStmt:
		return h.always(s.List)
	case *ast.IfStmt:
		return s.Else != nil && h.always(s.Body.List) && h.ends(s.Else)
	case *ast.SwitchStmt:
		hasDefault := false
		for _, c := range s.Body.List {
			cc := c.(*ast.CaseClause)
			hasDefault = hasDefault || cc.List == nil
			if !h.always(cc.Body) {
				return false
			}
		}
		return hasDefault
	}
	return false
}

// choices returns the lists among which s chooses by the signal received; ok is
// false when it does not.
func (h *Handler) choices(s ast.Stmt) (lists [][]ast.Stmt, ok bool) {
	switch s := s.(type) {
	case *ast.IfStmt:
		if !h.bySignal(s.Cond) {
			return nil, false
		}
		lists = append(lists, s.Body.List)
		switch e := s.Else.(type) {
		case *ast.BlockStmt:
			lists = append(lists, e.List)
		case *ast.IfStmt:
			lists = append(lists, []ast.Stmt{e})
		}
		return lists, true
	case *ast.SwitchStmt:
		ok = s.Tag != nil && h.bySignal(s.Tag)
		for _, c := range s.Body.List {
			cc := c.(*ast.CaseClause)
			lists = append(lists, cc.Body)
			ok = ok || s.Tag == nil && slices.ContainsFunc(cc.List, h.bySignal)
		}
		return lists, ok
	}
	return nil, false
}

// path returns the statements on the way from the receive to the exit: where one
// chooses by the signal, those of the choices that exit.
func (h *Handler) path() []ast.Stmt { return h.pathOf(h.Tail) }

func (h *Handler) pathOf(list []ast.Stmt) []ast.Stmt {
	var out []ast.Stmt
	for _, s := range list {
		lists, chooses := h.choices(s)
		if !chooses {
			out = append(out, s)
			continue
		}
		for _, l := range lists {
			if h.always(l) || !h.ends(s) && !slices.ContainsFunc(l, syntax.Leaves) {
				out = append(out, h.pathOf(l)...)
			}
		}
	}
	return out
}

// bySignal reports whether x depends on what was received.
func (h *Handler) bySignal(x ast.Expr) bool {
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return n == h.at || ok && h.Sig != nil && h.P.Info.Uses[id] == h.Sig || ok && h.ok != nil && h.P.Info.Uses[id] == h.ok
	})
}

// variable returns the variable that x assigns to, nil for none.
func (h *Handler) variable(x ast.Expr) *types.Var {
	id, ok := x.(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := h.P.Info.ObjectOf(id).(*types.Var)
	return v
}

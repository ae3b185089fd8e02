package collect

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// goroutine is one that does nothing but wait and collect.
type goroutine struct {
	start ast.Stmt      // the go statement
	rest  []ast.Stmt    // what nothing else needs: the clock it waits for
	decl  *ast.FuncDecl // its function where that is used for nothing else
	// starter is the function that does nothing but start it.
	starter *helper
}

// idleGoroutine returns the goroutine of the call when it does nothing but wait
// for a clock and collect, nobody waits for it or hands it anything, and the
// program goes on without it; nil otherwise.
func idleGoroutine(s *rewrite.Snapshot, call rewrite.Call) *goroutine {
	p := call.Pkg
	body, ok := idleBody(p, call.At)
	if !ok {
		return nil
	}
	g := &goroutine{}
	fn := body.Parent()
	var at inspector.Cursor
	switch n := fn.Node().(type) {
	case *ast.FuncLit:
		c, ok := fn.Parent().Node().(*ast.CallExpr)
		if !ok || c.Fun != n {
			return nil
		}
		at = fn.Parent().Parent()
	case *ast.FuncDecl:
		obj, _ := p.Info.Defs[n.Name].(*types.Func)
		if obj == nil || obj.Exported() {
			return nil
		}
		refs := s.Refs(rewrite.ObjectKey(obj))
		if len(refs) != 1 || syntax.Mentioned(p, obj.Name()) {
			return nil
		}
		c, ok := refs[0].Call()
		if !ok || refs[0].Pkg != p {
			return nil
		}
		at, g.decl = c.Parent(), n
	}
	start, ok := at.Node().(*ast.GoStmt)
	if !ok || !onlyClosed(p, body) || !goesOn(p, start, fn.Node()) {
		return nil
	}
	for _, arg := range start.Call.Args {
		if !harmless(p, arg) {
			return nil
		}
	}
	g.start = start
	l := &leftovers{p: p, gone: []ast.Node{start}}
	if g.decl != nil {
		l.gone = append(l.gone, g.decl)
	}
	var settled bool
	if g.rest, settled = l.unused(); !settled {
		return nil
	}
	g.starter = helperOf(s, rewrite.Call{Ref: rewrite.Ref{Pkg: p, File: p.File(start)}, Call: start.Call, At: at}, append([]ast.Stmt{start}, g.rest...)...)
	return g
}

// idleBody returns the cursor at the body of the function around cur when that
// does nothing but wait for a clock and collect, by the call at cur, in a loop
// without end.
func idleBody(p *rewrite.Package, cur inspector.Cursor) (block inspector.Cursor, ok bool) {
	var loop inspector.Cursor
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		loop = c
		break
	}
	var body *ast.BlockStmt
	switch n := loop.Node().(type) {
	case *ast.ForStmt:
		if n.Init != nil || n.Cond != nil || n.Post != nil {
			return block, false
		}
		body = n.Body
	case *ast.RangeStmt:
		if !syntax.IsClock(p, n.X) {
			return block, false
		}
		body = n.Body
	default:
		return block, false
	}
	if !inert(p, body.List) || loop.ParentEdgeKind() != edge.BlockStmt_List {
		return block, false
	}
	block = loop.Parent()
	for _, stmt := range block.Node().(*ast.BlockStmt).List {
		if stmt != loop.Node() && !makesClock(p, stmt) {
			return block, false
		}
	}
	return block, syntax.IsFuncBody(block)
}

// onlyClosed reports whether all channels that the body receives from, clocks
// aside, are a context's, or are only ever closed: whoever sent to them would wait
// for a receiver.
func onlyClosed(p *rewrite.Package, body inspector.Cursor) bool {
	for c := range body.Preorder((*ast.UnaryExpr)(nil)) {
		u := c.Node().(*ast.UnaryExpr)
		if u.Op == token.ARROW && !syntax.IsClock(p, u.X) && !closes(p, u.X, 2) {
			return false
		}
	}
	return true
}

// closes reports whether the channel x gets no values, but is closed.
func closes(p *rewrite.Package, x ast.Expr, depth int) bool {
	if call, ok := ast.Unparen(x).(*ast.CallExpr); ok {
		id := syntax.LastName(call.Fun)
		return id != nil && id.Name == "Done" && len(call.Args) == 0
	}
	obj := syntax.BaseVar(p, x)
	v, ok := obj.(*types.Var)
	if !ok || v.Pkg() != p.Types || v.Exported() && (v.IsField() || v.Parent() == p.Types.Scope()) || syntax.Mentioned(p, v.Name()) {
		return false
	}
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[c.Node().(*ast.Ident)] == v && !onlyEnds(p, c) {
			return false
		}
	}
	return v.Kind() != types.ParamVar || depth > 0 && argumentsClose(p, v, depth)
}

// onlyEnds reports whether the use of a channel at c receives from it, closes or
// makes it.
func onlyEnds(p *rewrite.Package, c inspector.Cursor) bool {
	if sel, ok := c.Parent().Node().(*ast.SelectorExpr); ok && sel.Sel == c.Node() {
		c = c.Parent()
	}
	switch n := c.Parent().Node().(type) {
	case *ast.UnaryExpr:
		return n.Op == token.ARROW
	case *ast.CallExpr:
		return syntax.IsBuiltin(p, n, "close")
	case *ast.AssignStmt, *ast.KeyValueExpr:
		value, ok := syntax.AssignedTo(c)
		if !ok || value == nil {
			return false
		}
		call, ok := ast.Unparen(value).(*ast.CallExpr)
		return ok && syntax.IsBuiltin(p, call, "make")
	}
	return false
}

// argumentsClose reports whether what calls of the function hand it for its
// parameter v gets no values; an exported function may be called from anywhere.
func argumentsClose(p *rewrite.Package, v *types.Var, depth int) bool {
	for _, f := range p.Files {
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			i := slices.Index(syntax.ParamObjects(p, decl.Type), types.Object(v))
			fn, isFunc := p.Info.Defs[decl.Name].(*types.Func)
			if i < 0 || !isFunc || fn.Exported() {
				continue
			}
			for _, r := range p.Snapshot().Refs(rewrite.ObjectKey(fn)) {
				call, ok := r.Call()
				if !ok || r.Pkg != p {
					return false
				}
				if args := call.Node().(*ast.CallExpr).Args; i >= len(args) || !closes(p, args[i], depth-1) {
					return false
				}
			}
			return true
		}
	}
	return false
}

// goesOn reports whether the program has more than the goroutine of start, which
// runs fn: where main waits for nothing that could come, the runtime calls it a
// deadlock.
func goesOn(p *rewrite.Package, start *ast.GoStmt, fn ast.Node) bool {
	if p.Name != "main" {
		return true
	}
	blocks, more := false, false
	for _, f := range p.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if n == fn || n == ast.Node(start) {
				return false
			}
			switch n := n.(type) {
			case *ast.SelectStmt:
				blocks = blocks || len(n.Body.List) == 0
			case *ast.UnaryExpr:
				blocks = blocks || n.Op == token.ARROW
			case *ast.GoStmt:
				more = true
			case *ast.CallExpr:
				fn := p.Callee(n)
				if fn == nil || fn.Pkg() == nil {
					return true
				}
				key := rewrite.ObjectKey(fn)
				blocks = blocks || key == "(*sync.WaitGroup).Wait"
				more = more || fn.Pkg().Path() == "os/signal" || waitsOutside.MatchString(key)
			}
			return true
		})
	}
	return more || !blocks
}

// waitsOutside matches functions that wait for what comes from outside of the
// program, or for the clock.
var waitsOutside = regexp.MustCompile(`(?:ListenAndServe\w*|Serve\w*|Accept\w*|\.Run|\.Listen|time\.(?:Sleep|Tick|NewTicker|AfterFunc))$`)

// inert reports whether statements only collect, wait for a clock, or return
// when told to.
func inert(p *rewrite.Package, list []ast.Stmt) bool {
	for _, stmt := range list {
		if heat.WaitsForClock(p, stmt) {
			continue
		}
		switch s := stmt.(type) {
		case *ast.ExprStmt:
			if IsCollection(p, s.X) || stopsClock(p, s.X) {
				continue
			}
		case *ast.ReturnStmt:
			continue
		case *ast.SelectStmt:
			ok := true
			for _, c := range s.Body.List {
				comm := c.(*ast.CommClause)
				if comm.Comm == nil || !receives(comm.Comm) || !inert(p, comm.Body) {
					ok = false
				}
			}
			if ok {
				continue
			}
		}
		return false
	}
	return true
}

// receives reports whether stmt is a plain receive.
func receives(stmt ast.Stmt) bool {
	s, ok := stmt.(*ast.ExprStmt)
	if !ok {
		return false
	}
	u, ok := ast.Unparen(s.X).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW
}

// makesClock reports whether stmt makes a ticker or defers its stop.
func makesClock(p *rewrite.Package, stmt ast.Stmt) bool {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		return len(s.Rhs) == 1 && p.IsCall(ast.Unparen(s.Rhs[0]), "time", "NewTicker", "NewTimer", "Tick")
	case *ast.DeferStmt:
		return stopsClock(p, s.Call)
	}
	return false
}

func stopsClock(p *rewrite.Package, x ast.Expr) bool {
	return p.IsCall(x, "", "(*time.Ticker).Stop", "(*time.Timer).Stop")
}

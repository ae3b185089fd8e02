package signalexit

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
	"golang.org/x/tools/go/ast/inspector"
)

// hostResult says what the function that waits returns.
type hostResult int

const (
	returnsNone hostResult = iota
	returnsError
	returnsCode // the exit code, for os.Exit
	returnsOther
)

// result returns what the function that waits returns.
func (x *signalFix) result() hostResult {
	switch list := result.Types(x.h.P, x.main.Type); {
	case len(list) == 0:
		return returnsNone
	case len(list) == 1 && syntax.IsError(list[0]):
		return returnsError
	case len(list) == 1 && types.Identical(list[0], types.Typ[types.Int]):
		return returnsCode
	}
	return returnsOther
}

// back says why the program would not end once the function that waits has
// returned, "" when it does: all that its callers do behind the call returns.
func (x *signalFix) back() string {
	decl, p := x.main, x.h.P
	at, ok := p.Inspector.Root().FindNode(decl.Body)
	if !ok {
		return "main is not found"
	}
	fn := at.Parent()
	executes := false // the function executes commands
	for depth := 0; !syntax.IsMain(p, decl); depth++ {
		name := decl.Name.Name
		if decl.Name.IsExported() && p.Name != "main" && !syntax.Internal(p.Path) && !executes {
			return name + " is exported, and programs elsewhere may go on when it returns"
		}
		call, q := waits.Caller(x.h.S, p, fn)
		if q == nil || depth > heat.MaxCallers {
			return name + ", in which the goroutine is started, is not called by main once"
		}
		executes = executes || !calls(q, call, p, decl)
		if fn, ok = syntax.EnclosingFunc(call); !ok {
			return name + " is called by a variable's initializer"
		}
		up, ok := fn.Node().(*ast.FuncDecl)
		if !ok {
			if up = waits.Command(q, fn); up == nil {
				return name + ", in which the goroutine is started, is called in a function literal"
			}
		}
		rest, why := x.behindCall(q, up, call.Node().(*ast.CallExpr), depth == 0)
		if why != "" {
			return why
		}
		for _, s := range rest {
			ws := waits.In(q, s)
			if len(ws.List) > 0 {
				return up.Name.Name + " waits in " + ws.List[0].Text + " behind " + name
			}
			x.limit = x.limit || len(ws.Slow) > 0
			if syntax.ContainsNode(s, func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				return ok && syntax.NoReturn(q, c)
			}) {
				return up.Name.Name + " exits behind " + name
			}
		}
		for _, l := range x.lost {
			if x.code != "" && syntax.Encloses(up.Body, l.Stmt) && !syntax.Encloses(x.main.Body, l.Stmt) {
				return "the exit code would have to come through " + name
			}
		}
		decl, p = up, q
	}
	return ""
}

// calls reports whether the call is one of decl by its name.
func calls(q *rewrite.Package, call inspector.Cursor, p *rewrite.Package, decl *ast.FuncDecl) bool {
	fn := q.Callee(call.Node().(*ast.CallExpr))
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	return fn != nil && obj != nil && rewrite.ObjectKey(fn) == rewrite.ObjectKey(obj)
}

// behindCall returns the statements that up comes to when the call has returned
// without an error.
func (x *signalFix) behindCall(p *rewrite.Package, up *ast.FuncDecl, call *ast.CallExpr, first bool) (rest []ast.Stmt, why string) {
	why = up.Name.Name + " does something with the result of " + syntax.ExprText(call.Fun)
	list := up.Body.List
	st := syntax.StatementOf(list, call)
	i := syntax.IndexOf(list, st)
	if i < 0 {
		return nil, up.Name.Name + " does not always call " + syntax.ExprText(call.Fun)
	}
	rest = list[i+1:]
	code := first && x.result() == returnsCode
	if result.Fails(p, st, call) && !code {
		return rest, "" // if call() != nil { ... }
	}
	switch result.FormOf(st, call) {
	case result.Plain, result.Dropped:
		if !code {
			return rest, ""
		}
	case result.If:
		if !code {
			return rest, ""
		}
	case result.Return:
		if !code && result.OnlyError(p, up) {
			return nil, ""
		}
	case result.Assign:
		a := st.(*ast.AssignStmt)
		next := syntax.NextStmt(list, st)
		if look, ok := next.(*ast.IfStmt); ok && !code && look.Init == nil && look.Else == nil && result.SameVar(p, a.Lhs[0], result.ErrorIn(look.Cond)) {
			return rest[1:], ""
		}
		// code := run(); os.Exit(code)
		if exit, ok := next.(*ast.ExprStmt); ok && code {
			if c, ok := exit.X.(*ast.CallExpr); ok && p.IsCall(c, "os", "Exit") && result.SameVar(p, a.Lhs[0], c.Args[0]) {
				return nil, ""
			}
		}
	case result.Wrap:
		if outer := st.(*ast.ExprStmt).X; !code && p.IsCall(outer, "github.com/spf13/cobra", "CheckErr") {
			return rest, "" // it exits on an error only
		}
		if code && p.IsCall(st.(*ast.ExprStmt).X, "os", "Exit") {
			return nil, ""
		}
	}
	return nil, why
}

// endHostGroup plans the end of what the function waits for: a group of goroutines,
// or of actors.
func (x *signalFix) endHostGroup(sc *scope, w waits.Wait) string {
	if isLoopStmt(x.at) {
		return "main waits in " + w.Text + ", " + w.Obstacle(sc.p)
	}
	end := x.actors
	if w.Kind == waits.WaitGroup {
		end = x.group
	}
	if why := end(w); why != "" {
		return why
	}
	next := syntax.NextStmt(sc.body.List, x.at)
	ret, returns := next.(*ast.ReturnStmt)
	if next == nil || returns && (returnsNothing(sc, ret) || !x.ownCode && len(ret.Results) == 1 && result.IsZero(sc.p, ret.Results[0])) {
		return ""
	}
	// What follows is not for the signal, as it is not today.
	x.edits = append(x.edits, func(e *rewrite.Edit) { e.InsertAfter(x.at, sc.check(e)...) })
	return ""
}

// endHost plans that the function returns when the context is done.
func (x *signalFix) endHost() string {
	name := x.main.Name.Name
	returns := x.result()
	if returns == returnsOther {
		return name + " returns something that the signal does not give"
	}
	if why := x.back(); why != "" {
		return why
	}
	switch {
	case returns == returnsCode && x.codes:
		return "the exit code is computed"
	case returns == returnsCode:
		x.code = "" // it is returned
	case x.code != "" && len(x.links) > 0:
		return "the exit code would have to come through " + name
	case x.code != "":
		x.codes = true
	}
	x.inMain = true // nothing is left to do behind the wait
	sc := &scope{
		p: x.h.P, fn: x.main, body: x.main.Body, code: x.at, name: name, ctx: x.ctx,
		leave: func(e *rewrite.Edit) []dst.Stmt {
			switch returns {
			case returnsError:
				return rewrite.Stmts("return nil", nil)
			case returnsCode:
				return rewrite.Stmts("return $n", rewrite.Holes{"n": x.codeOf(e, x.h.Exit)})
			}
			return rewrite.Stmts("return", nil)
		},
	}
	if why, ok := x.several(sc, x.w.Waits.List); ok {
		return why
	}
	switch w := x.w.Waits.List[0]; w.Kind {
	case waits.WaitGroup, waits.WaitActors:
		return x.endHostGroup(sc, w)
	}
	why := x.block(sc)
	if why == "" && (x.canceled || x.handed) {
		return "what " + name + " waits in returns the context's error"
	}
	return why
}

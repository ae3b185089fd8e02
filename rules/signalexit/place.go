package signalexit

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/params"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/served"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// place plans the end of what main waits in.
func (x *signalFix) place() string {
	w := x.w
	list := x.main.Body.List
	i := syntax.IndexOf(list, w.Start)
	if i < 0 {
		return "the goroutine is not started by a statement of main"
	}
	if len(w.Waits.List) == 0 && !syntax.IsMain(x.h.P, x.main) {
		return "nothing that " + x.main.Name.Name + " does looks at a context, so it would go on after the signal"
	}
	if len(w.Waits.List) == 0 {
		return x.placeholder(list[i+1:])
	}
	if len(w.Waits.List) > 1 && !served.AtEnds(x.h.P, x.main.Body, w.Waits.List) {
		first, second := w.Waits.List[0], w.Waits.List[1]
		if syntax.StatementOf(list, first.Node) != syntax.StatementOf(list, second.Node) {
			return fmt.Sprintf("main may wait in %s as well as in %s", first.Text, second.Text)
		}
	}
	x.at = syntax.StatementOf(list, w.Waits.List[0].Node)
	if x.at == nil {
		return "what main waits in is not a statement of its own"
	}
	if x.at == w.Start {
		return "main starts the goroutine under a condition, and waits under it"
	}
	if !syntax.IsMain(x.h.P, x.main) {
		return x.endHost()
	}
	x.follows = syntax.IndexOf(list, x.at) < len(list)-1
	first := w.Waits.List[0]
	if first.Kind == waits.WaitCallee && first.Node.Pos() >= x.at.Pos() && !isLoopStmt(x.at) {
		return x.callee(first)
	}
	if why, ok := x.several(x.mainScope(), w.Waits.List); ok {
		return why
	}
	switch first.Kind {
	case waits.WaitServe:
		return x.serveMain(first)
	case waits.WaitGroup:
		return x.group(first)
	case waits.WaitActors:
		return x.actors(first)
	}
	x.inMain = true
	return x.block(x.mainScope())
}

func isLoopStmt(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ForStmt, *ast.RangeStmt, *ast.SelectStmt:
		return true
	case *ast.LabeledStmt:
		return isLoopStmt(s.Stmt)
	}
	return false
}

// placeholder plans for a callee that has nothing to wait in yet.
func (x *signalFix) placeholder(rest []ast.Stmt) string {
	const why = "nothing that main does looks at a context, so it would go on after the signal"
	if len(rest) == 0 {
		return why
	}
	s, ok := rest[len(rest)-1].(*ast.ExprStmt)
	if !ok {
		return why
	}
	call, ok := s.X.(*ast.CallExpr)
	if !ok {
		return why
	}
	fn := x.h.P.Callee(call)
	if fn == nil {
		return why
	}
	decl, q := syntax.DeclarationOf(x.h.S, fn)
	if decl == nil || decl.Body == nil || params.DeclaredElsewhere(q, decl) {
		return why
	}
	for _, s := range decl.Body.List {
		if _, isDefer := s.(*ast.DeferStmt); !isDefer {
			return why
		}
	}
	x.at = s
	x.funcs = append(x.funcs, decl)
	sc := &scope{p: q, fn: decl, body: decl.Body, name: decl.Name.Name}
	sc.ctx = sc.free("ctx", "sigCtx", "signalCtx")
	return x.pass(x.mainScope(), call, sc)
}

// callee plans for a function that main calls and that waits.
func (x *signalFix) callee(at waits.Wait) string {
	form := x.formInMain(at.Call)
	switch form {
	case result.Plain, result.If, result.Assign, result.Dropped, result.Wrap:
	default:
		return "main does something with the result of " + syntax.ExprText(at.Call.Fun)
	}
	x.guard = x.mayReturn(at.Callee, 0)
	if why := x.function(x.mainScope(), at, false); why != "" {
		return why
	}
	if form == result.Wrap {
		return x.unwrap(at.Call)
	}
	if x.handed {
		x.notOnSignal()
		return ""
	}
	if !x.canceled {
		return ""
	}
	// The context's error is none.
	look, ok := x.at.(*ast.IfStmt)
	if !ok {
		return ""
	}
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.Replace(look.Cond, rewrite.Expr("$is && !errors.Is($err, context.Canceled)",
			rewrite.Holes{"is": e.Clone(look.Cond), "err": e.Clone(result.ErrorIn(look.Cond))}))
	})
	return ""
}

// unwrap plans that the function which main passes the result of call to, as in
// log.Fatal(run()), is not called when the signal ended call.
func (x *signalFix) unwrap(call *ast.CallExpr) string {
	stmt := x.at.(*ast.ExprStmt)
	outer := stmt.X.(*ast.CallExpr)
	sig, _ := x.h.P.Info.TypeOf(call.Fun).(*types.Signature)
	if sig == nil || !syntax.IsErrorResult(sig) || x.canceled || x.handed {
		return "main passes the result of " + syntax.ExprText(call.Fun) + " on to " + syntax.ExprText(outer.Fun)
	}
	x.guard = !syntax.EndsProcess(x.h.P, outer)
	i := slices.Index(outer.Args, ast.Expr(call))
	name := x.file.FreeName(stmt, "err", "runErr")
	x.wrap = func(e *rewrite.Edit) {
		twin, err := rewrite.Twin[*dst.ExprStmt](e, stmt)
		if err != nil {
			return
		}
		e.Modify(x.main.Body, func(n dst.Node) error {
			body := n.(*dst.BlockStmt)
			at := slices.Index(body.List, dst.Stmt(twin))
			if at < 0 {
				return errors.New("what main waits in is gone")
			}
			passed := twin.X.(*dst.CallExpr)
			look := rewrite.Stmts("if $err := $call; $err != nil || $ctx.Err() == nil {\n}", rewrite.Holes{"err": name, "call": passed.Args[i], "ctx": x.ctx})[0].(*dst.IfStmt)
			passed.Args[i] = dst.NewIdent(name)
			look.Decs.Before, look.Decs.After = twin.Decs.Before, twin.Decs.After
			look.Decs.Start, twin.Decs.Start = twin.Decs.Start, nil
			twin.Decs.Before, twin.Decs.After = dst.NewLine, dst.NewLine
			look.Body.List = []dst.Stmt{twin}
			body.List[at] = look
			return nil
		})
	}
	return ""
}

// formInMain is result.FormOf for the statement of main that waits. Where a look at the
// result follows, that is what main waits in.
func (x *signalFix) formInMain(call *ast.CallExpr) result.Form {
	form := result.FormOf(x.at, call)
	if a, ok := x.at.(*ast.AssignStmt); ok && form == result.Assign {
		// err := run(), and then a look at err
		next, ok := syntax.NextStmt(x.main.Body.List, a).(*ast.IfStmt)
		if !ok || next.Init != nil || next.Else != nil || result.ErrorIn(next.Cond) == nil {
			return result.Other
		}
		x.at, x.follows = next, syntax.NextStmt(x.main.Body.List, next) != nil
	}
	return form
}

// mayReturn reports whether the function may return without the signal.
func (x *signalFix) mayReturn(decl *ast.FuncDecl, depth int) bool {
	if decl.Type.Results != nil && len(decl.Type.Results.List) > 0 || depth > waits.MaxFrames {
		return true
	}
	list := decl.Body.List
	if len(list) == 0 {
		return true
	}
	loop, ok := list[len(list)-1].(*ast.ForStmt)
	if !ok || loop.Cond != nil {
		return true
	}
	return syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ReturnStmt:
			return true
		case *ast.BranchStmt:
			return n.Tok == token.BREAK || n.Tok == token.GOTO
		}
		return false
	})
}

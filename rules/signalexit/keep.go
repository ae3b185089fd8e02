package signalexit

import (
	"go/ast"
	"go/types"
	"strconv"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// The goroutine stays where it stands and cancels a context where it exited:
// that is right wherever its statements cannot move behind what main waits in,
// and where the goroutine is started by a helper of main.

// handOver is a function between main and the goroutine, with its only call.
type handOver struct {
	decl *ast.FuncDecl
	call *ast.CallExpr
}

// chain finds the functions between main and the goroutine. Each of them has to
// hand the function that ends the context on.
func (x *signalFix) chain() string {
	h := x.h
	if h.Decl != nil {
		x.links = append(x.links, handOver{h.Decl, h.Gostmt.Call})
	}
	if h.Named != nil {
		// The context has to be there when the literal is made.
		if syntax.IndexOf(x.main.Body.List, h.Named) < 0 {
			return "the goroutine's function is made elsewhere than where main waits"
		}
		x.first, x.keep = h.Named, true
	}
	cur, ok := h.P.Cursor(h.Gostmt)
	for ok {
		fn, found := syntax.EnclosingFunc(cur)
		if !found {
			return "the goroutine is not found"
		}
		if syntax.BodyOf(fn.Node()) == x.main.Body {
			break
		}
		decl, isDecl := fn.Node().(*ast.FuncDecl)
		if !isDecl || len(x.links) > heat.MaxCallers {
			return "the goroutine is started in a function literal"
		}
		call, q := syntax.OnlyCall(h.S, h.P, decl)
		if q != h.P {
			return decl.Name.Name + ", which starts the goroutine, is called in another package"
		}
		x.links = append(x.links, handOver{decl, call.Node().(*ast.CallExpr)})
		cur = call
	}
	for _, l := range x.links {
		if why := x.extensible(l); why != "" {
			return why
		}
	}
	x.keep = x.keep || len(x.links) > 0
	return ""
}

// extensible says why the function cannot get a further parameter.
func (x *signalFix) extensible(l handOver) string {
	p, name := x.h.P, l.decl.Name.Name
	obj, _ := p.Info.Defs[l.decl.Name].(*types.Func)
	switch f := p.File(l.decl); {
	case obj == nil || f == nil:
		return name + " is not found"
	case obj.Exported() && p.Name != "main":
		return name + " is exported"
	case f.Generated:
		return name + " is in a generated file"
	case obj.Signature().Variadic():
		return name + " takes any number of arguments"
	case syntax.Mentioned(p, name):
		return name + " is used in files that are not built here"
	case len(x.h.S.Refs(rewrite.ObjectKey(obj))) != 1:
		return name + " is used in several places"
	}
	for _, f := range l.decl.Type.Params.List {
		if len(f.Names) == 0 {
			return "the parameters of " + name + " have no names"
		}
	}
	return ""
}

// conditional reports whether main may come by the start of the goroutine; why
// says that it may come there several times.
func (x *signalFix) conditional() (cond bool, why string) {
	var at ast.Node = x.h.Gostmt
	if n := len(x.links); n > 0 {
		at = x.links[n-1].call
	}
	cur, ok := x.h.P.Cursor(at)
	if !ok {
		return true, "the goroutine is not found"
	}
	for c := cur.Parent(); c.Node() != x.main.Body; c = c.Parent() {
		switch c.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.SelectStmt, *ast.FuncLit:
			return true, "main starts the goroutine in a loop or a literal"
		case *ast.IfStmt, *ast.CaseClause:
			cond = true
		case *ast.LabeledStmt:
			return true, "main may come to the start of the goroutine again"
		}
	}
	return cond, ""
}

// applyKept leaves the goroutine in its place: it cancels the context where it
// exited.
func (x *signalFix) applyKept(e *rewrite.Edit) {
	names := rewrite.Holes{"ctx": x.ctx, "stop": x.stop, "parent": x.root(e)}
	start := rewrite.Stmts("$ctx, $stop := context.WithCancel($parent)", names)
	switch {
	case x.limit && !x.given:
		start = append(start, rewrite.Stmts("go func() {\n<-$ctx.Done()\ntime.Sleep("+strconv.Itoa(limitSeconds)+" * time.Second)\nos.Exit($code)\n}()", rewrite.Holes{"ctx": x.ctx, "code": x.forcedCode(e)})...)
	case !x.explicitExit():
		start = append(start, rewrite.Stmts("defer $stop()", names)...)
	}
	if x.code != "" && !x.explicitExit() {
		e.Prepend(x.main.Body, rewrite.Stmts("$code := 0\ndefer func() {\nif $code != 0 {\nos.Exit($code)\n}\n}()", rewrite.Holes{"code": x.code})...)
	}
	if x.first != nil {
		e.InsertBefore(x.first, start...)
	} else {
		e.InsertBefore(x.w.Start, start...)
	}
	for _, l := range x.links {
		appendArg(e, l.call, dst.NewIdent(x.stop))
		e.Modify(l.decl.Type.Params, func(n dst.Node) error {
			list := n.(*dst.FieldList)
			field := &dst.Field{Names: []*dst.Ident{dst.NewIdent(x.stop)}, Type: rewrite.TypeExpr("context.CancelFunc", nil)}
			if n := len(list.List); n > 0 {
				field.Decs.Before, field.Decs.After = list.List[n-1].Decs.Before, list.List[n-1].Decs.After
			}
			list.List = append(list.List, field)
			return nil
		})
	}
	x.each(func() string {
		for _, s := range x.h.Tail {
			if x.left[callOf(s)] {
				e.Delete(s, about.Removed())
			}
		}
		for _, s := range x.h.Exits {
			e.ReplaceStmt(s, x.insteadOf(e, s)...)
		}
		return ""
	})
	for _, f := range x.edits {
		f(e)
	}
	if !x.serve && !x.inMain {
		x.behind(e)
	}
}

// insteadOf returns what the goroutine does in the place of an exit.
func (x *signalFix) insteadOf(e *rewrite.Edit, s *ast.ExprStmt) []dst.Stmt {
	call := x.h.ExitCall(s)
	out := x.farewell(e, call)
	if n, ok := x.h.ExitCode(call); x.code != "" && x.codes && !(ok && n == 0) {
		out = append(out, rewrite.Stmts("$code = $n", rewrite.Holes{"code": x.code, "n": x.codeOf(e, call)})...)
	}
	if x.stoppable() {
		// The next signal ends the process at once.
		for _, c := range append([]ast.Expr{x.h.From}, x.h.More...) {
			out = append(out, rewrite.Stmts("signal.Stop($c)", rewrite.Holes{"c": e.Clone(c)})...)
		}
	}
	out = append(out, rewrite.Stmts("$stop()", rewrite.Holes{"stop": x.stop})...)
	if x.limit && x.given {
		// Its parent may end without the signal, and the process then goes on.
		return append(out, rewrite.Stmts("time.Sleep("+strconv.Itoa(limitSeconds)+" * time.Second)\nos.Exit($code)", rewrite.Holes{"code": x.forcedCode(e)})...)
	}
	if !x.isLast(s) {
		out = append(out, rewrite.Stmts("return", nil)...)
	}
	return out
}

// stoppable reports whether the goroutine's names for the channels can be passed
// to signal.Stop.
func (x *signalFix) stoppable() bool {
	if x.h.From == nil {
		return false
	}
	for _, c := range append([]ast.Expr{x.h.From}, x.h.More...) {
		t := x.h.P.Info.TypeOf(c)
		if t == nil || !syntax.Pure(x.h.P, c) {
			return false
		}
		if ch, ok := t.Underlying().(*types.Chan); !ok || ch.Dir() == types.RecvOnly {
			return false
		}
	}
	return true
}

// isLast reports whether the goroutine ends behind s.
func (x *signalFix) isLast(s ast.Stmt) bool {
	c, ok := x.h.P.Cursor(s)
	if !ok {
		return false
	}
	for ; c.Node() != x.h.Body; c = c.Parent() {
		switch c.Node().(type) {
		case *ast.CaseClause, *ast.CommClause:
			continue
		}
		parent := c.Parent().Node()
		switch parent.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return false
		}
		list := syntax.StmtsOf(parent)
		n, isStmt := c.Node().(ast.Stmt)
		if !isStmt {
			continue
		}
		i := syntax.IndexOf(list, n)
		if i >= 0 && i+1 < len(list) {
			_, isReturn := list[i+1].(*ast.ReturnStmt)
			return isReturn
		}
	}
	return true
}

// appendArg makes arg the last argument of call.
func appendArg(e *rewrite.Edit, call *ast.CallExpr, arg dst.Expr) {
	e.Modify(call, func(n dst.Node) error {
		c := n.(*dst.CallExpr)
		if n := len(c.Args); n > 0 {
			arg.Decorations().Before = c.Args[n-1].Decorations().Before
			arg.Decorations().After = c.Args[n-1].Decorations().After
		}
		c.Args = append(c.Args, arg)
		return nil
	})
}

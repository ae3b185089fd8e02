package rules

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// cleanupName matches functions that clean up, which deferred calls are for.
var cleanupName = regexp.MustCompile(`(?i)^(close|flush|sync|remove|stop|end|release|free|restore|unlock|reset|shutdown|disconnect|destroy|cleanup|save)`)

// block plans that the function returns when the context is done: every wait in
// it is one that can be told to end, and every loop comes to one.
func (x *signalFix) block(p *rewrite.Package, decl *ast.FuncDecl, leave func(e *rewrite.Edit) []dst.Stmt) string {
	list := []ast.Node{decl.Body}
	if decl == x.main {
		list = []ast.Node{x.at}
	}
	ws := waitsIn(p, list...)
	if len(ws.slow) > 0 {
		x.limit = true
	}
	if decl == x.main && len(ws.list) > 1 {
		return "main waits in several places of one loop: " + ws.list[0].text + " and " + ws.list[1].text
	}
	for _, w := range ws.list {
		c, ok := p.Inspector.Root().FindNode(w.node)
		if !ok {
			return "a statement is not found"
		}
		stmt, sc := enclosingStmt(c)
		if loop := spinning(decl, w.node); loop != nil && w.kind != waitSpin && !reaches(loop, stmt) {
			return "a turn of the loop may come by " + w.text + " without waiting in it"
		}
		switch w.kind {
		case waitSleep:
			x2, isExpr := stmt.(*ast.ExprStmt)
			if !isExpr || x2.X != w.node || !inList(sc) {
				return "time.Sleep is not a statement of its own"
			}
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.ReplaceStmt(stmt, rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\ncase <-time.After($d):\n}",
					rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "d": e.Clone(w.call.Args[0])})...)
			})
		case waitClock:
			x2, isExpr := stmt.(*ast.ExprStmt)
			if !isExpr || x2.X != w.node || !inList(sc) {
				return "the receive from a timer is not a statement of its own"
			}
			recv := w.node.(*ast.UnaryExpr)
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.ReplaceStmt(stmt, rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\ncase <-$c:\n}",
					rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "c": e.Clone(recv.X)})...)
			})
		case waitClockRange:
			loop := w.node.(*ast.RangeStmt)
			if why := x.clockRange(sc, loop, leave); why != "" {
				return why
			}
		case waitSelect:
			sel := w.node.(*ast.SelectStmt)
			if len(sel.Body.List) == 0 {
				if decl != x.main || stmt != x.at {
					return "select {} is not in main itself"
				}
				x.edits = append(x.edits, func(e *rewrite.Edit) {
					e.ReplaceStmt(stmt, append(rewrite.Stmts("<-$ctx.Done()", rewrite.Holes{"ctx": x.ctx}), x.tail(e, false)...)...)
				})
				continue
			}
			if containsNode(sel.Body, func(n ast.Node) bool {
				u, ok := n.(*ast.UnaryExpr)
				return ok && u.Op == token.ARROW && isDone(p, u.X)
			}) {
				return "the select looks at a context already"
			}
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.Modify(sel.Body, func(n dst.Node) error {
					body := n.(*dst.BlockStmt)
					clause := rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\n}", rewrite.Holes{"ctx": x.ctx, "leave": leave(e)})[0].(*dst.SelectStmt).Body.List[0]
					clause.Decorations().Before, clause.Decorations().After = dst.NewLine, dst.NewLine
					body.List = append([]dst.Stmt{clause}, body.List...)
					return nil
				})
			})
		case waitReceive:
			x2, isExpr := stmt.(*ast.ExprStmt)
			if decl != x.main || !isExpr || x2.X != w.node || stmt != x.at {
				return "main waits in " + w.text + ", which nothing ends on a signal"
			}
			recv := w.node.(*ast.UnaryExpr)
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.ReplaceStmt(stmt, rewrite.Stmts("select {\ncase <-$c:\ncase <-$ctx.Done():\n$leave\n}",
					rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "c": e.Clone(recv.X)})...)
			})
		case waitSpin:
			loop, ok := w.node.(*ast.ForStmt)
			if !ok || loop.Cond != nil || loop.Init != nil || loop.Post != nil || !endsWith(decl, loop) || decl == x.main {
				return "the loop does not wait in anything that a context could end"
			}
			if decl.Type.Results != nil {
				return "the loop is in a function with results"
			}
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.Modify(loop, func(n dst.Node) error {
					n.(*dst.ForStmt).Cond = rewrite.Expr("$ctx.Err() == nil", rewrite.Holes{"ctx": x.ctx})
					return nil
				})
			})
		case waitServe:
			if indexOf(decl.Body.List, stmt) < 0 || decl == x.main {
				if s := statementOf(decl.Body.List, w.node); s != nil && decl != x.main {
					stmt = s
				} else {
					return "the server is not started by a statement of the function itself"
				}
			}
			if indexOf(decl.Body.List, stmt) != len(decl.Body.List)-1 {
				return "statements follow " + w.text + " in " + decl.Name.Name
			}
			if why := x.serveIn(p, decl, stmt, w.call, leave); why != "" {
				return why
			}
		case waitCallee:
			if decl == x.main {
				return "main waits in " + w.text + " in a loop"
			}
			s, isExpr := stmt.(*ast.ExprStmt)
			ret, isRet := stmt.(*ast.ReturnStmt)
			direct := isExpr && s.X == w.call || isRet && len(ret.Results) == 1 && ret.Results[0] == w.call
			if !direct || stmt != decl.Body.List[len(decl.Body.List)-1] {
				return decl.Name.Name + " goes on behind " + w.text + ", which it waits in"
			}
			if why := x.function(w); why != "" {
				return why
			}
		default:
			return "main waits in " + w.text + ", which nothing ends on a signal"
		}
	}
	return ""
}

// isDone reports whether x is the Done channel of a context.
func isDone(p *rewrite.Package, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && p.IsCall(call, "context", "(context.Context).Done")
}

// spinning returns the innermost loop without a count around n in decl.
func spinning(decl *ast.FuncDecl, n ast.Node) (loop *ast.ForStmt) {
	ast.Inspect(decl.Body, func(m ast.Node) bool {
		if f, ok := m.(*ast.ForStmt); ok && f.Body.Pos() <= n.Pos() && n.End() <= f.Body.End() {
			if f.Cond == nil || f.Post == nil {
				loop = f
			} else {
				loop = nil
			}
		}
		return true
	})
	return loop
}

// reaches reports whether every turn of the loop comes to stmt: it stands in
// the loop's own list, and no continue comes by it.
func reaches(loop *ast.ForStmt, stmt ast.Stmt) bool {
	i := indexOf(loop.Body.List, stmt)
	if i < 0 {
		return false
	}
	for _, s := range loop.Body.List[:i] {
		if containsNode(s, func(n ast.Node) bool {
			b, ok := n.(*ast.BranchStmt)
			return ok && (b.Tok == token.CONTINUE || b.Tok == token.GOTO)
		}) {
			return false
		}
	}
	return true
}

func endsWith(decl *ast.FuncDecl, s ast.Stmt) bool {
	list := decl.Body.List
	return len(list) > 0 && list[len(list)-1] == s
}

// clockRange plans a select in the place of a range over a ticker.
func (x *signalFix) clockRange(c interface{ Node() ast.Node }, loop *ast.RangeStmt, leave func(e *rewrite.Edit) []dst.Stmt) string {
	if c.Node() != loop || loop.Key != nil {
		return "the loop over a ticker uses its times"
	}
	if containsNode(loop.Body, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok != token.CONTINUE
	}) {
		return "the loop over a ticker has a break"
	}
	if !pure(x.h.p, loop.X) {
		return "the ticker is made by the loop itself"
	}
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		body := e.CloneStmts(loop.Body.List...)
		e.ReplaceStmt(loop, rewrite.Stmts("for {\nselect {\ncase <-$ctx.Done():\n$leave\ncase <-$c:\n$body\n}\n}",
			rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "c": e.Clone(loop.X), "body": body})...)
	})
	return ""
}

// leaveMain returns what main does when it is told to leave its own loop.
func (x *signalFix) leaveMain(e *rewrite.Edit) []dst.Stmt { return x.tail(e, true) }

// serveIn plans the shutdown of the HTTP server that stmt serves with. In main
// the goroutine's statements run when the requests are done.
func (x *signalFix) serveIn(p *rewrite.Package, decl *ast.FuncDecl, stmt ast.Stmt, call *ast.CallExpr, leave func(e *rewrite.Edit) []dst.Stmt) string {
	sv := serveCall(p, call)
	f := p.File(decl)
	if sv.server != nil && !pure(p, sv.server) {
		return "the server is made by the call that serves"
	}
	if _, isLit := ast.Unparen(sv.serverOr()).(*ast.CompositeLit); isLit {
		return "the server has no name"
	}
	form, body := serveForm(p, stmt, call)
	if form == "" {
		return "what is done with the result of " + exprText(call.Fun) + " is not understood"
	}
	if decl == x.main && x.follows {
		return "statements follow " + exprText(call.Fun)
	}
	within := ast.Node(decl)
	errName := f.FreeName(stmt, "err", "serveErr")
	if form == "if" {
		errName = ""
	}
	srv := f.FreeName(within, "srv", "server", "httpServer")
	drained := f.FreeName(within, "drained", "httpDrained")
	shutdownCtx := f.FreeName(within, "shutdownCtx", "drainCtx")
	cancel := f.FreeName(within, "cancel", "cancelShutdown")
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		holes := func() rewrite.Holes {
			h := rewrite.Holes{"ctx": x.ctx, "stop": x.stop, "drained": drained, "sctx": shutdownCtx, "cancel": cancel, "err": errName}
			if sv.server != nil {
				h["srv"] = e.Clone(sv.server)
			} else {
				h["srv"] = srv
			}
			return h
		}
		var start []dst.Stmt
		if sv.server == nil {
			lit := &dst.CompositeLit{Type: rewrite.Use("net/http", "Server")}
			if sv.addr != nil {
				lit.Elts = append(lit.Elts, &dst.KeyValueExpr{Key: dst.NewIdent("Addr"), Value: e.Clone(sv.addr)})
			}
			if !isNil(p, sv.handler) {
				lit.Elts = append(lit.Elts, &dst.KeyValueExpr{Key: dst.NewIdent("Handler"), Value: e.Clone(sv.handler)})
			}
			start = append(start, rewrite.Stmts("$srv := $x", rewrite.Holes{"srv": srv, "x": dst.Expr(&dst.UnaryExpr{Op: token.AND, X: lit})})...)
		}
		h := holes()
		stopLine := ""
		if decl == x.main && !x.keep {
			stopLine = "$stop()\n"
		}
		h["tail"] = []dst.Stmt(nil)
		if decl == x.main {
			h["tail"] = x.tailStmts(e)
		}
		shut := "$srv.Shutdown($sctx)"
		if importsPath(f, "log") {
			shut = "if err := $srv.Shutdown($sctx); err != nil {\nlog.Print(err)\n}"
		}
		start = append(start, rewrite.Stmts("$drained := make(chan struct{})\ngo func() {\ndefer close($drained)\n<-$ctx.Done()\n"+stopLine+
			"$sctx, $cancel := context.WithTimeout(context.Background(), "+strconv.Itoa(graceSeconds)+"*time.Second)\ndefer $cancel()\n"+shut+"\n$tail\n}()", h)...)
		// The call itself, of the server.
		served := func() dst.Expr {
			if sv.server != nil {
				return e.Clone(call)
			}
			c := &dst.CallExpr{Fun: &dst.SelectorExpr{X: dst.NewIdent(srv), Sel: dst.NewIdent(sv.method)}}
			for _, a := range sv.args {
				c.Args = append(c.Args, e.Clone(a))
			}
			return c
		}
		var end []dst.Stmt
		end = append(end, rewrite.Stmts("<-$drained", rewrite.Holes{"drained": drained})...)
		if decl == x.main {
			end = append(end, x.exitStmts(e)...)
		} else if leave != nil && decl.Type.Results != nil {
			end = append(end, leave(e)...)
		}
		go0 := x.h.gostmt
		main := decl == x.main
		putStart := func() {
			if main && !x.keep && nextStmt(x.main.Body.List, go0) == stmt {
				e.ReplaceStmt(go0, start...)
			} else {
				e.InsertBefore(stmt, start...)
			}
		}
		putStart()
		switch form {
		case "plain":
			e.ReplaceStmt(stmt, rewrite.Stmts("if $err := $call; $err == http.ErrServerClosed {\n$end\n}",
				rewrite.Holes{"err": errName, "call": served(), "end": end})...)
		case "wrap":
			wrapped := e.CloneStmts(stmt)
			if wrapped == nil {
				return
			}
			outer := wrapped[0].(*dst.ExprStmt).X.(*dst.CallExpr)
			for i, a := range stmt.(*ast.ExprStmt).X.(*ast.CallExpr).Args {
				if a == ast.Expr(call) {
					outer.Args[i] = dst.NewIdent(errName)
				}
			}
			wrapped[0].Decorations().Start, wrapped[0].Decorations().End = nil, nil
			if !endsProcess(p, stmt.(*ast.ExprStmt).X.(*ast.CallExpr)) {
				wrapped = append(wrapped, rewrite.Stmts("return", nil)...)
			}
			e.ReplaceStmt(stmt, append(rewrite.Stmts("if $err := $call; $err != http.ErrServerClosed {\n$body\n}",
				rewrite.Holes{"err": errName, "call": served(), "body": wrapped}), end...)...)
		case "return":
			e.ReplaceStmt(stmt, append(rewrite.Stmts("if $err := $call; $err != http.ErrServerClosed {\nreturn $err\n}",
				rewrite.Holes{"err": errName, "call": served()}), end...)...)
		case "if":
			n := stmt.(*ast.IfStmt)
			if sv.server == nil {
				e.Replace(call, served())
			}
			if comparesNil(n.Cond) {
				b := n.Cond.(*ast.BinaryExpr)
				e.Replace(b.Y, rewrite.Expr("http.ErrServerClosed", nil))
			}
			if !terminates(p, body) {
				e.Append(body, rewrite.Stmts("return", nil)...)
			}
			e.InsertAfter(stmt, end...)
		}
	})
	return ""
}

func (sv *httpServe) serverOr() ast.Expr {
	if sv.server != nil {
		return sv.server
	}
	return sv.handler
}

func nextStmt(list []ast.Stmt, s ast.Stmt) ast.Stmt {
	if i := indexOf(list, s); i >= 0 && i+1 < len(list) {
		return list[i+1]
	}
	return nil
}

// serveForm says how stmt takes the error of call: "plain" drops it, "wrap"
// passes it to a function, "return" returns it, "if" looks at it in body.
func serveForm(p *rewrite.Package, stmt ast.Stmt, call *ast.CallExpr) (form string, body *ast.BlockStmt) {
	switch s := stmt.(type) {
	case *ast.ExprStmt:
		if s.X == call {
			return "plain", nil
		}
		outer, ok := s.X.(*ast.CallExpr)
		if ok && slices.Contains(outer.Args, ast.Expr(call)) {
			return "wrap", nil
		}
	case *ast.ReturnStmt:
		if len(s.Results) == 1 && s.Results[0] == call {
			return "return", nil
		}
	case *ast.IfStmt:
		a, ok := s.Init.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != 1 || a.Rhs[0] != call || s.Else != nil {
			return "", nil
		}
		if comparesNil(s.Cond) || mentionsClosed(p, s.Cond) {
			return "if", s.Body
		}
	}
	return "", nil
}

// mentionsClosed reports whether the condition leaves http.ErrServerClosed out:
// err != http.ErrServerClosed, !errors.Is(err, http.ErrServerClosed), and these
// with err != nil before.
func mentionsClosed(p *rewrite.Package, x ast.Expr) bool {
	isClosed := func(x ast.Expr) bool {
		id := lastName(x)
		return id != nil && id.Name == "ErrServerClosed"
	}
	switch x := ast.Unparen(x).(type) {
	case *ast.BinaryExpr:
		if x.Op == token.LAND {
			return comparesNil(x.X) && mentionsClosed(p, x.Y) || mentionsClosed(p, x.X) && comparesNil(x.Y)
		}
		return x.Op == token.NEQ && isClosed(x.Y)
	case *ast.UnaryExpr:
		call, ok := x.X.(*ast.CallExpr)
		return ok && x.Op == token.NOT && p.IsCall(call, "errors", "Is") && len(call.Args) == 2 && isClosed(call.Args[1])
	}
	return false
}

// terminates reports whether the block leaves the function at its end.
func terminates(p *rewrite.Package, b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch s := b.List[len(b.List)-1].(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && (endsProcess(p, call) || neverReturns(p, call))
	}
	return false
}

// tailStmts returns the goroutine's statements between receive and exit.
func (x *signalFix) tailStmts(e *rewrite.Edit) []dst.Stmt {
	h := x.h
	if len(h.tail) == 0 || x.keep {
		return nil
	}
	list := e.CloneStmts(h.tail...)
	if h.sig == nil || list == nil {
		return list
	}
	for _, s := range list {
		dst.Inspect(s, func(n dst.Node) bool {
			swapIdent(n, h.sig.Name(), func() dst.Expr { return e.Clone(x.signals[0]) })
			return true
		})
	}
	return list
}

// swapIdent puts an expression in the place of the variable called name among
// the operands of n.
func swapIdent(n dst.Node, name string, with func() dst.Expr) {
	swap := func(x *dst.Expr) {
		if id, ok := (*x).(*dst.Ident); ok && id.Name == name && id.Path == "" {
			*x = with()
		}
	}
	switch n := n.(type) {
	case *dst.CallExpr:
		for i := range n.Args {
			swap(&n.Args[i])
		}
	case *dst.SelectorExpr:
		swap(&n.X)
	case *dst.BinaryExpr:
		swap(&n.X)
		swap(&n.Y)
	}
}

// exitStmts returns what gives the process its exit code.
func (x *signalFix) exitStmts(e *rewrite.Edit) []dst.Stmt {
	switch {
	case x.code == "" || x.keep:
		return nil
	case x.explicitExit():
		return e.CloneStmts(x.h.last)
	}
	return rewrite.Stmts("$code = $n", rewrite.Holes{"code": x.code, "n": e.Clone(x.h.exit.Args[0])})
}

// tail returns what main does behind what it waited in.
func (x *signalFix) tail(e *rewrite.Edit, leave bool) []dst.Stmt {
	var out []dst.Stmt
	if x.explicitExit() && !x.limit {
		out = append(out, rewrite.Stmts("$stop()", rewrite.Holes{"stop": x.stop})...)
	}
	out = append(out, x.tailStmts(e)...)
	out = append(out, x.exitStmts(e)...)
	if leave && !x.explicitExit() {
		out = append(out, rewrite.Stmts("return", nil)...)
	}
	return out
}

// apply replaces the goroutine.
func (x *signalFix) apply(e *rewrite.Edit) error {
	h := x.h
	if x.keep {
		x.applyKept(e)
		return nil
	}
	start := rewrite.Stmts("$ctx, $stop := signal.NotifyContext(context.Background(), $signals)", rewrite.Holes{"ctx": x.ctx, "stop": x.stop, "signals": cloneAll(e, x.signals)})
	switch {
	case x.limit:
		start = append(start, rewrite.Stmts("go func() {\n<-$ctx.Done()\n$stop()\ntime.Sleep("+strconv.Itoa(graceSeconds)+" * time.Second)\nos.Exit(1)\n}()", rewrite.Holes{"ctx": x.ctx, "stop": x.stop})...)
	case !x.explicitExit() || x.serve:
		start = append(start, rewrite.Stmts("defer $stop()", rewrite.Holes{"stop": x.stop})...)
	}
	if x.code != "" && !x.explicitExit() {
		e.Prepend(x.main.Body, rewrite.Stmts("$code := 0\ndefer func() {\nif $code != 0 {\nos.Exit($code)\n}\n}()", rewrite.Holes{"code": x.code})...)
	}
	keepsGo := x.serve && nextStmt(x.main.Body.List, h.gostmt) == x.at
	inGo := indexOf(h.pre, h.notifyStmt) >= 0
	switch {
	case inGo:
		e.InsertBefore(h.gostmt, start...)
	case nextStmt(x.main.Body.List, x.chDecl) == ast.Stmt(h.notifyStmt):
		e.ReplaceStmt(x.chDecl, start...)
		e.Delete(h.notifyStmt)
	default:
		e.Delete(x.chDecl)
		e.ReplaceStmt(h.notifyStmt, start...)
	}
	// Comments around the receive and the exit.
	start[0].Decorations().Start.Append(x.looseComments()...)
	for _, f := range x.edits {
		f(e)
	}
	if !keepsGo {
		e.Delete(h.gostmt, "signal", "interrupt", "ctrl", "sigterm")
	}
	if x.serve || x.selfTail() {
		return nil
	}
	x.behind(e)
	return nil
}

// behind puts the tail behind what main waits in.
func (x *signalFix) behind(e *rewrite.Edit) {
	var tail []dst.Stmt
	if x.guard || x.follows {
		tail = x.tail(e, x.follows)
		if len(tail) > 0 {
			tail = rewrite.Stmts("if $ctx.Err() != nil {\n$tail\n}", rewrite.Holes{"ctx": x.ctx, "tail": tail})
		}
	} else {
		tail = x.tail(e, false)
	}
	e.InsertAfter(x.at, tail...)
}

// applyKept leaves the goroutine in its place: it cancels the context where it
// exited.
func (x *signalFix) applyKept(e *rewrite.Edit) {
	h := x.h
	names := rewrite.Holes{"ctx": x.ctx, "stop": x.stop}
	start := rewrite.Stmts("$ctx, $stop := context.WithCancel(context.Background())", names)
	if x.limit {
		start = append(start, rewrite.Stmts("go func() {\n<-$ctx.Done()\ntime.Sleep("+strconv.Itoa(graceSeconds)+" * time.Second)\nos.Exit(1)\n}()", names)...)
	} else {
		start = append(start, rewrite.Stmts("defer $stop()", names)...)
	}
	if x.code != "" {
		e.Prepend(x.main.Body, rewrite.Stmts("$code := 0\ndefer func() {\nif $code != 0 {\nos.Exit($code)\n}\n}()", rewrite.Holes{"code": x.code})...)
	}
	e.InsertBefore(h.gostmt, start...)
	var end []dst.Stmt
	if x.code != "" {
		end = rewrite.Stmts("$code = $n", rewrite.Holes{"code": x.code, "n": e.Clone(h.exit.Args[0])})
	}
	end = append(end, rewrite.Stmts("signal.Stop($c)\n$stop()", rewrite.Holes{"c": h.ch.Name(), "stop": x.stop})...)
	if h.arms {
		end = append(end, rewrite.Stmts("return", nil)...)
	}
	e.ReplaceStmt(h.last, end...)
	for _, f := range x.edits {
		f(e)
	}
	if !x.serve && !x.inMain {
		x.behind(e)
	}
}

// looseComments returns the comments in the goroutine that are not among the
// statements that move.
func (x *signalFix) looseComments() []string {
	h := x.h
	line := func(pos token.Pos) int { return h.s.Position(pos).Line }
	var from, to int
	if n := len(h.tail); n > 0 {
		from, to = line(h.tail[0].Pos()), line(h.tail[n-1].End())
	}
	var out []string
	for _, g := range h.file.AST.Comments {
		if g.Pos() < h.gostmt.Pos() || g.End() > h.gostmt.End() {
			continue
		}
		recv := line(h.recv.Pos())
		if len(h.tail) > 0 && line(g.Pos()) > recv && line(g.Pos()) <= to && (line(g.Pos()) >= from || line(g.End()) == from-1) {
			continue
		}
		for _, c := range g.List {
			out = append(out, c.Text)
		}
	}
	return out
}

// selfTail reports whether an edit in main has placed the tail already.
func (x *signalFix) selfTail() bool { return x.inMain }

func cloneAll(e *rewrite.Edit, list []ast.Expr) []dst.Expr {
	var out []dst.Expr
	for _, a := range list {
		out = append(out, e.Clone(a))
	}
	return out
}

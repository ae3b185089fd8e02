package rules

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// serveCall is a call that serves HTTP until the server is shut down.
type httpServe struct {
	method  string     // ListenAndServe, ListenAndServeTLS, Serve, ServeTLS
	server  ast.Expr   // the server, nil for the functions of net/http
	addr    ast.Expr   // of the functions
	handler ast.Expr   // of the functions
	args    []ast.Expr // of the method
}

// serveCall returns how call serves HTTP, nil when it does not.
func serveCall(p *rewrite.Package, call *ast.CallExpr) *httpServe {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "net/http" {
		return nil
	}
	sv := &httpServe{method: fn.Name()}
	n := map[string]int{"ListenAndServe": 2, "ListenAndServeTLS": 4, "Serve": 2, "ServeTLS": 4}[fn.Name()]
	if n == 0 {
		return nil
	}
	if fn.Signature().Recv() != nil {
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok || !isPointerTo(fn.Signature().Recv().Type(), "net/http", "Server") {
			return nil
		}
		sv.server, sv.args = sel.X, call.Args
		return sv
	}
	if len(call.Args) != n {
		return nil
	}
	sv.handler = call.Args[n-1]
	if strings.HasPrefix(fn.Name(), "Listen") {
		sv.addr, sv.args = call.Args[0], call.Args[1:n-1]
		return sv
	}
	// Serve(l, handler) and ServeTLS(l, handler, cert, key)
	sv.handler = call.Args[1]
	sv.args = append([]ast.Expr{call.Args[0]}, call.Args[2:]...)
	return sv
}

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

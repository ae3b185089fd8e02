package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// stoppable says how calls that serve until they are told to stop are told so.
type stoppable struct {
	calls []string // what serves, as rewrite.ObjectKey names it
	// stop are the statements that make it return; $srv is the receiver, $sctx a
	// name for a context with the limit of time, $cancel one for its end, $force
	// one for a timer.
	stop   string
	others []string // methods that end it, too
	closed string   // the error that it returns then, "nil" for none
	drains bool     // it returns before stop does, which has to be waited for
	late   bool     // told to stop before it serves, it serves all the same
}

var graceful = strconv.Itoa(graceSeconds) + "*time.Second"

// shutdown ends a server like net/http's: Shutdown waits for the requests, and
// makes the call that serves return ErrServerClosed at once, even when it is
// made later (net/http, Server.Shutdown).
const shutdown = "$srv.Shutdown($sctx)"

var servers = []*stoppable{
	{
		calls:  []string{"(*net/http.Server).ListenAndServe", "(*net/http.Server).ListenAndServeTLS", "(*net/http.Server).Serve", "(*net/http.Server).ServeTLS"},
		stop:   shutdown,
		others: []string{"(*net/http.Server).Shutdown", "(*net/http.Server).Close"},
		closed: "http.ErrServerClosed",
		drains: true,
	},
	{
		// They are served by a server of net/http in their stead.
		calls: []string{
			"net/http.ListenAndServe", "net/http.ListenAndServeTLS", "net/http.Serve", "net/http.ServeTLS",
			"(*github.com/gin-gonic/gin.Engine).Run", "(*github.com/gin-gonic/gin.Engine).RunTLS",
		},
		stop:   shutdown,
		closed: "http.ErrServerClosed",
		drains: true,
	},
	{
		calls: []string{
			"(*github.com/labstack/echo.Echo).Start", "(*github.com/labstack/echo.Echo).StartTLS",
			"(*github.com/labstack/echo/v4.Echo).Start", "(*github.com/labstack/echo/v4.Echo).StartTLS",
		},
		stop: shutdown,
		others: []string{
			"(*github.com/labstack/echo.Echo).Shutdown", "(*github.com/labstack/echo.Echo).Close",
			"(*github.com/labstack/echo/v4.Echo).Shutdown", "(*github.com/labstack/echo/v4.Echo).Close",
		},
		closed: "http.ErrServerClosed",
		drains: true,
	},
	{
		// Serve returns nil when GracefulStop is complete, which streams may
		// delay; Stop ends them (grpc's server.go, Serve, Stop, GracefulStop).
		calls:  []string{"(*google.golang.org/grpc.Server).Serve"},
		stop:   "$force := time.AfterFunc(" + graceful + ", $srv.Stop)\ndefer $force.Stop()\n$srv.GracefulStop()",
		others: []string{"(*google.golang.org/grpc.Server).Stop", "(*google.golang.org/grpc.Server).GracefulStop"},
		closed: "nil",
	},
	{
		// Listen returns nil while Shutdown still waits (fasthttp, Server.Shutdown).
		calls:  []string{"(*github.com/gofiber/fiber/v2.App).Listen", "(*github.com/gofiber/fiber/v2.App).ListenTLS", "(*github.com/gofiber/fiber/v2.App).Listener"},
		stop:   "$srv.ShutdownWithTimeout(" + graceful + ")",
		others: []string{"(*github.com/gofiber/fiber/v2.App).Shutdown", "(*github.com/gofiber/fiber/v2.App).ShutdownWithTimeout", "(*github.com/gofiber/fiber/v2.App).ShutdownWithContext"},
		closed: "nil",
		drains: true,
		late:   true,
	},
}

// serving is a call that serves until it is told to stop.
type serving struct {
	*stoppable
	call    *ast.CallExpr
	method  string     // of the server
	on      ast.Expr   // the server, nil for one that the call makes
	addr    ast.Expr   // of the server that is made
	handler ast.Expr   // of the server that is made
	args    []ast.Expr // of the method
}

// serveCall returns how call serves, nil when it does not.
func serveCall(p *rewrite.Package, call *ast.CallExpr) *serving {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	key := rewrite.ObjectKey(fn)
	for _, s := range servers {
		if !slices.Contains(s.calls, key) {
			continue
		}
		sv := &serving{stoppable: s, call: call, method: fn.Name(), args: call.Args}
		sel, isSel := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		n := len(call.Args)
		switch {
		case call.Ellipsis.IsValid():
			return nil
		case isGin(fn):
			// Run serves the engine by http.ListenAndServe.
			if !isSel || n != map[string]int{"Run": 1, "RunTLS": 3}[fn.Name()] {
				return nil
			}
			sv.method = "ListenAndServe" + strings.TrimPrefix(fn.Name(), "Run")
			sv.addr, sv.handler, sv.args = call.Args[0], sel.X, call.Args[1:]
		case fn.Signature().Recv() != nil:
			if !isSel {
				return nil
			}
			sv.on = sel.X
		case strings.HasPrefix(fn.Name(), "Listen"):
			sv.addr, sv.args, sv.handler = call.Args[0], call.Args[1:n-1], call.Args[n-1]
		default:
			// Serve(l, handler) and ServeTLS(l, handler, cert, key)
			sv.handler = call.Args[1]
			sv.args = append([]ast.Expr{call.Args[0]}, call.Args[2:]...)
		}
		return sv
	}
	return nil
}

// isGin reports whether fn is gin's.
func isGin(fn *types.Func) bool { return fn.Pkg().Path() == "github.com/gin-gonic/gin" }

// serveMain plans the end of the server that main serves with.
func (x *signalFix) serveMain(w wait) string {
	sc := x.mainScope()
	sv := serveCall(sc.p, w.call)
	if form, look := serveForm(sc, x.at, w.call); form == "assign" {
		x.follows = nextStmt(sc.body.List, look) != nil
	}
	if x.follows {
		return "statements follow " + exprText(w.call.Fun)
	}
	x.serve = true
	return x.serveIn(sc, sv, x.at)
}

// stopServe plans the end of a server that a function serves with at its end.
func stopServe(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	stmt := statementOf(sc.body.List, w.node)
	if stmt == nil || sc.main || sc.looped {
		return nil, "the server is not started by a statement of the function itself"
	}
	end := stmt
	if form, look := serveForm(sc, stmt, w.call); form == "assign" {
		end = look
	}
	if !sc.last(end) && !returnsNothing(sc, nextStmt(sc.body.List, end)) {
		return nil, "statements follow " + w.text + " in " + sc.name
	}
	return stmt, x.serveIn(sc, serveCall(sc.p, w.call), stmt)
}

// returnsNothing reports whether s is the last statement of the scope and returns
// from it as is done when the context is done.
func returnsNothing(sc *scope, s ast.Stmt) bool {
	ret, ok := s.(*ast.ReturnStmt)
	return ok && sc.last(s) && (len(ret.Results) == 0 && sc.results() == nil || len(ret.Results) == 1 && isNil(sc.p, ret.Results[0]))
}

// serveIn plans the shutdown of what stmt serves with. In main the goroutine's
// statements run when the requests are done.
func (x *signalFix) serveIn(sc *scope, sv *serving, stmt ast.Stmt) string {
	p := sc.p
	if why := x.servable(sc, sv); why != "" {
		return why
	}
	form, look := serveForm(sc, stmt, sv.call)
	if form == "" {
		return "what is done with the result of " + exprText(sv.call.Fun) + " is not understood"
	}
	x.limit = x.limit || sv.late
	x.drains = true
	errName := p.File(stmt).FreeName(stmt, "err", "serveErr")
	srv := sc.free("srv", "server", "httpServer")
	drained := sc.free("drained", "httpDrained")
	names := rewrite.Holes{"ctx": sc.ctx, "stop": x.stop, "drained": drained, "err": errName, "sctx": sc.free("shutdownCtx", "drainCtx"), "cancel": sc.free("cancel", "cancelShutdown"), "force": sc.free("force", "forceStop")}
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		holes := func(more ...any) rewrite.Holes {
			h := rewrite.Holes{}
			for k, v := range names {
				h[k] = v
			}
			for i := 0; i < len(more); i += 2 {
				h[more[i].(string)] = more[i+1]
			}
			return h
		}
		start := declareServer(sv, e, p, srv)
		start = append(start, x.stopServer(sv, e, sc, srv, holes)...)
		if sc.main && !x.keep && nextStmt(x.main.Body.List, x.h.gostmt) == stmt {
			e.ReplaceStmt(x.h.gostmt, append(x.lead, start...)...)
		} else {
			e.InsertBefore(stmt, start...)
		}
		var end []dst.Stmt
		if sv.drains {
			end = rewrite.Stmts("<-$drained", holes())
		}
		switch {
		case sc.main && !sv.drains:
			end = append(end, x.tailStmts(e)...)
			end = append(end, x.exitStmts(e)...)
		case sc.main:
			end = append(end, x.exitStmts(e)...)
		case sc.results() != nil && (sc.last(stmt) || look != nil && sc.last(look)):
			end = append(end, sc.leave(e)...)
		}
		closed := func() dst.Expr { return rewrite.Expr(sv.closed, nil) }
		switch form {
		case "plain":
			if len(end) == 0 {
				break
			}
			e.ReplaceStmt(stmt, rewrite.Stmts("if $err := $call; $err == $closed {\n$end\n}",
				holes("call", servedCall(sv, e, srv), "end", end, "closed", closed()))...)
		case "wrap":
			outer := stmt.(*ast.ExprStmt).X.(*ast.CallExpr)
			wrapped := e.CloneStmts(stmt)
			if wrapped == nil {
				return
			}
			w := wrapped[0].(*dst.ExprStmt).X.(*dst.CallExpr)
			w.Args[slices.Index(outer.Args, ast.Expr(sv.call))] = dst.NewIdent(errName)
			decs := wrapped[0].Decorations()
			decs.Start, decs.End, decs.Before, decs.After = nil, nil, dst.NewLine, dst.NewLine
			if !endsProcess(p, outer) {
				wrapped = append(wrapped, rewrite.Stmts("return", nil)...)
			}
			e.ReplaceStmt(stmt, append(rewrite.Stmts("if $err := $call; "+failedCond(sv)+" {\n$body\n}",
				holes("call", servedCall(sv, e, srv), "body", wrapped, "closed", closed())), end...)...)
		case "return":
			e.ReplaceStmt(stmt, append(rewrite.Stmts("if $err := $call; "+failedCond(sv)+" {\nreturn $err\n}",
				holes("call", servedCall(sv, e, srv), "closed", closed())), end...)...)
		case "if", "assign":
			if sv.on == nil {
				e.Replace(sv.call, servedCall(sv, e, srv))
			}
			if comparesNil(look.Cond) {
				if sv.closed == "nil" {
					e.Replace(look.Cond, rewrite.Expr("$is && $ctx.Err() == nil", rewrite.Holes{"is": e.Clone(look.Cond), "ctx": sc.ctx}))
				} else {
					e.Replace(look.Cond.(*ast.BinaryExpr).Y, closed())
				}
			}
			if !terminates(p, look.Body) {
				if sc.results() != nil {
					e.Append(look.Body, sc.leave(e)...) // as the statement behind it does
				} else {
					e.Append(look.Body, rewrite.Stmts("return", nil)...)
				}
			}
			e.InsertAfter(look, end...)
		}
	})
	return ""
}

// servable says why the server cannot be told to stop.
func (x *signalFix) servable(sc *scope, sv *serving) string {
	if sv.on == nil {
		return ""
	}
	if x.stopsElsewhere(sc.p, sv) {
		return "something else shuts the server down"
	}
	if sv.late && !hasMethod(sc.p, sv.on, "ShutdownWithTimeout") {
		return "the server cannot be given a limit of time to shut down"
	}
	if !pure(sc.p, sv.on) {
		return "the server is made by the call that serves"
	}
	if _, isLit := ast.Unparen(sv.on).(*ast.CompositeLit); isLit {
		return "the server has no name"
	}
	return ""
}

// stopsElsewhere reports whether the package ends a server of the kind, other
// than by a deferred call.
func (x *signalFix) stopsElsewhere(p *rewrite.Package, sv *serving) bool {
	return slices.ContainsFunc(x.h.s.Refs(sv.others...), func(r rewrite.Ref) bool {
		if r.Pkg != p || r.File.Test {
			return false
		}
		call, ok := r.Call()
		if !ok {
			return true
		}
		_, isDefer := call.Parent().Node().(*ast.DeferStmt)
		return !isDefer
	})
}

// hasMethod reports whether x has a method called name.
func hasMethod(p *rewrite.Package, x ast.Expr, name string) bool {
	obj, _, _ := types.LookupFieldOrMethod(p.Info.TypeOf(x), true, p.Types, name)
	_, ok := obj.(*types.Func)
	return ok
}

// failedCond is the condition that the server ended by itself. Where it returns no
// error once told to stop, it may still return one when it was told so before
// it began to serve.
func failedCond(sv *serving) string {
	if sv.closed == "nil" {
		return "$err != $closed && $ctx.Err() == nil"
	}
	return "$err != $closed"
}

// declareServer returns the statement that makes the server, where the call does so.
func declareServer(sv *serving, e *rewrite.Edit, p *rewrite.Package, name string) []dst.Stmt {
	if sv.on != nil {
		return nil
	}
	lit := &dst.CompositeLit{Type: rewrite.Use("net/http", "Server")}
	if sv.addr != nil {
		lit.Elts = append(lit.Elts, &dst.KeyValueExpr{Key: dst.NewIdent("Addr"), Value: e.Clone(sv.addr)})
	}
	if !isNil(p, sv.handler) {
		handler := e.Clone(sv.handler)
		if isGin(p.Callee(sv.call)) && hasMethod(p, sv.handler, "Handler") {
			// What Run serves: the engine, wrapped where it is to speak HTTP/2.
			handler = &dst.CallExpr{Fun: &dst.SelectorExpr{X: handler, Sel: dst.NewIdent("Handler")}}
		}
		lit.Elts = append(lit.Elts, &dst.KeyValueExpr{Key: dst.NewIdent("Handler"), Value: handler})
	}
	return rewrite.Stmts("$srv := $x", rewrite.Holes{"srv": name, "x": dst.Expr(&dst.UnaryExpr{Op: token.AND, X: lit})})
}

// servedCall returns the call that serves.
func servedCall(sv *serving, e *rewrite.Edit, name string) dst.Expr {
	if sv.on != nil {
		return e.Clone(sv.call)
	}
	c := &dst.CallExpr{Fun: &dst.SelectorExpr{X: dst.NewIdent(name), Sel: dst.NewIdent(sv.method)}}
	for _, a := range sv.args {
		c.Args = append(c.Args, e.Clone(a))
	}
	return c
}

// stopServer returns the goroutine that stops the server when the context is
// done, and then, in main, runs the statements that the signal's goroutine ran.
func (x *signalFix) stopServer(sv *serving, e *rewrite.Edit, sc *scope, name string, holes func(...any) rewrite.Holes) []dst.Stmt {
	var server any = name
	if sv.on != nil {
		server = e.Clone(sv.on)
	}
	src := ""
	if sv.drains {
		src = "$drained := make(chan struct{})\n"
	}
	src += "go func() {\n"
	if sv.drains {
		src += "defer close($drained)\n"
	}
	src += "<-$ctx.Done()\n"
	if sc.main && !x.keep {
		src += "$stop()\n"
	}
	stop := sv.stop
	if sv.drains {
		if strings.Contains(stop, "$sctx") {
			src += "$sctx, $cancel := context.WithTimeout(context.Background(), " + graceful + ")\ndefer $cancel()\n"
		}
		if importsPath(sc.p.File(sc.fn), "log") {
			stop = "if err := " + stop + "; err != nil {\nlog.Print(err)\n}"
		}
	}
	var tail []dst.Stmt
	if sc.main && sv.drains {
		tail = x.tailStmts(e)
	}
	return rewrite.Stmts(src+stop+"\n$tail\n}()", holes("srv", server, "tail", tail))
}

func nextStmt(list []ast.Stmt, s ast.Stmt) ast.Stmt {
	if i := indexOf(list, s); i >= 0 && i+1 < len(list) {
		return list[i+1]
	}
	return nil
}

// serveForm says how stmt takes the error of call, as callForm does; with "if"
// and "assign" also which statement looks at the error.
func serveForm(sc *scope, stmt ast.Stmt, call *ast.CallExpr) (form string, look *ast.IfStmt) {
	if s, ok := stmt.(*ast.IfStmt); ok {
		a, ok := s.Init.(*ast.AssignStmt)
		if ok && len(a.Lhs) == 1 && a.Rhs[0] == call && looksAtError(sc.p, s) {
			return "if", s
		}
		return "", nil
	}
	switch form = callForm(stmt, call); form {
	case "plain", "return", "wrap":
		return form, nil
	case "assign":
		next, ok := nextStmt(sc.body.List, stmt).(*ast.IfStmt)
		id, isName := stmt.(*ast.AssignStmt).Lhs[0].(*ast.Ident)
		if ok && isName && next.Init == nil && looksAtError(sc.p, next) && errOf(next) == id.Name {
			return form, next
		}
	}
	return "", nil
}

// looksAtError reports whether the branch is taken when the server failed, and
// only then.
func looksAtError(p *rewrite.Package, s *ast.IfStmt) bool {
	return s.Else == nil && (comparesNil(s.Cond) || mentionsClosed(p, s.Cond)) && errOf(s) != ""
}

// errOf returns the name of the error that the branch looks at.
func errOf(s *ast.IfStmt) string {
	name := ""
	ast.Inspect(s.Cond, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			return false
		case *ast.Ident:
			if name == "" && n.Name != "nil" {
				name = n.Name
			}
		}
		return name == ""
	})
	return name
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

package publicpprof

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// drop returns the fix that takes the routes off a router and serves profiles from
// a mux of their own on loopback; nil where more would be lost than profiles, or no
// place runs once to start the server.
func (x *exposed) drop() *rewrite.Fix {
	first := x.routes[0]
	r := removalOf(x.routes)
	if r == nil || testsAsk(first.Pkg) || !x.onlyProfiles(r) {
		return nil
	}
	at, ok := first.Pkg.Cursor(r.gone[0])
	if !ok {
		return nil
	}
	fn, ok := syntax.EnclosingFunc(at)
	if !ok {
		return nil
	}
	file := first.File
	var start ast.Stmt // nil for the place of the first statement that goes
	if !runsOnce(first.Pkg, fn, 0) {
		q, stmt := onceAbove(first.Pkg, fn)
		if stmt == nil || q.File(stmt).Generated {
			return nil
		}
		file, start = q.File(stmt), stmt
	}
	port := x.g.program(first.Pkg).freePort(x)
	vars := slices.ContainsFunc(x.routes, func(r route) bool { return r.Obj.Name() == "Profiler" }) // chi's has expvar's route, too
	return &rewrite.Fix{
		Message: fmt.Sprintf("serve profiles on localhost:%d instead; the public listener answers them as any path that it does not know%s", port, x.tidying()),
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			server := serveProfiles(file, port, vars)
			if importsBlank(file) {
				e.DropImport(file, pprofPath, "_") // it is imported by name now
			}
			for i, s := range r.gone {
				if i == 0 && start == nil {
					e.ReplaceStmt(s, server...)
				} else {
					e.Delete(s, about.Removed("pprof", "profil", "debug"))
				}
			}
			if start != nil {
				e.InsertBefore(start, server...)
			}
			return nil
		},
	}
}

// onlyProfiles reports whether what goes serves nothing but profiles. The default
// mux has other routes than pprof's, which are reached by a path that is not
// pprof's alone.
func (x *exposed) onlyProfiles(r *removal) bool {
	if !slices.ContainsFunc(x.routes, func(r route) bool { return r.Obj.Name() == "DefaultServeMux" }) {
		return true
	}
	return !slices.ContainsFunc(r.gone, func(s ast.Stmt) bool {
		return !syntax.ContainsNode(s, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			return ok && lit.Kind == token.STRING && strings.Contains(lit.Value, "/debug/pprof")
		})
	})
}

// tidying tells of the requirement that goes with the registration.
func (x *exposed) tidying() string {
	if path := x.routes[0].Obj.Pkg().Path(); path != pprofPath && strings.HasSuffix(path, "/pprof") && !strings.HasSuffix(path, "/middleware/pprof") {
		return "; " + path + " leaves go.mod where nothing else needs it"
	}
	return ""
}

// serveProfiles is code for file that serves pprof's handlers on loopback.
func serveProfiles(file *rewrite.File, port int, vars bool) []dst.Stmt {
	extra := ""
	if vars {
		extra = "mux.Handle(\"/debug/vars\", $vars())\n"
	}
	return rewrite.Stmts(`go func() {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	`+extra+`$println(http.ListenAndServe($addr, mux)) // pprof
}()`, rewrite.Holes{"println": println(file), "addr": loopback(port), "vars": dst.Expr(rewrite.Use("expvar", "Handler"))})
}

// importsBlank reports whether the file imports pprof for its effect alone.
func importsBlank(file *rewrite.File) bool {
	return slices.ContainsFunc(file.AST.Imports, func(s *ast.ImportSpec) bool {
		return s.Path.Value == strconv.Quote(pprofPath) && s.Name != nil && s.Name.Name == "_"
	})
}

// println returns log.Println, or that of what the file calls log.
func println(file *rewrite.File) dst.Expr {
	if log := syntax.ImportNamed(file, "log"); log != nil && log.Scope().Lookup("Println") != nil {
		return &dst.SelectorExpr{X: dst.NewIdent("log"), Sel: dst.NewIdent("Println")}
	}
	return rewrite.Use("log", "Println")
}

// loopback returns the string of the address.
func loopback(port int) dst.Expr {
	return &dst.BasicLit{Kind: token.STRING, Value: strconv.Quote(fmt.Sprintf("localhost:%d", port))}
}

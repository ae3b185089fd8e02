package handler

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// LostCall is a deferred call that does not run because the process exits.
type LostCall struct {
	Stmt *ast.DeferStmt
	Text string
}

// Lost returns the pending deferred calls with an effect that outlives the
// process and that the goroutine does not make itself.
func (h *Handler) Lost(w *waits.Waiting) []LostCall {
	var out []LostCall
	for _, f := range w.Frames {
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit, *ast.GoStmt:
				return false
			case *ast.DeferStmt:
				if n.Pos() < f.End {
					if text := h.loses(f.Pkg, n); text != "" {
						out = append(out, LostCall{n, text})
					}
				}
				return false
			}
			return true
		})
	}
	return out
}

// loses returns what is lost when the deferred call does not run, "" for
// nothing.
func (h *Handler) loses(p *rewrite.Package, d *ast.DeferStmt) string {
	lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit)
	if !ok {
		if h.harmless(p, d.Call) || TellsOnly(p, d.Call) {
			return ""
		}
		return syntax.ExprText(d.Call.Fun) + "()"
	}
	// A literal that recovers is about panics.
	recovers := syntax.ContainsNode(lit.Body, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		return ok && syntax.IsBuiltin(p, c, "recover")
	})
	if recovers {
		return ""
	}
	text := ""
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || text != "" {
			return text == ""
		}
		if !h.harmless(p, call) && !TellsOnly(p, call) {
			text = syntax.ExprText(call.Fun) + "()"
		}
		return false
	})
	return text
}

// TellsOnly reports whether call only writes a message.
func TellsOnly(p *rewrite.Package, call *ast.CallExpr) bool {
	if p.IsCall(call, "fmt", "Fprint", "Fprintf", "Fprintln") {
		id := syntax.LastName(call.Args[0])
		return id != nil && (id.Name == "Stdout" || id.Name == "Stderr")
	}
	id := syntax.LastName(call.Fun)
	return p.Info.Types[call.Fun].IsType() || p.Info.Types[call.Fun].IsBuiltin() || id != nil && (knowledge.Tells(id.Name) || makesText(id.Name))
}

// makesText reports whether a function of such a name makes what a message says:
// Sprintf, time.Since, time.Now, Time.Sub.
func makesText(name string) bool {
	return slices.ContainsFunc([]string{"Sprint", "Fprint", "Since", "Now", "Sub"}, func(verb string) bool { return strings.HasPrefix(name, verb) })
}

// harmless reports whether nothing is lost when the process ends without the
// deferred call: it releases what the end of the process releases, or the
// goroutine makes the same call.
func (h *Handler) harmless(p *rewrite.Package, call *ast.CallExpr) bool {
	return h.harmlessAt(p, call, 2)
}

func (h *Handler) harmlessAt(p *rewrite.Package, call *ast.CallExpr, depth int) bool {
	if p.Info.Types[call.Fun].IsBuiltin() || syntax.IsContextFunc(p.Info.TypeOf(call.Fun)) || syntax.NoReturn(p, call) {
		return true
	}
	if id := syntax.LastName(call.Fun); id != nil && (strings.HasPrefix(strings.ToLower(id.Name), "cancel") || strings.HasPrefix(id.Name, "undo")) {
		return true
	}
	if h.makes(p, call) {
		return true
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	path, key := fn.Pkg().Path(), rewrite.ObjectKey(fn)
	switch {
	case path == "sync", path == "time", path == "os/signal", path == "context", path == "net/http/httptest":
		return true
	case slices.Contains([]string{"errors", "strings", "strconv", "path", "math", "maps", "slices"}, path), key == "(*os.File).Fd", key == "(*os.File).Name":
		return true // they compute
	case strings.HasPrefix(key, "(net.") || strings.HasPrefix(key, "(*net."):
		return fn.Name() == "Close" && !h.unixListener(p, call)
	case key == "(io.Closer).Close":
		return closesBody(call) || readsOnly(p, call)
	case key == "(*database/sql.DB).Close":
		return !h.embeddedDatabase()
	case knowledge.EndReleases(fn):
		return true
	}
	decl, q := syntax.DeclarationOf(h.S, fn)
	return decl != nil && decl.Body != nil && depth > 0 && h.harmlessBody(q, decl.Body, depth-1)
}

// harmlessBody reports whether nothing is lost when the calls in the function's
// body are not made. A function that only says something may stand for one that
// does something: it counts as lost.
func (h *Handler) harmlessBody(p *rewrite.Package, body *ast.BlockStmt, depth int) bool {
	calls := false
	return !syntax.ContainsNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SendStmt:
			return true
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		case *ast.CallExpr:
			if TellsOnly(p, n) {
				return false
			}
			calls = true
			return !h.harmlessAt(p, n, depth)
		}
		return false
	}) && calls
}

// embeddedDatabase reports whether some loaded package uses a database that
// lives in the process, and leaves files behind when it is not closed.
func (h *Handler) embeddedDatabase() bool {
	return rewrite.Memo(h.S, "embedded database", func() bool {
		for _, p := range h.S.Packages {
			for _, f := range p.Files {
				for _, imp := range f.AST.Imports {
					if strings.Contains(imp.Path.Value, "sqlite") || strings.Contains(imp.Path.Value, "duckdb") {
						return true
					}
				}
			}
		}
		return false
	})
}

// readsOnly reports whether what call closes can be read and not written to.
func readsOnly(p *rewrite.Package, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	t := p.Info.TypeOf(sel.X)
	if t == nil || !types.IsInterface(t) {
		return false
	}
	methods := types.NewMethodSet(t)
	return methods.Lookup(nil, "Read") != nil && methods.Lookup(nil, "Write") == nil
}

// closesBody reports whether the call closes the body of a response.
func closesBody(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := ast.Unparen(sel.X).(*ast.SelectorExpr)
	return ok && x.Sel.Name == "Body"
}

// unixListener reports whether what call closes may leave a socket file
// behind: the package listens on one.
func (h *Handler) unixListener(p *rewrite.Package, call *ast.CallExpr) bool {
	for _, f := range p.Files {
		if syntax.ContainsNode(f.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			return ok && lit.Kind == token.STRING && strings.HasPrefix(strings.Trim(lit.Value, "\"`"), "unix")
		}) {
			return true
		}
	}
	return false
}

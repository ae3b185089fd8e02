package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// lostCall is a deferred call that does not run because the process exits.
type lostCall struct {
	stmt *ast.DeferStmt
	text string
}

// lost returns the pending deferred calls with an effect that outlives the
// process and that the goroutine does not make itself.
func (h *signalHandler) lost(w *waiting) []lostCall {
	var out []lostCall
	for _, f := range w.frames {
		ast.Inspect(f.body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit, *ast.GoStmt:
				return false
			case *ast.DeferStmt:
				if n.Pos() < f.end {
					if text := h.loses(f.pkg, n); text != "" {
						out = append(out, lostCall{n, text})
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
func (h *signalHandler) loses(p *rewrite.Package, d *ast.DeferStmt) string {
	lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit)
	if !ok {
		if h.harmless(p, d.Call) {
			return ""
		}
		return exprText(d.Call.Fun) + "()"
	}
	// A literal that recovers is about panics.
	recovers := containsNode(lit.Body, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		return ok && isBuiltin(p, c, "recover")
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
		if !h.harmless(p, call) && !tellsOnly(p, call) {
			text = exprText(call.Fun) + "()"
		}
		return false
	})
	return text
}

var tellVerb = regexp.MustCompile(`^(Print|Info|Debug|Warn|Error|Trace|Log|Sprint|Fprint|Msg|Since|Now|Sub)`)

// tellsOnly reports whether call only writes a message.
func tellsOnly(p *rewrite.Package, call *ast.CallExpr) bool {
	id := lastName(call.Fun)
	return p.Info.Types[call.Fun].IsType() || p.Info.Types[call.Fun].IsBuiltin() || id != nil && tellVerb.MatchString(id.Name)
}

// harmless reports whether nothing is lost when the process ends without the
// deferred call: it releases what the end of the process releases, or the
// goroutine makes the same call.
func (h *signalHandler) harmless(p *rewrite.Package, call *ast.CallExpr) bool {
	if p.Info.Types[call.Fun].IsBuiltin() || isContextFunc(p.Info.TypeOf(call.Fun)) || neverReturns(p, call) {
		return true
	}
	if id := lastName(call.Fun); id != nil && strings.HasPrefix(strings.ToLower(id.Name), "cancel") {
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
	case path == "sync", path == "time", path == "os/signal", path == "context":
		return true
	case key == "(*os.File).Close":
		return true
	case strings.HasPrefix(key, "(net.") || strings.HasPrefix(key, "(*net."):
		return fn.Name() == "Close" && !h.unixListener(p, call)
	case key == "(io.Closer).Close":
		return closesBody(call)
	case key == "(*database/sql.Rows).Close", key == "(*database/sql.Stmt).Close", key == "(*database/sql.Tx).Rollback":
		return true
	case strings.HasSuffix(key, "grpc.ClientConn).Close"):
		return true
	case key == "(*net/http.Server).Close", key == "(*net/http.Server).Shutdown":
		return true
	}
	return false
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
func (h *signalHandler) unixListener(p *rewrite.Package, call *ast.CallExpr) bool {
	for _, f := range p.Files {
		if containsNode(f.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			return ok && lit.Kind == token.STRING && strings.HasPrefix(strings.Trim(lit.Value, "\"`"), "unix")
		}) {
			return true
		}
	}
	return false
}

// makes reports whether the goroutine calls what call calls, itself or through
// one function.
func (h *signalHandler) makes(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	text := exprText(call.Fun)
	same := func(q *rewrite.Package, n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		g := q.Callee(c)
		if g == nil || fn == nil {
			return exprText(c.Fun) == text
		}
		if rewrite.ObjectKey(g) != rewrite.ObjectKey(fn) {
			return false
		}
		// A function called for other arguments does something else.
		return fn.Signature().Recv() != nil || exprText(c) == exprText(call)
	}
	for _, s := range h.tail {
		if containsNode(s, func(n ast.Node) bool {
			if same(h.p, n) {
				return true
			}
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return false
			}
			g := h.p.Callee(c)
			if g == nil {
				return false
			}
			decl, q := declarationOf(h.s, g)
			return decl != nil && decl.Body != nil && containsNode(decl.Body, func(n ast.Node) bool { return same(q, n) })
		}) {
			return true
		}
	}
	return false
}

// isErrorResult reports whether the function returns nothing but an error.
func isErrorResult(sig *types.Signature) bool {
	return sig.Results().Len() == 1 && types.Identical(sig.Results().At(0).Type(), types.Universe.Lookup("error").Type())
}

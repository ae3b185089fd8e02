package collect

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

// saysCollects matches doc comments of functions that are there to collect.
var saysCollects = regexp.MustCompile(`(?i)(?:force|trigger|run)\w*.{0,3}(?:gc\b|garbage)|garbage collect`)

var collects = regexp.MustCompile(`(?i)(?:force|trigger|run|free|release|collect|call|invoke|perform|do).?(?:gc|garbage|mem(?:ory)?\b|os.?memory)|garbage`)

// purposeful reports whether the function is there to collect: its name or doc
// comment says so.
func purposeful(p *rewrite.Package, decl *ast.FuncDecl) bool {
	if collects.MatchString(decl.Name.Name) || strings.EqualFold(decl.Name.Name, "gc") {
		return true
	}
	if decl.Doc == nil {
		return false
	}
	// What it does besides, or by the way, is not what it is there for.
	clause := endOfClause.Split(strings.ReplaceAll(decl.Doc.Text(), "\n", " "), 2)[0]
	return saysCollects.MatchString(clause)
}

var endOfClause = regexp.MustCompile(`[.,;:(] | (?:and|then|but|while|after|before|once|with) `)

// isEndpoint reports whether the call belongs to a handler through which an
// operator collects: one that does nothing else, or whose route names it.
func isEndpoint(call rewrite.Call) bool {
	p := call.Pkg
	fn, ok := syntax.EnclosingFunc(call.At)
	if !ok {
		return false
	}
	if !onRequest(p, fn.Node()) {
		return false
	}
	d, declared := fn.Node().(*ast.FuncDecl)
	return collectsFirst(p, syntax.BodyOf(fn.Node()), call.At) || declared && asksFor.MatchString(d.Name.Name) || web.Routed(p, fn, asksFor)
}

// onRequest reports whether fn, a declared function or a literal, is a handler.
func onRequest(p *rewrite.Package, fn ast.Node) bool {
	switch n := fn.(type) {
	case *ast.FuncLit:
		return web.IsHandler(syntax.SignatureOf(p, n))
	case *ast.FuncDecl:
		return heat.IsHandlerDecl(p, n)
	}
	return false
}

// collectsFirst reports whether the body of a handler does nothing but collect,
// by the call at cur, and answer then. One that has answered before it collects
// does so to clean up.
func collectsFirst(p *rewrite.Package, body *ast.BlockStmt, cur inspector.Cursor) bool {
	if !onlyCollects(p, body) {
		return false
	}
	if _, plain := cur.Parent().Node().(*ast.ExprStmt); !plain {
		return false
	}
	for _, stmt := range body.List {
		if stmt.End() >= cur.Node().Pos() {
			return true
		}
		if _, guard := stmt.(*ast.IfStmt); !guard && syntax.ContainsNode(stmt, func(n ast.Node) bool { return writesReply(p, n) }) {
			return false
		}
	}
	return true
}

// writesReply reports whether n is a call that is given the response writer, or
// a method of it other than Header.
func writesReply(p *rewrite.Package, n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	isWriter := func(x ast.Expr) bool {
		t := p.Info.TypeOf(x)
		return t != nil && syntax.IsType(t, "net/http", "ResponseWriter")
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && isWriter(sel.X) {
		return sel.Sel.Name != "Header"
	}
	return slices.ContainsFunc(call.Args, isWriter)
}

// onlyCollects reports whether every statement of body collects, logs, writes a
// constant reply, returns, or turns a request away.
func onlyCollects(p *rewrite.Package, body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		switch s := stmt.(type) {
		case *ast.ReturnStmt:
		case *ast.IfStmt:
			last := len(s.Body.List) - 1
			if last < 0 || s.Else != nil || !onlyCollects(p, s.Body) {
				return false
			}
			if _, ok := s.Body.List[last].(*ast.ReturnStmt); !ok {
				return false
			}
		case *ast.ExprStmt:
			call, ok := s.X.(*ast.CallExpr)
			if !ok || !IsCollection(p, call) && !replies(p, call) {
				return false
			}
		case *ast.AssignStmt:
			if len(s.Rhs) != 1 {
				return false
			}
			call, ok := s.Rhs[0].(*ast.CallExpr)
			if !ok || !replies(p, call) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// replyName matches functions and methods that log, or answer a request.
var replyName = regexp.MustCompile(`^(?i:f?print|s?log|info|debug|warn|err|trace|notice|write|reply|respond|json|text|string|html|xml|status|send|no_?content|ok|encode|abort|audit|redirect|set|header|add|del|flush|now|since|new_?encoder)`)

// replies reports whether call logs or writes a constant reply.
func replies(p *rewrite.Package, call *ast.CallExpr) bool {
	id := syntax.LastName(call.Fun)
	if id == nil || !replyName.MatchString(id.Name) {
		return false
	}
	return constantArgs(p, call) || !writesReply(p, call) && !slices.ContainsFunc(call.Args, func(x ast.Expr) bool {
		return syntax.ContainsNode(x, func(n ast.Node) bool { _, calls := n.(*ast.CallExpr); return calls })
	})
}

// constantArgs reports whether call's arguments are constants, plain variables,
// or conversions of constants: a log line, a status, a fixed reply.
func constantArgs(p *rewrite.Package, call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if tv := p.Info.Types[arg]; tv.Value != nil {
			continue
		}
		switch a := ast.Unparen(arg).(type) {
		case *ast.Ident:
			continue
		case *ast.CallExpr:
			if tv := p.Info.Types[a.Fun]; tv.IsType() && constantArgs(p, a) {
				continue
			}
		case *ast.CompositeLit:
			continue
		}
		return false
	}
	return true
}

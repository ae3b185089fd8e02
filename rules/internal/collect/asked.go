package collect

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// asksFor matches names and words for a collection that somebody asks for.
var asksFor = regexp.MustCompile(`(?:^|[^A-Z])GC(?:[^a-z]|$)|(?:^|[^A-Za-z])gc(?:[^a-z]|$)|(?i:garbage|free_?os_?mem)`)

// asksToFree matches words, those of a command or a request's parameter, for
// letting go of what is held in memory.
var asksToFree = regexp.MustCompile(`^(?i:clean|clear|drop|evict|flush|free|purge|release|reset|shrink|trim|unload)`)

// counts matches the names of numbers that ask for a collection as well: gc=1.
var counts = regexp.MustCompile(`^(?i:(?:do|run|force|want|with)?_?gc)$`)

// isAskedFor reports whether a condition or case around cur names the
// collection, or the platform for which it is: a command "gc", an option forceGC,
// a channel of such wishes, the parameter "flush" of a request. A condition before
// cur, where all else has left, counts as one around it.
func isAskedFor(p *rewrite.Package, cur inspector.Cursor) bool {
	// A number or a time that is called gcInterval or lastGC asks for nothing.
	answers := func(id *ast.Ident) bool {
		t := p.Info.TypeOf(id)
		if t == nil {
			return false
		}
		switch t := t.Underlying().(type) {
		case *types.Basic:
			return t.Info()&(types.IsBoolean|types.IsString) != 0 || counts.MatchString(id.Name)
		case *types.Signature, *types.Chan:
			return true
		}
		return false
	}
	named := func(x ast.Node) bool {
		return x != nil && syntax.ContainsNode(x, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				return asksFor.MatchString(n.Name) && answers(n) || n.Name == "GOOS" // a platform that kills what is too big
			case *ast.BasicLit:
				text := strings.Trim(n.Value, "`\"")
				return n.Kind == token.STRING && (asksFor.MatchString(text) || asksToFree.MatchString(text))
			}
			return false
		})
	}
	for c := range cur.Enclosing((*ast.IfStmt)(nil), (*ast.CaseClause)(nil), (*ast.CommClause)(nil)) {
		switch n := c.Node().(type) {
		case *ast.IfStmt:
			if named(n.Cond) {
				return true
			}
		case *ast.CommClause:
			if n.Comm != nil && !heat.WaitsForClock(p, n.Comm) && named(n.Comm) {
				return true
			}
		case *ast.CaseClause:
			for _, x := range n.List {
				if named(x) {
					return true
				}
			}
		}
	}
	for c := cur; ; c = c.Parent() {
		switch c.Node().(type) {
		case *ast.FuncDecl, *ast.FuncLit, *ast.File:
			return false
		}
		for prev, ok := c.PrevSibling(); ok; prev, ok = prev.PrevSibling() {
			if n, isIf := prev.Node().(*ast.IfStmt); isIf && n.Else == nil && turnsAway(n) && named(n.Cond) {
				return true
			}
		}
	}
}

// turnsAway reports whether n leaves where something is not so.
func turnsAway(n *ast.IfStmt) bool {
	switch x := ast.Unparen(n.Cond).(type) {
	case *ast.UnaryExpr:
		if x.Op != token.NOT {
			return false
		}
	case *ast.BinaryExpr:
		if x.Op != token.NEQ {
			return false
		}
	default:
		return false
	}
	last := len(n.Body.List) - 1
	if last < 0 {
		return false
	}
	switch n.Body.List[last].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	}
	return false
}

package goroutinealert

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

var (
	tellName = regexp.MustCompile(`(?i)alert|alarm|warn|notify|\bpage|log|print|report|error|leak|capture|metric|stack|profile`)
	// actName matches what ends or bends the work beside telling about it.
	actName = regexp.MustCompile(`(?i)^(exit|fatal\w*|panic\w*|goexit|abort\w*|shed\w*|throttle\w*|limit\w*|reject\w*|close|cancel|stop|shutdown|kill|restart|gc|freeosmemory|writeheader|error|wait)$`)
)

// onlyTells reports whether a block raises an alert and does nothing else that
// matters: calls with names as of messages and logs, and notes of what was
// last told. What is called may not do more than it says, where that can be seen.
func onlyTells(p *rewrite.Package, body *ast.BlockStmt) bool {
	tells, acts := false, false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ReturnStmt, *ast.BranchStmt, *ast.SendStmt, *ast.GoStmt, *ast.ForStmt, *ast.RangeStmt, *ast.SelectStmt, *ast.IncDecStmt:
			acts = true
		case *ast.FuncLit:
			acts = true
			return false
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if n.Tok != token.DEFINE && !(len(n.Rhs) == len(n.Lhs) && isRemembered(p, l, n.Rhs[i])) {
					acts = true
				}
			}
		case *ast.ExprStmt:
			call, ok := n.X.(*ast.CallExpr)
			if !ok {
				acts = true
				break
			}
			name := calleeName(p, call)
			switch {
			case isTest(p, call):
				acts = true
			case tellName.MatchString(name):
				if id := syntax.LastName(call.Fun); id != nil && actName.MatchString(id.Name) && !isLogger(p, call) {
					acts = true
				}
				if strings.HasSuffix(name, "Fatal") || strings.HasSuffix(name, "Fatalf") || strings.HasSuffix(name, "Fatalln") || strings.HasSuffix(name, "Panic") || strings.HasSuffix(name, "Panicf") {
					acts = true
				}
				tells = true
			default:
				acts = true
			}
		case *ast.CallExpr:
			acts = acts || (&bodies{make(map[ast.Node]bool)}).changes(p, n, maxCallees)
		}
		return !acts
	})
	return tells && !acts
}

// isRemembered reports whether an assignment only remembers that or when an
// alert was raised.
func isRemembered(p *rewrite.Package, l, r ast.Expr) bool {
	if id, ok := l.(*ast.Ident); ok && id.Name == "_" {
		return true
	}
	if v := p.Info.Types[r].Value; v != nil && v.Kind() == constant.Bool {
		return toldName.MatchString(types.ExprString(l))
	}
	return p.IsCall(ast.Unparen(r), "time", "Now")
}

// toldName matches names of flags that say whether an alert was raised.
var toldName = regexp.MustCompile(`(?i)warn|alert|alarm|told|notif|report|sent|logg|fired|raised|firing|active`)

// onlyRemembers reports whether a block does nothing but note whether an alert
// was raised.
func onlyRemembers(p *rewrite.Package, body *ast.BlockStmt) bool {
	return len(body.List) > 0 && !slices.ContainsFunc(body.List, func(s ast.Stmt) bool {
		as, ok := s.(*ast.AssignStmt)
		return !ok || as.Tok != token.ASSIGN || len(as.Lhs) != 1 || len(as.Rhs) != 1 || !isRemembered(p, as.Lhs[0], as.Rhs[0])
	})
}

// isTest reports whether call is a method of the testing package.
func isTest(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "testing"
}

// isLogger reports whether call is a method named Error of a logger: what it is
// called on, or its package, has log in its name.
func isLogger(p *rewrite.Package, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if sel.Sel.Name != "Error" {
		return false
	}
	fn := p.Callee(call)
	return fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "net/http"
}

// calleeName returns the callee of call as it is written, with the package or
// the chain of calls it is selected from, and the name of its receiver's type.
func calleeName(p *rewrite.Package, call *ast.CallExpr) string {
	var names []string
	for x := ast.Expr(call); x != nil; {
		switch n := ast.Unparen(x).(type) {
		case *ast.CallExpr:
			x = n.Fun
		case *ast.SelectorExpr:
			names = append([]string{n.Sel.Name}, names...)
			x = n.X
		case *ast.Ident:
			names = append([]string{n.Name}, names...)
			x = nil
		default:
			x = nil
		}
	}
	if fn := p.Callee(call); fn != nil && fn.Pkg() != nil {
		names = append([]string{fn.Pkg().Name()}, names...)
	}
	return strings.Join(names, ".")
}

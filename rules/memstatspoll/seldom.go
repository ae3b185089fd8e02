package memstatspoll

import (
	"go/ast"
	"time"

	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// often is the longest time between two readings that anybody could notice.
const often = time.Hour

// seldom reports whether the loop waits for an hour or more in each turn, as one
// that reports once a day does.
func seldom(h heat.Heat) bool {
	if !h.Paced || len(h.Path) == 0 {
		return false
	}
	last := h.Path[len(h.Path)-1]
	loop := last.At.Parent().Node()
	switch loop.(type) {
	case *ast.ForStmt, *ast.RangeStmt:
	default:
		return false
	}
	found, long := waits(last, loop)
	if decl := syntax.EnclosingDecl(last.At); !found && decl != nil {
		found, long = waits(last, decl) // a ticker made before the loop
	}
	return found && long
}

// waits reports whether durations are waited for in n, and whether all of them
// are long.
func waits(at heat.Place, n ast.Node) (found, long bool) {
	long = true
	ast.Inspect(n, func(n ast.Node) bool {
		if at.Pkg.IsCall(n, "time", "NewTicker", "Tick", "Sleep", "After", "NewTimer", "AfterFunc") {
			found = true
			d, ok := syntax.ConstInt(at.Pkg, n.(*ast.CallExpr).Args[0])
			long = long && ok && time.Duration(d) >= often
		}
		return true
	})
	return found, long
}

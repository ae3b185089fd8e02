// Package goroutinealert finds alerts on a fixed number of goroutines.
package goroutinealert

import (
	"go/ast"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

var Rule = &rule.Rule{
	Name:  "goroutinealert",
	Title: "alert on the level of NumGoroutine",
	Doc: `An alert about leaking goroutines fires after a burst of load and does not stop, though nothing leaks: the count went up by a step and stays there.

runtime.NumGoroutine counts the goroutines of idle connections and of pools, too: an idle keep-alive connection costs a server one goroutine and a client two. A level above a limit tells such a plateau from a leak no better than it finds a slow leak below the limit. A leak shows in the floor of the count, which rises from one stretch of time to the next.

The condition is given a second half: the smallest count of each window of samples has risen for some windows in a row. Limit and message stay as they are. The windows are constants in the added type, counted in samples.

Alerting rules of Prometheus get the same half: the smallest go_goroutines of the last ten minutes is above the greatest of a quarter of an hour before, or above the smallest of an hour before. The first holds for a target that is a quarter of an hour old, so that one which leaks and dies young alerts as well; the second finds slow leaks.

It fires when a loop that waits for a clock compares the count with a limit and all that hangs on it is a message, and when an alerting rule compares go_goroutines, its sum or average, or a series recorded from one of them with a number; rules in a string of a ConfigMap in the template of a chart or in Jsonnet are only reported, and so are those that a unit test of promtool expects to fire. Where it would take more than two hours of samples until growth is told there is no fix. It stays silent where the change of the count is looked at (deriv, delta, offset), in recording rules, where work is refused or put off, where two readings are compared, where the count is waited for or exported, and in tests.`,
	Before: `for range time.Tick(10 * time.Second) {
	if n := runtime.NumGoroutine(); n > limit {
		alert("goroutine leak")
	}
}`,
	After: `var growth goroutineGrowth
for range time.Tick(10 * time.Second) {
	if n := runtime.NumGoroutine(); growth.observe(n) && n > limit {
		alert("goroutine leak")
	}
}`,
	Needs:     []rewrite.Need{{Import: "runtime", Idents: []string{"NumGoroutine"}}},
	TextNeeds: []rewrite.TextNeed{{Kinds: []rewrite.TextKind{rewrite.YAML, rewrite.JSON, rewrite.HelmTemplate, rewrite.Jsonnet}, Contains: []string{"go_goroutines"}}},
	Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		return slices.Concat(levelAlerts(s), promqlAlerts(s), templateAlerts(s), jsonnetAlerts(s))
	},
}

// levelAlert is an alert on the number of goroutines.
type levelAlert struct {
	pkg    *rewrite.Package
	file   *rewrite.File
	stmt   *ast.IfStmt        // nil in a switch
	rungs  *ast.SwitchStmt    // of one limit after the other, nil elsewhere
	cond   ast.Expr           // that compares
	count  ast.Expr           // the reading as it is compared, conversions included
	called *ast.CallExpr      // the call of NumGoroutine, nil when count is a variable
	loop   ast.Stmt           // the loop that takes the samples, nil when it is elsewhere
	decl   *ast.FuncDecl      // the function that takes the samples
	holder *syntax.StructDecl // the receiver's type when that function is a method
}

// levelAlerts returns the alerts on the level of the count in Go code.
func levelAlerts(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls("runtime", "NumGoroutine") {
		if call.File.Test || call.Pkg.Wide {
			continue
		}
		list := alertsOf(call)
		if len(list) == 0 {
			continue
		}
		// Have: comparisons of the count with a limit that decide about a
		// message.
		h := heat.Of(call.Pkg, call.At)
		if h.Kind != heat.Recurring || !h.Paced {
			continue
		}
		for _, a := range list {
			f := rewrite.Finding{
				Pos: a.cond.Pos(), End: a.cond.End(),
				Message: "alert on the number of goroutines: idle connections and pools raise it for good, and a slow leak stays below the limit for long",
			}
			why := a.place(s, call)
			f.Notes = []rewrite.Note{{Message: "from Go 1.27 on (1.26: GOEXPERIMENT=goroutineleakprofile) the goroutineleak profile of runtime/pprof names the goroutines that leaked, whatever the count"}}
			if why != "" {
				f.NoFix = why + "; alert when the smallest count of a window rises from one window to the next"
			} else {
				f.Fixes = []*rewrite.Fix{a.fix(call)}
			}
			out = append(out, f)
		}
	}
	return out
}

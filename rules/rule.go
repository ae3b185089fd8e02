// Package rules is the list of all rules, and what drivers of
// golang.org/x/tools/go/analysis make of it.
package rules

import (
	"github.com/runtimefix/runtimefix/rules/crashoutput"
	"github.com/runtimefix/runtimefix/rules/finalizercycle"
	"github.com/runtimefix/runtimefix/rules/forcedgc"
	"github.com/runtimefix/runtimefix/rules/freeosmemory"
	"github.com/runtimefix/runtimefix/rules/gctrace"
	"github.com/runtimefix/runtimefix/rules/goroutinealert"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"github.com/runtimefix/runtimefix/rules/keepalive"
	"github.com/runtimefix/runtimefix/rules/maxprocs"
	"github.com/runtimefix/runtimefix/rules/memstatspoll"
	"github.com/runtimefix/runtimefix/rules/panicfault"
	"github.com/runtimefix/runtimefix/rules/publicpprof"
	"github.com/runtimefix/runtimefix/rules/signalexit"
	"github.com/runtimefix/runtimefix/rules/threadlock"
	"github.com/runtimefix/runtimefix/rules/timerfanout"
)

// Rule is one documented misuse of the runtime's hooks.
type Rule = rule.Rule

// Settings are what a user tells the rules about a code base.
type Settings = settings.Settings

// All lists the rules in the order in which they are documented.
var All = []*Rule{
	forcedgc.Rule,
	finalizercycle.Rule,
	threadlock.Rule,
	keepalive.Rule,
	signalexit.Rule,
	memstatspoll.Rule,
	freeosmemory.Rule,
	gctrace.Rule,
	goroutinealert.Rule,
	panicfault.Rule,
	crashoutput.Rule,
	timerfanout.Rule,
	maxprocs.Rule,
	publicpprof.Rule,
}

// Names returns the names of all rules, in order.
func Names() []string {
	var out []string
	for _, r := range All {
		out = append(out, r.Name)
	}
	return out
}

// Package memstatspoll finds ReadMemStats on a timer or for every request.
package memstatspoll

import (
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

var Rule = &rule.Rule{
	Name:  "memstatspoll",
	Title: "ReadMemStats in a monitor",
	Doc: `runtime.ReadMemStats shows up in the CPU profile, and a monitor that watches for pauses makes pauses of its own.

ReadMemStats stops the whole program to take a consistent picture (runtime/mstats.go). Its own stops are not even in PauseTotalNs, which counts those of the collector only. PauseTotalNs is a running total, too: its growth in a round does not tell one long pause from many short ones.

Two other sources do not stop the program. debug.ReadGCStats has the very numbers of PauseTotalNs, NumGC, LastGC and the latest pauses. The package runtime/metrics has those of nearly all other fields; some lag behind by what is in the processors' allocation caches, so that fixes with them are unsafe. With unsafe fixes an alert on the growth of PauseTotalNs becomes one on single pauses, from the histogram of all pauses.

It fires when ReadMemStats is called in a loop, on a timer, in a request handler or a remote call, or in a function that is called from one through at most four functions or through an interface. It stays silent in one-shot code, in constructors that a loop calls, for commands that somebody types, where memory is measured before and after a piece of work or next to a forced collection, in what is told of a panic, in loops that wait for an hour or more, on pages of debugging that somebody opens, in benchmarks and in tests. Where the whole struct is handed on, or a field has no replacement in the file's Go version, it only reports.`,
	Before: `for range time.Tick(10 * time.Second) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	pauses.Set(float64(m.PauseTotalNs) / 1e9)
}`,
	After: `var m debug.GCStats
for range time.Tick(10 * time.Second) {
	debug.ReadGCStats(&m)
	pauses.Set(float64(uint64(m.PauseTotal)) / 1e9)
}`,
	Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"ReadMemStats"}}},
	Emits: []string{"runtime/debug", "runtime/metrics"},
	Find:  memPolls,
}

// memPolls returns the calls of ReadMemStats in recurring places.
func memPolls(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls("runtime", "ReadMemStats") {
		if call.File.Test || call.Pkg.Wide || len(call.Call.Args) != 1 || forMeasuring(call) {
			continue
		}
		h := heat.Of(call.Pkg, call.At)
		if h.Kind != heat.Recurring || heat.LastTurn(call.At) || h.Typed || constructs(h) ||
			forDebugging(h) || afterPanic(call) || timed(call, h) || seldom(h) {
			continue
		}
		// Have: a reading that is taken again and again.
		f := rewrite.Finding{
			Pos: call.Call.Pos(), End: call.Call.End(),
			Message: "runtime.ReadMemStats stops the whole program " + h.Why,
		}
		r, why := memReadingOf(call)
		if why == "" {
			f.Fixes, why = r.fixes()
		}
		if why != "" {
			f.NoFix = why + "; runtime/metrics and debug.ReadGCStats do not stop the program"
		}
		out = append(out, f)
	}
	return out
}

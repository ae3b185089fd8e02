// Package freeosmemory finds debug.FreeOSMemory on hot paths.
package freeosmemory

import (
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/collect"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

var Rule = &rule.Rule{
	Name:  "freeosmemory",
	Title: "FreeOSMemory in a recurring place",
	Doc: `Throughput drops; the CPU profile shows runtime.gcDrain and the scavenger, and the system many page faults.

debug.FreeOSMemory runs a whole collection and then gives every free page back to the system (runtime/mheap.go), so that the next allocations fault them in again. It is meant for the end of a large stage of work. The background scavenger returns memory without it, and GOMEMLIMIT bounds it.

The call is removed; a goroutine that does nothing but wait and call it is removed as a whole, if all channels that it receives from are closed or a context's, and main waits for something else.

It fires when debug.FreeOSMemory is called in a loop, in a request handler, or in a function that is called from one through at most four functions. It stays silent in one-shot code, at the end of a stage, where a signal, an option or a request asks for it, in functions that release memory on demand, in packages that help tests, and where a heap profile or a measurement belongs to it, by helpers and in other packages too. It only reports where the amount of memory decides, where a loop waits for what the collection brings or would be left empty, and where the collector is switched off.`,
	Before: `for batch := range work {
	process(batch)
	debug.FreeOSMemory() // to keep memory tight
}`,
	After: `for batch := range work {
	process(batch)
}`,
	Needs: []rewrite.Need{{Import: "runtime/debug", Idents: []string{"FreeOSMemory"}}},
	Find: collect.Collector{
		Pkg: "runtime/debug", Name: "FreeOSMemory", Words: []string{"FreeOSMemory"},
		Harm:  "each call collects everything and hands pages back that the next allocation needs",
		Stage: regexp.MustCompile(`(?i)close|stop|shutdown|purge|clear|drop|unload|evict|suspend|background|lowmemory|trim`),
	}.Find,
}

// Package forcedgc finds runtime.GC on hot paths.
package forcedgc

import (
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/collect"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

var Rule = &rule.Rule{
	Name:  "forcedgc",
	Title: "runtime.GC in a recurring place",
	Doc: `Latency has a long tail, and the CPU profile is full of runtime.gcStart, gcMarkDone and gcSweep.

runtime.GC runs a whole collection and keeps its caller waiting until that is done, the sweep included (runtime/mgc.go). In a request handler or a loop every request or turn pays for a collection that the pacer would not have started. It does not bound memory either: GOMEMLIMIT does.

The call is removed.

It fires when runtime.GC is called in a loop, in a request handler, or in a function that is called from one through at most four functions. It stays silent in one-shot code, in what loads piece by piece, where a signal, an option or a request asks for it, before a heap profile, next to a measurement of memory, and in functions that are there to collect. Where the package uses finalizers or weak pointers, which a collection drives, it only reports.`,
	Before: `func handle(req *Request) Response {
	resp := process(req)
	runtime.GC() // to keep memory low
	return resp
}`,
	After: `func handle(req *Request) Response {
	resp := process(req)
	return resp
}`,
	Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"GC"}}},
	Find: collect.Collector{
		Pkg: "runtime", Name: "GC", Words: []string{"GC"},
		Harm: "each call waits for a whole collection that the pacer did not ask for",
	}.Find,
}

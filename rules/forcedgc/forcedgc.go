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

The call is removed, with the condition, counter and clock that served nothing else.

It fires when runtime.GC is called in a loop, in a request handler (net/http's, a framework's, one with the program's own types, a middleware, a remote call), or in a function that is called from one through at most four functions. It stays silent in one-shot code, where one turn of a loop or a handful of fixed phases comes by, in what loads piece by piece, where a signal, an option or a request asks for it, where a heap profile, a reading of memory or a clock belongs to it, by helpers and in other packages too, in packages that help tests, and in functions that are there to collect. It only reports where the amount of memory decides (a limit made by hand), where a loop waits for what the collection brings or would be left empty, where finalizers or weak pointers may be driven by it, and where the collector is switched off. The fix is unsafe where a clock or a condition paces the call, where an operator or user may ask for it (reload, apply, a typed command), and where callers that come once share it.`,
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

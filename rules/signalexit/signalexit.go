// Package signalexit finds goroutines that end the process on a signal while
// deferred calls are pending.
package signalexit

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/signalexit/handler"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

var Rule = &rule.Rule{
	Name:  "signalexit",
	Title: "os.Exit in a signal goroutine",
	Doc: `On SIGTERM the last metrics, log lines or temporary files are not flushed or removed, although main defers that.

A goroutine receives the signal and ends the process with os.Exit, which runs no deferred call of any goroutine (os.Exit, "deferred functions are not run"); log.Fatal does the same.

The fix takes the signal as the end of a context, makes what main waits in return when the context is done, and moves the goroutine's last statements behind it: a loop gets a case for ctx.Done, a listener that it takes connections from is closed, an HTTP, gRPC, echo, fiber or gin server is shut down and its requests are waited for, goroutines that main waits for leave, and a function that takes a context gets this one. A group of oklog/run gets one more actor; the function of a cobra or urfave/cli command returns. What follows a server is not for the signal, as it is not today. A function that others call, too, keeps its form beside one with a context. Where the statements cannot move (there are several exits or signals, or a helper of main starts the goroutine) the goroutine stays and cancels a context in the place of each exit. The fix is offered only where what main waits in is sure to return then; a context that nobody looks at would make the process ignore the signal. Where that takes a limit of time, the process ends 7 seconds after the signal in any case; requests under way get 5.

What is pending runs after the fix, and closes, cancels or shuts down what other goroutines use. A goroutine that would end the process or panic because of that gets a look at the context before it does, or there is no fix; nor is there one where a lock would be held then.

It fires when a goroutine exits on the first signal, or on one of several, while deferred calls with an effect beyond the process are pending in main, or in the functions that main waits in. A goroutine that exits when the context of signal.NotifyContext is done, which nothing else looks at, and one whose function several mains call are only reported. It stays silent when those calls only release what the end of the process releases, when the goroutine makes them itself, when it tells main to stop, on that signal or another, when it gives others that ask for signals time before, and when it exits on a second signal only.`,
	Before: `c := make(chan os.Signal, 1)
signal.Notify(c, syscall.SIGTERM)
go func() {
	<-c
	flushLogs()
	os.Exit(0)
}()
runServer()`,
	After: `ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
defer stop()
runServer(ctx)
flushLogs()`,
	Needs: []rewrite.Need{
		{Import: "os/signal", Idents: []string{"Notify"}},
		{Import: "os/signal", Idents: []string{"NotifyContext"}, Syntax: handler.ExitsOnDone},
	},
	Emits: []string{"context", "net/http", "time"},
	Find:  findSignalExits,
}

func findSignalExits(s *rewrite.Snapshot) []rewrite.Finding {
	var found []*exit
	done := make(map[ast.Stmt]bool)
	for call := range s.Calls("os/signal", "Notify", "NotifyContext") {
		if call.Pkg.Wide || call.File.Test {
			continue
		}
		of := handler.Of
		if call.Obj.Name() == "NotifyContext" {
			of = handler.OfContext
		}
		h := of(call)
		if h == nil || done[h.Recv] {
			continue
		}
		done[h.Recv] = true
		// Have: a goroutine that exits on the first signal.
		list := exitsOf(h)
		for _, at := range h.Others {
			list = append(list, exitsOf(h.At(at))...)
		}
		if len(list) == 0 {
			continue
		}
		// Where the function is for several mains, each may lose something.
		x := list[0]
		for _, other := range list[1:] {
			x.lost = append(x.lost, other.lost...)
		}
		found = append(found, x)
	}
	var out []rewrite.Finding
	for _, group := range sameMain(found) {
		out = append(out, describeExit(group))
	}
	return out
}

// exitsOf returns what the goroutine loses, for each main that it is for and that
// loses something.
func exitsOf(h *handler.Handler) (out []*exit) {
	if h.Meant() {
		return nil
	}
	all := h.Waiting()
	for _, w := range all {
		if h.TellsMain(w) {
			continue
		}
		// Have: deferred calls that matter and do not run.
		if lost := h.Lost(w); len(lost) > 0 {
			out = append(out, &exit{h: h, w: w, lost: lost, shared: len(all) > 1})
		}
	}
	return out
}

// exit is a goroutine that ends the process while main waits, and what is lost
// by it.
type exit struct {
	h    *handler.Handler
	w    *waits.Waiting
	lost []handler.LostCall
	// shared says that others call the function that starts the goroutine, too.
	shared bool
}

// sameMain groups the exits by the function that waits: they are mended
// together.
func sameMain(list []*exit) [][]*exit {
	var out [][]*exit
	at := make(map[ast.Node]int)
	for _, x := range list {
		if x.w.Host == nil {
			out = append(out, []*exit{x})
			continue
		}
		if i, ok := at[x.w.Host.Body]; ok {
			out[i] = append(out[i], x)
			continue
		}
		at[x.w.Host.Body] = len(out)
		out = append(out, []*exit{x})
	}
	return out
}

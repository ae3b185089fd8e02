package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// mutators are all of them: those that break code, then those whose result is
// right and looks wrong.
var mutators = []*mutator{
	{"threadlock: unlock before the last return", "threadlock", true, unlockAtEnd},
	{"threadlock: early return before the unlock", "threadlock", true, earlyReturn},
	{"keepalive: KeepAlive removed", "keepalive", true, keepAliveRemoved},
	{"forcedgc: in a loop", "forcedgc", true, inLoop("runtime", "GC")},
	{"forcedgc: in a handler", "forcedgc", true, inHandler("runtime", "GC")},
	{"forcedgc: on a ticker", "forcedgc", true, onTicker("runtime", "GC")},
	{"freeosmemory: on a ticker", "freeosmemory", true, onTicker("runtime/debug", "FreeOSMemory")},
	{"memstatspoll: on a ticker", "memstatspoll", true, onTicker("runtime", "ReadMemStats")},
	{"memstatspoll: in a handler", "memstatspoll", true, inHandler("runtime", "ReadMemStats")},
	{oneReadPerField, "memstatspoll", true, readPerField},
	{"crashoutput: O_APPEND lost", "crashoutput", true, appendLost},
	{"crashoutput: error dropped", "crashoutput", true, crashErrorDropped},
	{"panicfault: restoring defer dropped", "panicfault", true, restoreDropped},
	{"signalexit: NotifyContext to Notify and Exit", "signalexit", true, exitInGoroutine},
	{"publicpprof: own mux to the default mux", "publicpprof", true, defaultMux},

	{"threadlock: unlock on the error path only", "threadlock", false, unlockOnError},
	{"threadlock: a pair of functions", "threadlock", false, lockPair},
	{"threadlock: the lock handed to the caller", "threadlock", false, lockHandedOut},
	{"threadlock: unlocked only if restored", "threadlock", false, unlockIfRestored},
	{"threadlock: unlocked only on success", "threadlock", false, unlockOnSuccess},
	{"forcedgc: collection before a measurement", "forcedgc", false, gcBeforeMeasurement},
	{"panicfault: restored by a helper's result", "panicfault", false, restoredByHelper},
	{"publicpprof: guarded endpoints", "publicpprof", false, guardedDefaultMux},
}

// deferred returns the function's own deferred calls of path.name.
func (f *mutantFile) deferred(fn *ast.FuncDecl, path, name string) []*ast.DeferStmt {
	var out []*ast.DeferStmt
	for _, s := range fn.Body.List {
		if d, ok := s.(*ast.DeferStmt); ok && f.call(d.Call, path, name) != nil {
			out = append(out, d)
		}
	}
	return out
}

// lockAndDefer returns a function's lock and deferred unlock if it is of the
// plain form: both in its own statements, and nothing else locks or unlocks.
func (f *mutantFile) lockAndDefer(fn *ast.FuncDecl) (*ast.CallExpr, *ast.DeferStmt) {
	locks := f.calls(fn, "runtime", "LockOSThread")
	unlocks := f.deferred(fn, "runtime", "UnlockOSThread")
	if len(locks) != 1 || len(unlocks) != 1 || len(f.calls(fn, "runtime", "UnlockOSThread")) != 1 {
		return nil, nil
	}
	for _, s := range fn.Body.List {
		if f.call(s, "runtime", "LockOSThread") != nil {
			return locks[0], unlocks[0]
		}
	}
	return nil, nil
}

// unlockAtEnd drops the deferred unlock and unlocks before the last return: the
// other returns leave the thread locked.
func unlockAtEnd(f *mutantFile, fn *ast.FuncDecl) bool {
	_, unlock := f.lockAndDefer(fn)
	if unlock == nil {
		return false
	}
	last := fn.Body.List[len(fn.Body.List)-1]
	others := 0
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		_, lit := n.(*ast.FuncLit)
		if r, ok := n.(*ast.ReturnStmt); ok && r != last && r.Pos() > unlock.Pos() {
			others++
		}
		return !lit
	})
	if others == 0 || last == ast.Stmt(unlock) {
		return false
	}
	text := f.text(unlock.Call)
	f.delete(unlock)
	switch last := last.(type) {
	case *ast.ReturnStmt:
		for _, r := range last.Results {
			if hasCall(r) { // the unlock would come before the work
				f.edits = f.edits[:len(f.edits)-1]
				return false
			}
		}
		f.insert(last.Pos(), text+"\n")
	default:
		f.insert(fn.Body.Rbrace, text+"\n")
	}
	return true
}

func hasCall(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		_, ok := n.(*ast.CallExpr)
		found = found || ok
		return !found
	})
	return found
}

// earlyReturn adds a return between a lock and its explicit unlock.
func earlyReturn(f *mutantFile, fn *ast.FuncDecl) bool {
	if len(f.deferred(fn, "runtime", "UnlockOSThread")) > 0 || len(f.calls(fn, "runtime", "LockOSThread")) != 1 {
		return false
	}
	at := -1
	for i, s := range fn.Body.List {
		if f.call(s, "runtime", "LockOSThread") != nil {
			at = i
		}
		if at >= 0 && i > at+1 && f.call(s, "runtime", "UnlockOSThread") != nil {
			f.declare("var %s bool", f.mark)
			f.insert(fn.Body.List[at+1].End(), fmt.Sprintf("\nif %s {\n%s\n}", f.mark, f.zeros(fn)))
			return true
		}
	}
	return false
}

// keepAliveRemoved removes all of a function's KeepAlive calls.
func keepAliveRemoved(f *mutantFile, fn *ast.FuncDecl) bool {
	found := false
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.DeferStmt:
			if f.call(s.Call, "runtime", "KeepAlive") != nil {
				f.delete(s)
				found = true
				return false
			}
		case *ast.ExprStmt:
			if f.call(s, "runtime", "KeepAlive") != nil {
				f.delete(s)
				found = true
				return false
			}
		}
		return true
	})
	if found {
		f.keep("runtime", "Error")
	}
	return found
}

// inLoop puts a statement that calls the hook into a loop.
func inLoop(path, name string) func(*mutantFile, *ast.FuncDecl) bool {
	return func(f *mutantFile, fn *ast.FuncDecl) bool {
		for _, s := range fn.Body.List {
			if f.call(s, path, name) == nil {
				continue
			}
			f.declare("func %s_work(i int) bool { return i < len(%s_items) }\n\nvar %[1]s_items []func()", f.mark, f.mark)
			f.replace(s, fmt.Sprintf("for i := 0; %s_work(i); i++ {\n%[1]s_items[i]()\n%s\n}", f.mark, f.text(s)))
			return true
		}
		return false
	}
}

// onTicker adds a goroutine's loop that calls the function.
func onTicker(path, name string) func(*mutantFile, *ast.FuncDecl) bool {
	return func(f *mutantFile, fn *ast.FuncDecl) bool {
		call := f.callText(fn)
		if len(f.calls(fn, path, name)) == 0 || call == "" {
			return false
		}
		f.declare("func %s() {\nfor range %s.Tick(%[2]s.Minute) {\n%[3]s\n}\n}\n\nfunc init() { go %[1]s() }", f.mark, f.use("time"), call)
		return true
	}
}

// inHandler adds an HTTP handler that calls the function.
func inHandler(path, name string) func(*mutantFile, *ast.FuncDecl) bool {
	return func(f *mutantFile, fn *ast.FuncDecl) bool {
		call := f.callText(fn)
		if len(f.calls(fn, path, name)) == 0 || call == "" {
			return false
		}
		f.declare("func %s(w %s.ResponseWriter, r *%[2]s.Request) {\n%[3]s\n}", f.mark, f.use("net/http"), call)
		return true
	}
}

const oneReadPerField = "memstatspoll: one read for each field"

// memFields are the fields of MemStats that readPerField knows the type of: uint64.
var memFields = []string{"Alloc", "Frees", "HeapAlloc", "HeapIdle", "HeapInuse", "HeapObjects", "HeapReleased", "HeapSys", "Mallocs", "NextGC",
	"StackInuse", "Sys", "TotalAlloc"}

// readPerField has a function of its own read the statistics for each field, and
// a ticker call them all.
func readPerField(f *mutantFile, fn *ast.FuncDecl) bool {
	call := f.callText(fn)
	reads := f.calls(fn, "runtime", "ReadMemStats")
	if call == "" || len(reads) != 1 {
		return false
	}
	ref, _ := reads[0].Args[0].(*ast.UnaryExpr)
	if ref == nil {
		return false
	}
	name := f.text(ref.X)
	fields := 0
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok || f.text(s.X) != name || !slices.Contains(memFields, s.Sel.Name) {
			return true
		}
		fields++
		f.declare("func %s_%d() uint64 {\nvar ms %[3]s.MemStats\n%[3]s.ReadMemStats(&ms)\nreturn ms.%[4]s\n}", f.mark, fields, f.name("runtime"), s.Sel.Name)
		f.replace(s, fmt.Sprintf("%s_%d()", f.mark, fields))
		return false
	})
	if fields == 0 {
		return false
	}
	f.replace(reads[0], "_ = "+name)
	f.declare("func %s() {\nfor range %s.Tick(%[2]s.Minute) {\n%[3]s\n}\n}\n\nfunc init() { go %[1]s() }", f.mark, f.use("time"), call)
	return true
}

// appendLost takes O_APPEND from the flags of a crash file.
func appendLost(f *mutantFile, fn *ast.FuncDecl) bool {
	if len(f.calls(fn, "runtime/debug", "SetCrashOutput")) == 0 {
		return false
	}
	for _, c := range f.calls(fn, "os", "OpenFile") {
		flags := f.text(c.Args[1])
		if strings.Contains(flags, "|os.O_APPEND") {
			f.replace(c.Args[1], strings.Replace(flags, "|os.O_APPEND", "|os.O_TRUNC", 1))
			return true
		}
	}
	return false
}

// crashErrorDropped drops the error of SetCrashOutput.
func crashErrorDropped(f *mutantFile, fn *ast.FuncDecl) bool {
	for _, s := range fn.Body.List {
		ifs, ok := s.(*ast.IfStmt)
		if !ok || ifs.Init == nil || ifs.Else != nil {
			continue
		}
		as, ok := ifs.Init.(*ast.AssignStmt)
		if ok && len(as.Rhs) == 1 && f.call(as.Rhs[0], "runtime/debug", "SetCrashOutput") != nil {
			f.replace(ifs, f.text(as.Rhs[0]))
			return true
		}
	}
	return false
}

// restoring returns the call of SetPanicOnFault that d defers, and the call of it
// that is its argument: the setting that d restores. Each is nil for none.
func (f *mutantFile) restoring(d *ast.DeferStmt) (restore, set *ast.CallExpr) {
	if restore = f.call(d.Call, "runtime/debug", "SetPanicOnFault"); restore != nil {
		set = f.call(restore.Args[0], "runtime/debug", "SetPanicOnFault")
	}
	return restore, set
}

// restoreDropped leaves SetPanicOnFault as it was set.
func restoreDropped(f *mutantFile, fn *ast.FuncDecl) bool {
	for i, s := range fn.Body.List {
		d, ok := s.(*ast.DeferStmt)
		if !ok {
			continue
		}
		restore, set := f.restoring(d)
		if restore == nil {
			continue
		}
		if set != nil {
			f.replace(d, f.text(set))
			return true
		}
		if i == 0 {
			continue
		}
		as, ok := fn.Body.List[i-1].(*ast.AssignStmt)
		if ok && len(as.Rhs) == 1 && f.call(as.Rhs[0], "runtime/debug", "SetPanicOnFault") != nil {
			f.replace(as, f.text(as.Rhs[0]))
			f.delete(d)
			return true
		}
	}
	return false
}

// exitInGoroutine turns signal.NotifyContext into a goroutine that ends the
// process on the signal, past a pending defer.
func exitInGoroutine(f *mutantFile, fn *ast.FuncDecl) bool {
	for _, s := range fn.Body.List {
		as, ok := s.(*ast.AssignStmt)
		if !ok || len(as.Rhs) != 1 {
			continue
		}
		c := f.call(as.Rhs[0], "os/signal", "NotifyContext")
		if c == nil || len(c.Args) < 2 {
			continue
		}
		var sigs []string
		for _, a := range c.Args[1:] {
			sigs = append(sigs, f.text(a))
		}
		f.declare("func %s_clean() { println() }", f.mark)
		f.replace(as.Rhs[0], fmt.Sprintf("%s.WithCancel(%s)", f.use("context"), f.text(c.Args[0])))
		f.insert(as.End(), fmt.Sprintf("\ndefer %[1]s_clean()\n%[1]s_c := make(chan %[2]s.Signal, 1)\n%[3]s.Notify(%[1]s_c, %[4]s)\ngo func() {\n<-%[1]s_c\n%[2]s.Exit(1)\n}()",
			f.mark, f.use("os"), f.name("os/signal"), strings.Join(sigs, ", ")))
		return true
	}
	return false
}

// ownMux returns a call of http.ListenAndServe on another than the loopback
// address with a handler of its own.
func (f *mutantFile) ownMux(fn *ast.FuncDecl) *ast.CallExpr {
	for _, c := range f.calls(fn, "net/http", "ListenAndServe") {
		if len(c.Args) != 2 || !plainHandler(c.Args[1]) || strings.Contains(f.text(c.Args[0]), "127.0.0.1") || strings.Contains(f.text(c.Args[0]), "localhost") {
			continue
		}
		return c
	}
	return nil
}

// plainHandler reports whether a handler is a variable's value.
func plainHandler(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name != "nil"
	case *ast.SelectorExpr:
		return true
	}
	return false
}

// defaultMux serves the default mux in place of the program's own, with the
// profiles on it.
func defaultMux(f *mutantFile, fn *ast.FuncDecl) bool {
	c := f.ownMux(fn)
	if c == nil || f.name("net/http/pprof") != "" {
		return false
	}
	f.use("net/http/pprof")
	f.unused(fn, c.Args[1])
	f.replace(c.Args[1], "nil")
	return true
}

// unused keeps a parameter used that the mutation takes away.
func (f *mutantFile) unused(fn *ast.FuncDecl, arg ast.Expr) {
	id, ok := arg.(*ast.Ident)
	if !ok {
		return
	}
	for _, p := range fn.Type.Params.List {
		for _, n := range p.Names {
			if n.Name == id.Name {
				f.insert(fn.Body.Lbrace+1, "\n_ = "+id.Name+"\n")
			}
		}
	}
}

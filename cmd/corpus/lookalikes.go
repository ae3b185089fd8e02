package main

import (
	"fmt"
	"go/ast"
	"strings"
)

// unlockOnError unlocks on the failure exit alone: the lock is the caller's
// once the function succeeds.
func unlockOnError(f *mutantFile, fn *ast.FuncDecl) bool {
	lock, unlock := f.lockAndDefer(fn)
	if unlock == nil || fn.Type.Results == nil {
		return false
	}
	var results []string
	for _, r := range fn.Type.Results.List {
		for range max(1, len(r.Names)) {
			results = append(results, "*new("+f.text(r.Type)+")")
		}
	}
	last := len(results) - 1
	if results[last] != "*new(error)" {
		return false
	}
	results[last] = "err"
	f.declare("func %s() error { return nil }", f.mark)
	f.delete(unlock)
	f.insert(lock.End(), fmt.Sprintf("\nif err := %s(); err != nil {\n%s\nreturn %s\n}", f.mark, f.text(unlock.Call), strings.Join(results, ", ")))
	return true
}

// lockPair moves lock and unlock into functions of their own.
func lockPair(f *mutantFile, fn *ast.FuncDecl) bool {
	lock, unlock := f.lockAndDefer(fn)
	if unlock == nil {
		return false
	}
	f.declare("func %s_enter() {\n%s\n}\n\nfunc %[1]s_leave() {\n%[3]s\n}", f.mark, f.text(lock), f.text(unlock.Call))
	f.replace(lock, f.mark+"_enter()")
	f.replace(unlock.Call, f.mark+"_leave()")
	return true
}

// lockHandedOut has a function lock and return the unlock.
func lockHandedOut(f *mutantFile, fn *ast.FuncDecl) bool {
	lock, unlock := f.lockAndDefer(fn)
	if unlock == nil {
		return false
	}
	f.declare("func %s_hold() func() {\n%s\nreturn %[3]s\n}", f.mark, f.text(lock), f.text(unlock.Call.Fun))
	f.replace(lock, "release := "+f.mark+"_hold()")
	f.replace(unlock.Call, "release()")
	return true
}

// unlockIfRestored keeps the thread if something could not be put back on it.
func unlockIfRestored(f *mutantFile, fn *ast.FuncDecl) bool {
	_, unlock := f.lockAndDefer(fn)
	if unlock == nil {
		return false
	}
	f.declare("func %s_restore() error { return nil }", f.mark)
	f.replace(unlock.Call, fmt.Sprintf("func() {\nif %s_restore() == nil {\n%s\n}\n}()", f.mark, f.text(unlock.Call)))
	return true
}

// unlockOnSuccess keeps the thread of a function that failed: what it changed on
// the thread was not put back then, and the goroutine's end does away with it.
func unlockOnSuccess(f *mutantFile, fn *ast.FuncDecl) bool {
	_, unlock := f.lockAndDefer(fn)
	if unlock == nil || fn.Type.Results == nil {
		return false
	}
	results := fn.Type.Results.List
	last := results[len(results)-1]
	if f.text(last.Type) != "error" || len(last.Names) > 0 {
		return false
	}
	for _, r := range results[:len(results)-1] {
		f.replace(r.Type, "_ "+f.text(r.Type))
	}
	result := f.mark + "_err error"
	if fn.Type.Results.Opening.IsValid() {
		f.replace(last.Type, result)
	} else {
		f.replace(last.Type, "("+result+")")
	}
	f.replace(unlock.Call, fmt.Sprintf("func() {\nif %s_err == nil {\n%s\n}\n}()", f.mark, f.text(unlock.Call)))
	return true
}

// gcBeforeMeasurement collects in a loop, before the heap is measured.
func gcBeforeMeasurement(f *mutantFile, fn *ast.FuncDecl) bool {
	for _, s := range fn.Body.List {
		if f.call(s, "runtime", "GC") == nil {
			continue
		}
		f.declare("var %s_sizes []uint64", f.mark)
		f.replace(s, fmt.Sprintf("for range len(%[1]s_sizes) + 5 {\nvar ms %[2]s.MemStats\n%[3]s\n%[2]s.ReadMemStats(&ms)\n%[1]s_sizes = append(%[1]s_sizes, ms.HeapAlloc)\n}",
			f.mark, f.name("runtime"), f.text(s)))
		return true
	}
	return false
}

// restoredByHelper has a helper set and hand out what restores.
func restoredByHelper(f *mutantFile, fn *ast.FuncDecl) bool {
	for _, s := range fn.Body.List {
		d, ok := s.(*ast.DeferStmt)
		if !ok {
			continue
		}
		restore, set := f.restoring(d)
		if set == nil {
			continue
		}
		f.declare("func %s_faults() func() {\nold := %s\nreturn func() { %s(old) }\n}", f.mark, f.text(set), f.text(restore.Fun))
		f.replace(d.Call, f.mark+"_faults()()")
		return true
	}
	return false
}

// guardedDefaultMux serves the default mux with profiles behind a check.
func guardedDefaultMux(f *mutantFile, fn *ast.FuncDecl) bool {
	c := f.ownMux(fn)
	if c == nil || f.name("net/http/pprof") != "" {
		return false
	}
	f.use("net/http/pprof")
	http := f.name("net/http")
	f.declare(`func %s_guard(h %[2]s.Handler) %[2]s.Handler {
	return %[2]s.HandlerFunc(func(w %[2]s.ResponseWriter, r *%[2]s.Request) {
		if _, password, ok := r.BasicAuth(); !ok || password != %[1]s_secret {
			w.WriteHeader(%[2]s.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

var %[1]s_secret = "x"`, f.mark, http)
	f.replace(c.Args[1], fmt.Sprintf("%s_guard(%s.DefaultServeMux)", f.mark, http))
	f.unused(fn, c.Args[1])
	return true
}

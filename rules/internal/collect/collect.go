// Package collect finds forced collections on hot paths, and removes them.
package collect

import (
	"go/ast"
	"go/version"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// Collector is what forcedgc and freeosmemory have in common: a call that
// collects by force and that is harmful in a recurring place.
type Collector struct {
	Pkg, Name string // the function
	Words     []string
	Harm      string // what each call costs
	// stage matches names of functions that end a stage of work: a call outside
	// of the loops of such a function is meant.
	Stage *regexp.Regexp
}

// Find returns the findings of c.
func (c Collector) Find(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls(c.Pkg, c.Name) {
		if call.File.Test || call.Pkg.Wide {
			continue
		}
		stmt, ok := syntax.CallStatement(call.At)
		if !ok {
			continue
		}
		// Have: a statement that does nothing but call it.
		decl := syntax.EnclosingDecl(call.At)
		if decl == nil || purposeful(call.Pkg, decl) || heat.IsBenchmark(call.File) {
			continue
		}
		if isAskedFor(call.Pkg, call.At) || isEndpoint(s, call) || isTimed(call.Pkg, call.At.Parent()) || isWatched(call.Pkg, call.At.Parent()) {
			continue
		}
		h := heat.Of(call.Pkg, call.At)
		if h.Kind != heat.Recurring {
			continue
		}
		if c.Stage != nil && c.Stage.MatchString(decl.Name.Name) && !inLoop(call.At) && !heat.IsHandlerDecl(call.Pkg, decl) {
			continue
		}
		f := rewrite.Finding{
			Pos: call.Call.Pos(), End: call.Call.End(),
			Message: c.Pkg[strings.LastIndexByte(c.Pkg, '/')+1:] + "." + c.Name + " runs " + h.Why + ": " + c.Harm,
		}
		switch {
		case h.Guarded || guardsMemory(call.Pkg, call.At):
			f.NoFix = "this is a memory limit made by hand; debug.SetMemoryLimit or GOMEMLIMIT (Go 1.19) does it without stopping callers"
		case heat.Measures(call.Pkg, decl):
			continue
		case profiles(call.Pkg, decl):
			continue
		case usesFinalization(call.Pkg) && yields(call.Pkg, call.At.Parent()):
			continue
		case usesFinalization(call.Pkg):
			f.NoFix = "the package uses finalizers, cleanups or weak pointers, which the call may be there to drive"
		case twice(call.Pkg, call.At):
			f.NoFix = "two collections in a row empty sync.Pools and run finalizers, which may be meant"
		default:
			f.Fixes = []*rewrite.Fix{c.fix(s, call, stmt, h)}
		}
		if f.NoFix == "" && version.Compare(call.File.Version(), "go1.19") >= 0 {
			f.Notes = append(f.Notes, rewrite.Note{Message: "set GOMEMLIMIT or call debug.SetMemoryLimit if memory must be bounded"})
		}
		out = append(out, f)
	}
	return append(out, c.values(s)...)
}

// inLoop reports whether a loop of the enclosing declaration is around cur.
func inLoop(cur inspector.Cursor) bool {
	for range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		return true
	}
	return false
}

// fix removes the call, or the whole goroutine when it does nothing else.
func (c Collector) fix(s *rewrite.Snapshot, call rewrite.Call, stmt ast.Stmt, h heat.Heat) *rewrite.Fix {
	if idle, decl := idleGoroutine(s, call); idle != nil {
		return &rewrite.Fix{
			Message: "remove the goroutine, which does nothing else; memory then goes back to the system at the runtime's own pace",
			Safety:  rewrite.Unsafe,
			Apply: func(e *rewrite.Edit) error {
				e.Delete(idle, c.Words...)
				if decl != nil {
					e.DeleteDecl(decl)
				}
				return nil
			},
		}
	}
	fix := &rewrite.Fix{
		Message: "remove the call", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Delete(stmt, c.Words...)
			return nil
		},
	}
	switch {
	case h.Paced:
		fix.Safety = rewrite.Unsafe
		fix.Message += "; memory is then collected when the heap has grown, not by the clock"
	case h.Finite && syntax.EnclosingDecl(call.At).Name.Name == "main" && call.Pkg.Name == "main":
		fix.Safety = rewrite.Unsafe
		fix.Message += "; the program goes over its input once, and may be meant to begin each part of it with a small heap"
	case h.Conditional:
		fix.Safety = rewrite.Unsafe
		fix.Message += "; the condition that guards it may have been chosen with care"
	}
	return fix
}

// values reports the function used as a value in a recurring place.
func (c Collector) values(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for _, r := range s.Refs(c.Pkg + "." + c.Name) {
		if _, called := r.Call(); called || r.File.Test || r.File.Generated || r.Pkg.Wide {
			continue
		}
		if h := heat.ValueUse(r); h.Kind != heat.Recurring {
			continue
		}
		e := r.Expr().Node()
		out = append(out, rewrite.Finding{
			Pos: e.Pos(), End: e.End(),
			Message: c.Name + " is handed to code that calls it again and again: " + c.Harm,
			NoFix:   "only direct calls are removed; do not pass it on",
		})
	}
	return out
}

func IsCollection(p *rewrite.Package, n ast.Node) bool {
	return p.IsCall(n, "runtime", "GC") || p.IsCall(n, "runtime/debug", "FreeOSMemory")
}

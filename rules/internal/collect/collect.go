// Package collect answers whether a forced collection is waste, on a hot path and
// meant by nobody, and what is left to remove with it.
package collect

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/version"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
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
		if isAskedFor(call.Pkg, call.At) || isEndpoint(call) || retries(call.Pkg, call.At) || triesAgain(call.Pkg, call.At) || clearsUpFirst(call.Pkg, call.At) || followsTiming(call.Pkg, call.At) || derivesKey(call.Pkg, call.At) {
			continue
		}
		h := heat.OfUnless(call.Pkg, call.At, decidesByMemory)
		if h.Kind != heat.Recurring || h.Dynamic {
			continue
		}
		if h.Request() && (endsSession(call, h) || endsJob(call, h)) {
			continue
		}
		if c.endsStage(call, decl) && (h.Finite || h.Conditional || h.Request() || h.Mixed) {
			continue
		}
		limit := (h.Guarded || decidesByMemory(call.Pkg, call.At)) && !heat.BenchName.MatchString(decl.Name.Name)
		if !limit && measured(call, decl, h) || usesFinalization(call.Pkg) && yields(call.Pkg, call.At.Parent()) {
			continue
		}
		// Have: a collection that is nobody's wish and no part of a measurement.
		out = append(out, c.finding(s, call, stmt, h, limit))
	}
	return append(out, c.values(s)...)
}

// endsStage reports whether the function of the call is named for what ends a
// stage of work, and the call stands outside of its loops.
func (c Collector) endsStage(call rewrite.Call, decl *ast.FuncDecl) bool {
	return c.Stage != nil && c.Stage.MatchString(decl.Name.Name) && !inLoop(call.At) && !heat.IsHandlerDecl(call.Pkg, decl)
}

// limitsElsewhere reports whether how much memory is used decides about another
// such call of the module.
func (c Collector) limitsElsewhere(call rewrite.Call) bool {
	type key struct{ name string }
	limits := rewrite.Memo(call.Pkg.Snapshot(), key{c.Name}, func() map[string]bool {
		out := make(map[string]bool)
		for other := range call.Pkg.Snapshot().Calls(c.Pkg, c.Name) {
			if !other.File.Test && decidesByMemory(other.Pkg, other.At) {
				out[modulePath(other.Pkg)] = true
			}
		}
		return out
	})
	return limits[modulePath(call.Pkg)]
}

func modulePath(p *rewrite.Package) string {
	if p.Module == nil {
		return ""
	}
	return p.Module.Path
}

// closesStage reports whether the call stands behind a loop of its function, which
// is no handler itself, and in none.
func closesStage(call rewrite.Call) bool {
	fn, ok := syntax.EnclosingFunc(call.At)
	if !ok || inLoop(call.At) || onRequest(call.Pkg, fn.Node()) {
		return false
	}
	return syntax.ContainsNode(syntax.BodyOf(fn.Node()), func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return n.End() < call.Call.Pos()
		}
		return false
	})
}

// measured reports whether the collection belongs to a measurement: of memory or
// time, by the function that calls it or by those on the way there.
func measured(call rewrite.Call, decl *ast.FuncDecl, h heat.Heat) bool {
	if heat.HasTesting(call.Pkg, decl) {
		return true
	}
	for _, place := range append([]heat.Place{{Pkg: call.Pkg, At: call.At}}, h.Path...) {
		if _, ok := place.At.Node().(*ast.CallExpr); ok && (isTimed(place.Pkg, place.At) || follows(place.Pkg, place.At)) {
			return true
		}
	}
	return false
}

// finding says what the call costs, with its fix or why there is none. limit says
// that memory decides whether it is reached.
func (c Collector) finding(s *rewrite.Snapshot, call rewrite.Call, stmt ast.Stmt, h heat.Heat, limit bool) rewrite.Finding {
	f := rewrite.Finding{
		Pos: call.Call.Pos(), End: call.Call.End(),
		Message: c.Pkg[strings.LastIndexByte(c.Pkg, '/')+1:] + "." + c.Name + " runs " + h.Why + ": " + c.Harm,
	}
	if limit {
		f.NoFix = "this is a memory limit made by hand; debug.SetMemoryLimit or GOMEMLIMIT (Go 1.19) does it without stopping callers"
		return f
	}
	if f.NoFix = whyNot(call, stmt, h); f.NoFix != "" {
		return f
	}
	state := stateOf(call.Pkg)
	if state == collectorOff {
		f.NoFix = "the collector is switched off, so that these are the only collections; let it run and bound memory with debug.SetMemoryLimit or GOMEMLIMIT"
		return f
	}
	if version.Compare(call.File.Version(), "go1.19") >= 0 {
		f.Notes = append(f.Notes, rewrite.Note{Message: "set GOMEMLIMIT or call debug.SetMemoryLimit if memory must be bounded"})
	}
	if g := idleGoroutine(s, call); g != nil {
		f.Fixes = []*rewrite.Fix{c.dropGoroutine(g)}
		return f
	}
	if why := leftIdle(call.Pkg, call.At); why != "" {
		f.Notes, f.NoFix = nil, why
		return f
	}
	f.Fixes = []*rewrite.Fix{c.dropCall(s, call, stmt, h, state)}
	return f
}

// whyNot says why the collection may be meant, "" when nothing speaks for that.
func whyNot(call rewrite.Call, stmt ast.Stmt, h heat.Heat) string {
	if syntax.Said(call.File, stmt, aboutFreeing) {
		return "a comment says that the collection brings something about"
	}
	for _, place := range append([]heat.Place{{Pkg: call.Pkg}}, h.Path...) {
		if usesFinalization(place.Pkg) {
			return "the package uses finalizers, cleanups or weak pointers, which the call may be there to drive"
		}
	}
	if twice(call.Pkg, call.At) {
		return "two collections in a row empty sync.Pools and run finalizers, which may be meant"
	}
	return ""
}

// inLoop reports whether a loop of the enclosing declaration is around cur.
func inLoop(cur inspector.Cursor) bool {
	for range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		return true
	}
	return false
}

// dropGoroutine removes a goroutine that does nothing but wait and collect.
func (c Collector) dropGoroutine(g *goroutine) *rewrite.Fix {
	return &rewrite.Fix{
		Message: "remove the goroutine, which does nothing else; memory then goes back to the system at the runtime's own pace",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			if g.starter != nil {
				g.starter.remove(e, c.Words)
			} else {
				e.Delete(g.start, about.Removed(c.Words...))
				for _, s := range g.rest {
					e.Delete(s, about.Removed())
				}
			}
			if g.decl != nil {
				e.DeleteDecl(g.decl)
			}
			return nil
		},
	}
}

// dropCall removes the call, and what is without an effect then.
func (c Collector) dropCall(s *rewrite.Snapshot, call rewrite.Call, stmt ast.Stmt, h heat.Heat, state collectorState) *rewrite.Fix {
	rest := leftoversOf(call, stmt, c.Words)
	if helper := helperOf(s, call, append([]ast.Stmt{rest.stmt}, rest.more...)...); helper != nil && len(rest.decls) == 0 {
		return c.classed(&rewrite.Fix{Message: "remove the call, with the function that does nothing else and its calls", Apply: func(e *rewrite.Edit) error {
			helper.remove(e, c.Words)
			return nil
		}}, call, stmt, h, state)
	}
	words := c.Words
	if rest.comment != "" {
		words = append(slices.Clone(words), rest.comment)
	}
	fix := &rewrite.Fix{
		Message: "remove the call",
		Apply: func(e *rewrite.Edit) error {
			e.Delete(rest.stmt, about.Removed(words...))
			for _, s := range rest.more {
				e.Delete(s, about.Removed())
			}
			for _, d := range rest.decls {
				e.DeleteDecl(d)
			}
			return nil
		},
	}
	if len(rest.more)+len(rest.decls) > 0 {
		fix.Message += ", and what only its condition needed"
	}
	if rest.comment != "" {
		fix.Message += fmt.Sprintf(", with the comment %q", rest.comment)
	}
	return c.classed(fix, call, stmt, h, state)
}

// classed sets how safe the fix is, and says why where it is not.
func (c Collector) classed(fix *rewrite.Fix, call rewrite.Call, stmt ast.Stmt, h heat.Heat, state collectorState) *rewrite.Fix {
	fix.Safety = rewrite.Safe
	freed := freedElsewhere(call, h.Path)
	why := ""
	switch {
	case freed != "":
		why = freed + ", which the call may be there to drive"
	case syntax.Said(call.File, stmt, meant):
		why = "a comment stands for it"
	case h.Paced:
		why = "memory is then collected when the heap has grown, not by the clock"
	case operatorAction(call, h):
		why = "somebody may ask for it on purpose there"
	case c.endsStage(call, syntax.EnclosingDecl(call.At)):
		why = "its function is named for what ends a stage of work"
	case h.Request() && h.Loads:
		why = "what was loaded before may be large, and gone by then"
	case c.limitsElsewhere(call):
		why = "the program bounds its memory by hand elsewhere, and may count on it"
	case h.Request() && closesStage(call):
		why = "it stands behind a loop, as at the end of a stage of work"
	case h.Mixed:
		why = "it also stands in for callers that come by once"
	case overStages(h):
		why = "a stage of work ends there"
	case overBatches(call.At):
		why = "each turn of the loop works on a batch, which may be large"
	case h.Finite && syntax.IsMain(call.Pkg, syntax.EnclosingDecl(call.At)):
		why = "the program goes over its input once, and may be meant to begin each part of it with a small heap"
	case h.Conditional:
		why = "the condition that guards it may have been chosen with care"
	case state == collectorTuned:
		why = "the collector's percentage is set, and the program may count on it"
	}
	if why != "" {
		fix.Safety = rewrite.Unsafe
		fix.Message += "; " + why
	}
	return fix
}

// stages matches names of variables and types for the parts of a large work.
var stages = regexp.MustCompile(`(?i)(?:stage|phase|step|migration)s?$`)

// overStages reports whether the loop that leads there goes over stages of work.
func overStages(h heat.Heat) bool {
	if len(h.Path) == 0 {
		return false
	}
	last := h.Path[len(h.Path)-1]
	loop, ok := last.At.Parent().Node().(*ast.RangeStmt)
	if !ok {
		return false
	}
	if id, ok := loop.Value.(*ast.Ident); ok && stages.MatchString(id.Name) {
		return true
	}
	id := syntax.LastName(loop.X)
	return id != nil && stages.MatchString(id.Name)
}

// batches matches names of variables for parts of what is worked on.
var batches = regexp.MustCompile(`(?i)(?:batch|chunk|shard|partition)(?:e?s)?$`)

// overBatches reports whether the innermost loop around c within its function goes on by
// more than one each turn, or over batches.
func overBatches(c inspector.Cursor) bool {
	for c := range c.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := c.Node().(type) {
		case *ast.ForStmt:
			step, ok := n.Post.(*ast.AssignStmt)
			if !ok || step.Tok != token.ADD_ASSIGN {
				return false
			}
			one, isLit := step.Rhs[0].(*ast.BasicLit)
			return !isLit || one.Value != "1"
		case *ast.RangeStmt:
			id, of := syntax.LastName(n.Value), syntax.LastName(n.X)
			return id != nil && batches.MatchString(id.Name) || of != nil && batches.MatchString(of.Name)
		default:
			return false
		}
	}
	return false
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

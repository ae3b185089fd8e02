package heat

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/edge"
)

// isScraped reports whether fn makes a metric of Prometheus from a function that
// each scrape calls.
func isScraped(fn *types.Func) bool {
	return fn.Pkg() != nil && strings.Contains(fn.Pkg().Path(), "prometheus") &&
		(fn.Name() == "NewGaugeFunc" || fn.Name() == "NewCounterFunc")
}

// isSchedule reports whether fn registers a job with a cron library.
func isSchedule(fn *types.Func) bool {
	return fn.Pkg() != nil && strings.Contains(fn.Pkg().Path(), "cron") && strings.HasPrefix(fn.Name(), "Add")
}

// function returns the heat of a whole declared function.
func (f *heatFinder) function(p *rewrite.Package, decl *ast.FuncDecl, depth int) Heat {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return Heat{}
	}
	sig := obj.Signature()
	if web.IsHandler(sig) || web.IsServiceMethod(f.s, obj) {
		return Heat{Kind: Recurring, Why: "for every request (" + decl.Name.Name + ")"}
	}
	if settings.Match(settings.Of(f.s).Handlers, syntax.MethodName(obj)) {
		return Heat{Kind: Recurring, Why: "for every request, as the configuration says of " + decl.Name.Name}
	}
	if decl.Recv != nil && decl.Name.Name == "Collect" && web.IsCollector(sig) {
		return Heat{Kind: Recurring, Why: "for every scrape"}
	}
	if decl.Recv == nil && (decl.Name.Name == "init" || decl.Name.Name == "main" && p.Name == "main" || decl.Name.Name == "TestMain") {
		return Heat{Kind: OneShot}
	}
	h, calls := f.callers(obj, decl, depth)
	if h.Kind == unknownHeat && calls == 0 && web.LooksLikeHandler(decl, sig) {
		if obj.Exported() {
			f.s.Widen(obj.Name()) // that nobody calls it must be known
		}
		return Heat{Kind: Recurring, Why: "for every request, going by the name of " + decl.Name.Name}
	}
	return h
}

// callers combines the heat of the places that call obj, and says how many
// calls there are.
func (f *heatFinder) callers(obj *types.Func, decl *ast.FuncDecl, depth int) (best Heat, calls int) {
	key := rewrite.ObjectKey(obj)
	if depth == 0 || f.busy[key] {
		return Heat{}, 1
	}
	f.busy[key] = true
	defer delete(f.busy, key)
	if obj.Exported() {
		f.s.TryWiden(obj.Name())
	}
	one, many := interfaceKeys(f.s, obj)
	refs := f.s.Refs(append(append(many, one...), key)...)
	recurring, once, count := 0, 0, 0
	for _, r := range refs {
		if r.File.Test {
			continue
		}
		count++
		h, called := f.ref(r, decl, depth)
		if called {
			calls++
		}
		switch h.Kind {
		case OneShot:
			once++
			continue
		case Recurring:
			recurring++
		default:
			continue
		}
		h.Dynamic = h.Dynamic || slices.Contains(many, rewrite.ObjectKey(r.Obj))
		pos := f.s.Position(r.Ident.Pos())
		h.Why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.Why, ", through ", 2)[0], decl.Name.Name, filepath.Base(pos.Filename), pos.Line)
		if best.Kind != Recurring || best.Guarded && !h.Guarded || best.Guarded == h.Guarded && h.hot() && !best.hot() {
			best = h
		}
	}
	switch {
	case best.Kind == Recurring:
		best.Mixed = best.Mixed || recurring < count
		return best, calls
	case count > 0 && once == count:
		return Heat{Kind: OneShot}, calls
	}
	return Heat{}, calls
}

// ref returns the heat of one use of the function decl, and whether it is a call.
func (f *heatFinder) ref(r rewrite.Ref, decl *ast.FuncDecl, depth int) (h Heat, called bool) {
	call, ok := r.Call()
	if !ok {
		return f.value(r, depth), false
	}
	h = f.at(r.Pkg, call, depth-1)
	if h.Finite && loads.MatchString(decl.Name.Name) {
		// What is loaded piece by piece is loaded once, unless the whole is
		// loaded again and again.
		h = Heat{}
		for loop := range call.Enclosing((*ast.RangeStmt)(nil)) {
			h = f.at(r.Pkg, loop, depth-1)
			break
		}
	}
	h.Guarded = h.Guarded || f.guard != nil && f.guard(r.Pkg, call)
	if h.Kind == Recurring {
		h.Path = append([]Place{{r.Pkg, call}}, h.Path...)
		h.Loads = h.Loads || loads.MatchString(decl.Name.Name)
	}
	return h, true
}

// value returns the heat of a function used as a value.
func (f *heatFinder) value(r rewrite.Ref, depth int) Heat {
	if h := ValueUse(r); h.Kind != unknownHeat {
		return h
	}
	e := r.Expr()
	sig, _ := r.Obj.Type().(*types.Signature)
	if isRegistered(r.Pkg, e, sig) {
		return Heat{Kind: Recurring, Why: "for every request", Path: []Place{{r.Pkg, e}}}
	}
	if e.ParentEdgeKind() != edge.CallExpr_Args {
		return f.fromTable(r.Pkg, e, depth)
	}
	h, on := f.passed(r.Pkg, e.Parent(), e.ParentEdgeIndex(), depth)
	if on && depth > 0 {
		h = f.at(r.Pkg, e.Parent(), depth-1)
	}
	return h
}

// ValueUse returns the heat of a function that is handed, as a value, to what is
// known to call it once or again and again.
func ValueUse(r rewrite.Ref) Heat {
	e := r.Expr()
	call, ok := e.Parent().Node().(*ast.CallExpr)
	if !ok {
		return Heat{}
	}
	if tv := r.Pkg.Info.Types[call.Fun]; tv.IsType() && syntax.IsType(tv.Type, "expvar", "Func") {
		return Heat{Kind: Recurring, Why: "for every request"}
	}
	fn := r.Pkg.Callee(call)
	if fn == nil {
		return Heat{}
	}
	switch {
	case rewrite.ObjectKey(fn) == "(*sync.Once).Do":
		return Heat{Kind: OneShot}
	case rewrite.ObjectKey(fn) == "time.AfterFunc":
		// A function that hands itself to a timer runs again and again.
		if decl := syntax.EnclosingDecl(e); decl != nil && r.Pkg.Info.Defs[decl.Name] == r.Pkg.Info.Uses[r.Ident] {
			return Heat{Kind: Recurring, Paced: true, Why: "on a timer"}
		}
		if fn, ok := r.Obj.(*types.Func); ok {
			if decl := syntax.DeclOf(r.Pkg, fn); decl != nil && decl.Body != nil && rearms(r.Pkg, decl.Body) {
				return Heat{Kind: Recurring, Paced: true, Why: "on a timer"}
			}
		}
	case isSchedule(fn):
		return Heat{Kind: Recurring, Paced: true, Why: "on a schedule"}
	case isScraped(fn):
		return Heat{Kind: Recurring, Why: "for every scrape"}
	case fn.Pkg() != nil && strings.HasSuffix(fn.Pkg().Path(), "aws-lambda-go/lambda") && strings.HasPrefix(fn.Name(), "Start"):
		return Heat{Kind: Recurring, Why: "for every invocation"}
	}
	return Heat{}
}

// interfaceKeys returns the keys of interface methods through which obj may be
// called: one for interfaces that nothing else in the loaded packages implements,
// many for others.
func interfaceKeys(s *rewrite.Snapshot, obj *types.Func) (one, many []string) {
	recv := obj.Signature().Recv()
	if recv == nil {
		return nil, nil
	}
	type decl struct{ named []*types.TypeName }
	all := rewrite.Memo(s, "named types", func() decl {
		var d decl
		for _, p := range s.Packages {
			if p.Types == nil {
				continue
			}
			for _, name := range p.Types.Scope().Names() {
				if tn, ok := p.Types.Scope().Lookup(name).(*types.TypeName); ok && !tn.IsAlias() {
					d.named = append(d.named, tn)
				}
			}
		}
		return d
	})
	for _, tn := range all.named {
		iface, ok := tn.Type().Underlying().(*types.Interface)
		if !ok {
			continue
		}
		var method *types.Func
		for m := range iface.Methods() {
			if m.Name() == obj.Name() {
				method = m
			}
		}
		if method == nil || !types.Implements(recv.Type(), iface) {
			continue
		}
		impls := 0
		for _, other := range all.named {
			if types.IsInterface(other.Type()) {
				continue
			}
			if types.Implements(other.Type(), iface) || types.Implements(types.NewPointer(other.Type()), iface) {
				impls++
			}
		}
		if impls == 1 {
			one = append(one, rewrite.ObjectKey(method))
		} else {
			many = append(many, rewrite.ObjectKey(method))
		}
	}
	return one, many
}

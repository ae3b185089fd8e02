package heat

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
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
	h, callers := f.callers(obj, decl, depth)
	if h.Kind == unknownHeat && callers == 0 && web.LooksLikeHandler(decl, sig) {
		if obj.Exported() {
			f.s.Widen(obj.Name()) // that nobody calls it must be known
		}
		return Heat{Kind: Recurring, Why: "for every request, going by the name of " + decl.Name.Name}
	}
	return h
}

// callers combines the heat of the places that call obj, and says how many
// there are.
func (f *heatFinder) callers(obj *types.Func, decl *ast.FuncDecl, depth int) (Heat, int) {
	key := rewrite.ObjectKey(obj)
	if depth == 0 || f.busy[key] {
		return Heat{}, 1
	}
	f.busy[key] = true
	defer delete(f.busy, key)
	if obj.Exported() {
		f.s.TryWiden(obj.Name())
	}
	refs := f.s.Refs(append(interfaceKeys(f.s, obj), key)...)
	var best Heat
	count, once := 0, 0
	for _, r := range refs {
		if r.File.Test {
			continue
		}
		count++
		var h Heat
		if call, ok := r.Call(); ok {
			h = f.at(r.Pkg, call, depth-1)
			if h.Finite && loads.MatchString(decl.Name.Name) {
				// What is loaded piece by piece is loaded once, unless the whole
				// is loaded again and again.
				h = Heat{}
				for loop := range call.Enclosing((*ast.RangeStmt)(nil)) {
					h = f.at(r.Pkg, loop, depth-1)
					break
				}
			}
			if caller := syntax.EnclosingDecl(call); caller != nil && Measures(r.Pkg, caller) {
				h.Guarded = true
			}
		} else {
			h = ValueUse(r)
		}
		if h.Kind == OneShot {
			once++
		}
		if h.Kind == Recurring {
			pos := f.s.Position(r.Ident.Pos())
			h.Why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.Why, ", through ", 2)[0], decl.Name.Name, filepath.Base(pos.Filename), pos.Line)
			if best.Kind != Recurring || best.Guarded && !h.Guarded || best.Guarded == h.Guarded && h.hot() && !best.hot() {
				best = h
			}
		}
	}
	if best.Kind == Recurring {
		return best, count
	}
	if count > 0 && once == count {
		return Heat{Kind: OneShot}, count
	}
	return Heat{}, count
}

// ValueUse returns the heat of a function used as a value.
func ValueUse(r rewrite.Ref) Heat {
	e := r.Expr()
	call, ok := e.Parent().Node().(*ast.CallExpr)
	if !ok {
		return Heat{}
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
	case isSchedule(fn):
		return Heat{Kind: Recurring, Paced: true, Why: "on a schedule"}
	case fn.Pkg() != nil && strings.HasSuffix(fn.Pkg().Path(), "aws-lambda-go/lambda") && strings.HasPrefix(fn.Name(), "Start"):
		return Heat{Kind: Recurring, Why: "for every invocation"}
	}
	return Heat{}
}

// interfaceKeys returns the keys of interface methods through which obj may be
// called, for interfaces that nothing else in the loaded packages implements.
func interfaceKeys(s *rewrite.Snapshot, obj *types.Func) []string {
	recv := obj.Signature().Recv()
	if recv == nil {
		return nil
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
	var keys []string
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
			keys = append(keys, rewrite.ObjectKey(method))
		}
	}
	return keys
}

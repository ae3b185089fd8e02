package collect

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// a means is a way to bring something about at a collection.
type means struct {
	pkg   string
	names []string
	does  string // what a package does that uses it
}

var allMeans = []means{
	{"runtime", []string{"SetFinalizer", "AddCleanup"}, "frees what it gives out by finalizers"},
	{"weak", []string{"Make"}, "lets go of what it holds by weak pointers"},
	{"unique", []string{"Make"}, "holds what a collection lets go of"},
}

// usesFinalization reports whether the package uses what runs or is decided at
// a collection.
func usesFinalization(p *rewrite.Package) bool {
	var keys []string
	for _, m := range allMeans {
		for _, name := range m.names {
			keys = append(keys, m.pkg+"."+name)
		}
	}
	for _, r := range p.Snapshot().Refs(keys...) {
		if r.Pkg.Path == p.Path {
			return true
		}
	}
	for _, f := range p.Files {
		if strings.Contains(string(f.Src), "/gc/finalizers") {
			return true
		}
	}
	for _, f := range p.OtherFiles() {
		found := false
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && (sel.Sel.Name == "SetFinalizer" || sel.Sel.Name == "AddCleanup") {
				found = true
			}
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

// freedElsewhere names a package that is used on the way to the call, by the
// functions there, and that frees what it gives out by finalizers or cleanups (a
// binding whose memory the collector does not see, files, a pool) or holds it
// weakly, or one of the module that these functions can get at; "" when there is
// none.
func freedElsewhere(call rewrite.Call, path []heat.Place) string {
	for _, place := range append([]heat.Place{{Pkg: call.Pkg, At: call.At}}, path...) {
		decl := syntax.EnclosingDecl(place.At)
		if decl == nil {
			continue
		}
		used := packagesIn(place.Pkg, decl)
		for _, m := range allMeans {
			for _, dep := range place.Pkg.DepsUsing(m.pkg, m.names...) {
				if used[dep.Path] {
					return dep.Path + " " + m.does
				}
			}
			if path := m.within(place.Pkg, decl); path != "" {
				return path + " " + m.does
			}
		}
	}
	return ""
}

// packagesIn returns the import paths of the packages whose functions decl calls
// and whose types the values in it have.
func packagesIn(p *rewrite.Package, decl *ast.FuncDecl) map[string]bool {
	type key struct{ decl *ast.FuncDecl }
	return rewrite.Memo(p.Snapshot(), key{decl}, func() map[string]bool { return lookForPackages(p, decl) })
}

func lookForPackages(p *rewrite.Package, decl *ast.FuncDecl) map[string]bool {
	out := make(map[string]bool)
	add := func(obj types.Object) {
		if obj != nil && obj.Pkg() != nil && obj.Pkg() != p.Types {
			out[obj.Pkg().Path()] = true
		}
	}
	ast.Inspect(decl, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		obj := p.Info.Uses[id]
		if fn, ok := obj.(*types.Func); ok {
			add(fn)
		}
		if v, ok := obj.(*types.Var); ok {
			if named := syntax.NamedBehind(v.Type()); named != nil {
				add(named.Obj())
			}
		}
		return true
	})
	return out
}

// aboutFreeing matches comments that say what a collection is there to bring
// about, other than less memory.
var aboutFreeing = regexp.MustCompile(`(?i)finali[sz]|\bweak|destructor|descriptor|(?:open|file|native|c) handles?\b|\bnative\b|\bcgo\b|\bc\+\+|off.?heap|unmap|sync\.pool`)

// meant matches comments by which the author stands for the collection, or says
// how much it is about.
var meant = regexp.MustCompile(`(?i)https?://|#\d|\bissue\b|workaround|(?:do not|don.t|never) (?:remove|delete)|\b(?:needed|required|necessary|important|on purpose|intentional\w*|deliberate\w*|otherwise|without this|oom|out of memory|peak|\d+ ?[kmgt]i?b|(?:mega|giga|tera)bytes?)\b`)

// yields reports whether the statement behind stmt lets other goroutines run, as
// is done to wait for finalizers and cleanups: it yields, or sleeps in a loop that
// has a condition.
func yields(p *rewrite.Package, stmt inspector.Cursor) bool {
	next, ok := stmt.NextSibling()
	if !ok {
		return false
	}
	s, ok := next.Node().(*ast.ExprStmt)
	if !ok {
		return false
	}
	if p.IsCall(s.X, "runtime", "Gosched") {
		return true
	}
	loop, ok := stmt.Parent().Parent().Node().(*ast.ForStmt)
	return ok && loop.Cond != nil && p.IsCall(s.X, "time", "Sleep")
}

// twice reports whether the statement before or after the call collects too, by
// the same function.
func twice(p *rewrite.Package, cur inspector.Cursor) bool {
	same := func(c inspector.Cursor, ok bool) bool {
		if !ok {
			return false
		}
		s, isExpr := c.Node().(*ast.ExprStmt)
		return isExpr && p.IsCall(s.X, "runtime", "GC") && p.IsCall(cur.Node(), "runtime", "GC")
	}
	stmt := cur.Parent()
	return same(stmt.PrevSibling()) || same(stmt.NextSibling())
}

// Package maxprocs finds programs whose parallelism ignores the CPU quota.
package maxprocs

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/image"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "maxprocs",
	Title: "GOMAXPROCS and CPU quotas",
	Doc: `A Go program in a container with a CPU limit runs as many threads as the machine has CPUs, is throttled by the kernel, and its latencies grow.

Since Go 1.25 the runtime takes the CPU quota of the container for its default of GOMAXPROCS and follows its changes, on Linux, in a main module whose go line says 1.25 or later. It stops doing so as soon as the program calls runtime.GOMAXPROCS itself: the old idiom runtime.GOMAXPROCS(runtime.NumCPU()), which was without effect from Go 1.5 on, now switches the quota off, and go.uber.org/automaxprocs rounds it down and freezes it. A pool sized by runtime.NumCPU has more workers than can run.

The call is removed; a pool is sized by runtime.GOMAXPROCS(0); the import of automaxprocs is dropped with its requirement. A container with a CPU limit whose module is older gets GOMAXPROCS in its environment.

It fires when runtime.GOMAXPROCS is called for its effect with the value of runtime.NumCPU, when in a module that honours quotas runtime.NumCPU sizes a pool of goroutines or a semaphore, when a module at go 1.25 or later imports automaxprocs for its effect or calls its maxprocs.Set, and when a Kubernetes container or a compose service with a CPU limit surely runs the program of a module below go 1.25 in the same tree, by Dockerfile and image name, and nothing sets GOMAXPROCS. Of a part of NumCPU, which would be none where GOMAXPROCS is small, the fix takes at least one. It only reports where the program has a number of its own beside NumCPU: a flag, a minimum, another value; and where something else counts on the same number, results that are waited for or shares of the work. Where the program says beside the call that it uses all CPUs, the fix is unsafe. It stays silent when GOMAXPROCS gets any other value, when its result is used, in tests, and when the module switches the runtime's own quota handling off.`,
	Before: `func main() {
	runtime.GOMAXPROCS(runtime.NumCPU())
	serve()
}`,
	After: `func main() {
	serve()
}`,
	Needs: []rewrite.Need{
		{Import: "runtime", Idents: []string{"NumCPU"}},
		{Import: "runtime", Idents: []string{"GOMAXPROCS"}, Syntax: sets},
		{Import: image.AutomaxprocsPath, Idents: []string{"package"}},
		{Import: image.AutomaxprocsPath + "/maxprocs", Idents: []string{"Set"}},
	},
	TextNeeds: maxprocsTextNeeds,
	Together:  true,
	Find:      findMaxprocs,
}

// sets reports whether GOMAXPROCS is more than asked for.
func sets(f *ast.File) bool {
	asked, used := 0, 0
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if n.Name == "GOMAXPROCS" {
				used++
			}
		case *ast.CallExpr:
			if id := syntax.LastName(n.Fun); id != nil && id.Name == "GOMAXPROCS" && len(n.Args) == 1 {
				if lit, ok := n.Args[0].(*ast.BasicLit); ok && lit.Value == "0" {
					asked++
				}
			}
		}
		return true
	})
	return used > asked
}

func findMaxprocs(s *rewrite.Snapshot) []rewrite.Finding {
	q := &quotas{s: s, native: make(map[*rewrite.Module]bool), honours: make(map[*rewrite.Module]bool)}
	var out []rewrite.Finding
	out = append(out, q.calls()...)
	out = append(out, q.pools()...)
	out = append(out, q.imports()...)
	out = append(out, q.sets()...)
	return append(out, limitedContainers(s)...)
}

// quotas answers which modules take CPU quotas into account.
type quotas struct {
	s       *rewrite.Snapshot
	native  map[*rewrite.Module]bool
	honours map[*rewrite.Module]bool
}

// nativelyQuota reports whether the runtime itself takes the quota for
// GOMAXPROCS in programs of m: from the go line 1.25 on, unless a godebug
// setting says otherwise.
func (q *quotas) nativelyQuota(m *rewrite.Module) bool {
	if m == nil || !m.Main {
		return false
	}
	v, ok := q.native[m]
	if !ok {
		set, on := q.setting(m)
		v = on || !set && version.Compare("go"+m.GoVersion, "go1.25") >= 0
		q.native[m] = v
	}
	return v
}

// setting returns what go.mod or a //go:debug line of a loaded file says about
// the quota: whether there is such a setting, and whether it turns the quota on.
// Where several say different things, it is off.
func (q *quotas) setting(m *rewrite.Module) (set, on bool) {
	on = true
	note := func(key, value string) {
		if isSet, isOn := image.QuotaSetting(key, value); isSet {
			set, on = true, on && isOn
		}
	}
	if mod, err := q.s.GoModOf(m); err == nil {
		for _, g := range mod.Godebug {
			note(g.Key, g.Value)
		}
	}
	for _, p := range q.s.Packages {
		if p.Module != m {
			continue
		}
		for _, f := range p.Files {
			for _, c := range f.AST.Comments {
				if c.Pos() > f.AST.Package {
					break
				}
				for _, line := range c.List {
					if kv, ok := strings.CutPrefix(line.Text, "//go:debug "); ok {
						k, v, _ := strings.Cut(strings.TrimSpace(kv), "=")
						note(k, v)
					}
				}
			}
		}
	}
	return set, set && on
}

// honoursQuota reports whether programs of m take the quota into account, by
// the runtime or by automaxprocs.
func (q *quotas) honoursQuota(m *rewrite.Module) bool {
	if m == nil || !m.Main {
		return false
	}
	if v, ok := q.honours[m]; ok {
		return v
	}
	v := q.nativelyQuota(m)
	if !v {
		if mod, err := q.s.GoModOf(m); err == nil {
			for _, r := range mod.Require {
				v = v || r.Mod.Path == image.AutomaxprocsPath && !r.Indirect
			}
		}
	}
	q.honours[m] = v
	return v
}

// calls finds runtime.GOMAXPROCS(runtime.NumCPU()) for its effect.
func (q *quotas) calls() []rewrite.Finding {
	var out []rewrite.Finding
	for c := range q.s.Calls("runtime", "GOMAXPROCS") {
		m := c.Pkg.Module // nil in a GOPATH
		if c.File.Test || m != nil && !m.Main || version.Compare(c.File.Version(), "go1.5") < 0 {
			continue
		}
		if len(c.Call.Args) != 1 {
			continue
		}
		def, ok := cpuCount(c.Pkg, c.Call.Args[0])
		if !ok {
			continue
		}
		stmt := syntax.EffectStmt(c.At)
		other := q.otherProcs(c)
		if stmt == nil && other != nil {
			continue // the result may be what that one restores
		}
		// Have: GOMAXPROCS is set to the number of CPUs.
		msg := "runtime.GOMAXPROCS(runtime.NumCPU()) has been the default since Go 1.5 and overrides the GOMAXPROCS variable"
		if q.nativelyQuota(m) {
			msg = "runtime.GOMAXPROCS(runtime.NumCPU()) switches off the CPU quota that the runtime takes for GOMAXPROCS since Go 1.25"
		}
		f := rewrite.Finding{Pos: c.Call.Pos(), End: c.Call.End(), Message: msg}
		if !q.honoursQuota(m) {
			f.Notes = append(f.Notes, rewrite.Note{Message: "in a container with a CPU limit the program still uses all CPUs: with the go line 1.25 the runtime follows the limit, below it an import of " + image.AutomaxprocsPath + " does"})
		}
		if stmt == nil {
			f.NoFix = "its result is used; take runtime.GOMAXPROCS(0), which sets nothing, where the number is wanted"
			out = append(out, f)
			continue
		}
		if other != nil {
			q.restore(&f, c, stmt, other)
			out = append(out, f)
			continue
		}
		remove, why := removal(c.Pkg, c.At, stmt)
		if why != "" {
			f.NoFix = why
			out = append(out, f)
			continue
		}
		fix := "remove the call"
		safety := rewrite.Safe
		if told(c.Pkg, stmt) {
			fix, safety = "remove the call; what the program says about it beside it stays", rewrite.Unsafe
		}
		f.Fixes = append(f.Fixes, &rewrite.Fix{
			Message: fix,
			Safety:  safety,
			Apply: func(e *rewrite.Edit) error {
				remove(e)
				if def != nil {
					e.Delete(def, about.Removed("NumCPU", "processor"))
				}
				return nil
			},
		})
		out = append(out, f)
	}
	return out
}

// cpuCount reports whether x is runtime.NumCPU() or a local variable that holds
// nothing else. def is the variable's definition when x is its only use.
func cpuCount(p *rewrite.Package, x ast.Expr) (def ast.Stmt, ok bool) {
	x = ast.Unparen(x)
	if p.IsCall(x, "runtime", "NumCPU") {
		return nil, true
	}
	id, isIdent := x.(*ast.Ident)
	if !isIdent {
		return nil, false
	}
	v, isVar := p.Info.Uses[id].(*types.Var)
	if !isVar || v.Parent() == nil || v.Parent() == p.Types.Scope() {
		return nil, false
	}
	uses := 0
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		n := c.Node().(*ast.Ident)
		if p.Info.Defs[n] == v {
			assign, isAssign := c.Parent().Node().(*ast.AssignStmt)
			if !isAssign || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 || !p.IsCall(ast.Unparen(assign.Rhs[0]), "runtime", "NumCPU") {
				return nil, false
			}
			if _, inList := c.Parent().Parent().Node().(*ast.BlockStmt); inList {
				def = assign
			}
			ok = true
		}
		if p.Info.Uses[n] != v {
			continue
		}
		uses++
		if syntax.Written(c) {
			return nil, false
		}
	}
	if uses != 1 {
		def = nil
	} else if def == nil {
		ok = false // if n := runtime.NumCPU(); ...: the variable cannot go alone
	}
	return def, ok
}

// removal returns the edit that removes stmt so that no hollow statement stays,
// or says why there is none.
func removal(p *rewrite.Package, call inspector.Cursor, stmt ast.Stmt) (remove func(*rewrite.Edit), why string) {
	drop := func(target ast.Stmt) func(*rewrite.Edit) {
		return func(e *rewrite.Edit) {
			e.Delete(target, about.Removed("GOMAXPROCS", "procs", "processor", "parallel", "thread"))
		}
	}
	cur, _ := p.Cursor(stmt)
	body, ok := cur.Parent().Node().(*ast.BlockStmt)
	if !ok {
		switch cur.Parent().Node().(type) {
		case *ast.CaseClause, *ast.CommClause:
			return drop(stmt), ""
		}
		return nil, "the call is not a statement in a list"
	}
	up := cur.Parent().Parent()
	cond, ok := up.Node().(*ast.IfStmt)
	if !ok || len(body.List) > 1 {
		return drop(stmt), ""
	}
	// Have: all that a branch of an if does.
	_, elseIf := up.Parent().Node().(*ast.IfStmt)
	_, elseBlock := cond.Else.(*ast.BlockStmt)
	switch {
	case cond.Else == body:
		return dropElse(cond), ""
	case elseBlock:
		return invert(cond), ""
	case cond.Else == nil && !elseIf && onlyReads(p, cond.Cond) && (cond.Init == nil || onlyLooksUp(p, cond.Init)):
		return drop(cond), ""
	case cond.Else == nil && !elseIf:
		return nil, "the condition around the call may have an effect of its own"
	}
	return nil, "removing the call would leave an empty branch; drop it by hand"
}

func dropElse(n *ast.IfStmt) func(*rewrite.Edit) {
	return func(e *rewrite.Edit) {
		e.Modify(n, func(d dst.Node) error {
			d.(*dst.IfStmt).Else = nil
			return nil
		})
	}
}

// invert leaves of an if statement only its else block.
func invert(n *ast.IfStmt) func(*rewrite.Edit) {
	return func(e *rewrite.Edit) {
		e.Modify(n, func(d dst.Node) error {
			twin := d.(*dst.IfStmt)
			twin.Body, twin.Else = twin.Else.(*dst.BlockStmt), nil
			switch c := twin.Cond.(type) {
			case *dst.BinaryExpr:
				switch c.Op {
				case token.EQL:
					c.Op = token.NEQ
				case token.NEQ:
					c.Op = token.EQL
				default:
					twin.Cond = &dst.UnaryExpr{Op: token.NOT, X: &dst.ParenExpr{X: c}}
				}
			default:
				twin.Cond = &dst.UnaryExpr{Op: token.NOT, X: c}
			}
			return nil
		})
	}
}

// onlyReads reports whether evaluating x reads variables, fields, pointers and
// the environment but changes nothing.
func onlyReads(p *rewrite.Package, x ast.Expr) bool {
	ok := true
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if !p.IsCall(n, "os", "Getenv", "LookupEnv") && !p.IsCall(n, "runtime", "NumCPU", "GOMAXPROCS") && !syntax.IsBuiltin(p, n, "len") {
				ok = false
			}
			if p.IsCall(n, "runtime", "GOMAXPROCS") && (len(n.Args) != 1 || !asksOnly(n.Args[0])) {
				ok = false
			}
		case *ast.FuncLit, *ast.IndexExpr:
			ok = false
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		}
		return ok
	})
	return ok
}

// onlyLooksUp reports whether s defines variables by calls that change nothing.
func onlyLooksUp(p *rewrite.Package, s ast.Stmt) bool {
	a, ok := s.(*ast.AssignStmt)
	return ok && a.Tok == token.DEFINE && len(a.Rhs) == 1 && onlyReads(p, a.Rhs[0])
}

// asksOnly reports whether GOMAXPROCS(x) changes nothing: x is 0 or negative.
func asksOnly(x ast.Expr) bool {
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.SUB {
		_, ok := u.X.(*ast.BasicLit)
		return ok
	}
	lit, ok := x.(*ast.BasicLit)
	return ok && lit.Value == "0"
}

// imports finds automaxprocs imported for its effect where the runtime does the
// same.
func (q *quotas) imports() []rewrite.Finding {
	var out []rewrite.Finding
	for _, p := range q.s.Packages {
		if !q.nativelyQuota(p.Module) {
			continue
		}
		for _, f := range p.Files {
			if f.Test {
				continue
			}
			for _, spec := range f.AST.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil || path != image.AutomaxprocsPath || spec.Name == nil || spec.Name.Name != "_" {
					continue
				}
				// Have: a blank import of automaxprocs at go 1.25 or later.
				out = append(out, rewrite.Finding{
					Pos: spec.Pos(), End: spec.End(),
					Message: "automaxprocs rounds the CPU quota down and freezes it; since Go 1.25 the runtime takes it for GOMAXPROCS and follows its changes",
					Fixes:   []*rewrite.Fix{q.dropImport(p.Module, f)},
				})
			}
		}
	}
	return out
}

// sets finds calls of automaxprocs's maxprocs.Set where the runtime does the
// same.
func (q *quotas) sets() []rewrite.Finding {
	var out []rewrite.Finding
	for c := range q.s.Calls(image.AutomaxprocsPath+"/maxprocs", "Set") {
		if c.File.Test || c.Pkg.Wide || !q.nativelyQuota(c.Pkg.Module) {
			continue
		}
		// Have: automaxprocs called at go 1.25 or later.
		f := rewrite.Finding{
			Pos: c.Call.Pos(), End: c.Call.End(),
			Message: "maxprocs.Set rounds the CPU quota down and freezes it; since Go 1.25 the runtime takes it for GOMAXPROCS and follows its changes",
		}
		switch list := forEffect(c); {
		case list != nil && optional(c.Pkg, list):
			f.NoFix = "the program has an option for it, which would be without effect: GODEBUG=containermaxprocs=0 is the runtime's own; remove both and run go mod tidy"
		case list != nil:
			f.Fixes = append(f.Fixes, q.dropSet(c, list))
		default:
			f.NoFix = "its results and options are part of the program; remove the call and run go mod tidy"
		}
		out = append(out, f)
	}
	return out
}

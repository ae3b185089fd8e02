package maxprocs

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strconv"

	"github.com/dave/dst"
	"github.com/dave/dst/dstutil"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// pools finds runtime.NumCPU as the size of a pool of goroutines in modules
// whose GOMAXPROCS follows the CPU quota.
func (q *quotas) pools() []rewrite.Finding {
	var out []rewrite.Finding
	for c := range q.s.Calls("runtime", "NumCPU") {
		if c.File.Test || !q.honoursQuota(c.Pkg.Module) {
			continue
		}
		msg, effect := "a pool sized by runtime.NumCPU ignores the CPU quota: more goroutines than can run", "the pool gets smaller"
		sets := setsProcs(c.Pkg, c.At)
		switch {
		case sets:
			msg, effect = "a setting for GOMAXPROCS that is runtime.NumCPU switches off the CPU quota", "fewer goroutines run at once"
		case !sizesPool(c.Pkg, c.At) || few(c.Pkg, c.At):
			continue
		}
		// Have: the number of CPUs, taken for a number of goroutines.
		f := rewrite.Finding{Pos: c.Call.Pos(), End: c.Call.End(), Message: msg}
		if hasOwn(c.Pkg, c.At) {
			f.NoFix = "the program has a number of its own beside it, a setting or a bound; take runtime.GOMAXPROCS(0) where the quota is to count"
			out = append(out, f)
			continue
		}
		if other := q.partner(c); other != nil && !sets {
			f.NoFix = "the numbers have to agree, and GOMAXPROCS changes while the program runs; take it once, for both"
			f.Notes = []rewrite.Note{{Pos: other.Pos(), Message: "runtime.NumCPU counts the same here"}}
			out = append(out, f)
			continue
		}
		f.Fixes = []*rewrite.Fix{{
			Message: "take runtime.GOMAXPROCS(0), which honours the quota; " + effect + " in a container with a CPU limit",
			Safety:  rewrite.Unsafe,
			Apply: func(e *rewrite.Edit) error {
				e.Replace(c.Call, rewrite.Expr("runtime.GOMAXPROCS(0)", nil))
				return nil
			},
		}}
		if mayBeNone(c.Pkg, c.At) {
			whole := arithmetic(c.Pkg, c.At).Node().(ast.Expr)
			if _, obj := c.Pkg.Types.Scope().Innermost(whole.Pos()).LookupParent("max", whole.Pos()); obj != types.Universe.Lookup("max") {
				f.Fixes, f.NoFix = nil, "a part of runtime.GOMAXPROCS(0) may be none, for which a pool waits for ever, and max is something else here"
				out = append(out, f)
				continue
			}
			f.Fixes[0].Message = "take runtime.GOMAXPROCS(0), which honours the quota, and at least one of it; " + effect + " in a container with a CPU limit"
			f.Fixes[0].Apply = func(e *rewrite.Edit) error {
				raise(e, c.Call, whole)
				return nil
			}
		}
		out = append(out, f)
	}
	return out
}

// raise takes GOMAXPROCS for the number of CPUs that call asks for, and at least one of
// what whole computes from it.
func raise(e *rewrite.Edit, call *ast.CallExpr, whole ast.Expr) {
	before := 0 // the calls that come first in whole
	ast.Inspect(whole, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && c.Pos() <= call.Pos() && c != call {
			before++
		}
		return true
	})
	part := dstutil.Apply(e.Clone(whole), func(at *dstutil.Cursor) bool {
		if _, ok := at.Node().(*dst.CallExpr); ok {
			if before == 0 {
				at.Replace(rewrite.Expr("runtime.GOMAXPROCS(0)", nil))
			}
			before--
		}
		return before >= 0
	}, nil).(dst.Expr)
	e.Replace(whole, rewrite.Expr("max(1, $part)", rewrite.Holes{"part": part}))
}

// poolName matches names of worker counts.
var poolName = regexp.MustCompile(`(?i)workers?$|worker_?(num|count|s|pool)|num_?(of_?)?(workers|goroutines|threads)|concurren|parallel|pool_?size`)

var procsName = regexp.MustCompile(`(?i)^(go)?_?max_?procs$`)

// sizesPool reports whether the number at c is a count of goroutines.
func sizesPool(p *rewrite.Package, c inspector.Cursor) bool { return sizesPoolIn(p, c, 2) }

// sizesPoolIn is sizesPool through as many functions that take the number as depth.
func sizesPoolIn(p *rewrite.Package, c inspector.Cursor, depth int) bool {
	c = arithmetic(p, c)
	if limits(p, c) {
		return true
	}
	switch to := setBy(c).(type) {
	case *ast.SelectorExpr:
		return countsGoroutines(p, to.Sel)
	case *ast.Ident:
		return countsGoroutines(p, to)
	}
	call, ok := c.Parent().Node().(*ast.CallExpr)
	return ok && (flagOfPool(p, call) || depth > 0 && takesPool(p, call, c.Node(), depth-1))
}

// setBy returns what is set to the value at c, a variable, a part of one or the field
// of a literal; nil where nothing is.
func setBy(c inspector.Cursor) ast.Expr {
	switch n := c.Parent().Node().(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && n.Value == c.Node() {
			return key
		}
	case *ast.AssignStmt:
		for i, r := range n.Rhs {
			if r == c.Node() && len(n.Lhs) == len(n.Rhs) {
				return n.Lhs[i]
			}
		}
	case *ast.ValueSpec:
		for i, v := range n.Values {
			if v == c.Node() && len(n.Names) == len(n.Values) {
				return n.Names[i]
			}
		}
	}
	return nil
}

// takesPool reports whether the function that is called takes arg as a count of
// goroutines: it starts so many, or hands it on.
func takesPool(p *rewrite.Package, call *ast.CallExpr, arg ast.Node, depth int) bool {
	fn := p.Callee(call)
	if fn == nil || fn.Signature().Variadic() {
		return false
	}
	decl, q := syntax.DeclarationOf(p.Snapshot(), fn)
	if decl == nil || decl.Body == nil {
		return false
	}
	params := syntax.ParamObjects(q, decl.Type)
	for i, a := range call.Args {
		if a != arg || i >= len(params) || params[i] == nil {
			continue
		}
		for _, c := range syntax.MentionsOf(q, params[i]) {
			if sizesPoolIn(q, c, depth) {
				return true
			}
		}
	}
	return false
}

// arithmetic climbs from an operand to the whole number computed from it:
// products, conversions, min and max.
func arithmetic(p *rewrite.Package, c inspector.Cursor) inspector.Cursor {
	for {
		up := c.Parent()
		switch n := up.Node().(type) {
		case *ast.ParenExpr:
		case *ast.BinaryExpr:
			switch n.Op {
			case token.ADD, token.SUB, token.MUL, token.QUO, token.SHL, token.SHR:
			default:
				return c
			}
		case *ast.CallExpr:
			conversion := p.Info.Types[n.Fun].IsType()
			if !conversion && !syntax.IsBuiltin(p, n, "min") && !syntax.IsBuiltin(p, n, "max") {
				return c
			}
		default:
			return c
		}
		c = up
	}
}

// limits reports whether the number at c bounds a loop that starts goroutines,
// or the capacity of a semaphore.
func limits(p *rewrite.Package, c inspector.Cursor) bool {
	switch n := c.Parent().Node().(type) {
	case *ast.BinaryExpr:
		loop, ok := c.Parent().Parent().Node().(*ast.ForStmt)
		return ok && loop.Cond == n && (n.Op == token.LSS || n.Op == token.LEQ) && n.Y == c.Node() && startsGoroutines(loop.Body)
	case *ast.ForStmt:
		return false
	case *ast.RangeStmt:
		return n.X == c.Node() && startsGoroutines(n.Body)
	case *ast.CallExpr:
		if syntax.IsBuiltin(p, n, "make") && len(n.Args) == 2 && n.Args[1] == c.Node() {
			return isSemaphore(p.Info.TypeOf(n))
		}
		return p.IsCall(n, "golang.org/x/sync/errgroup", "(*golang.org/x/sync/errgroup.Group).SetLimit") ||
			p.IsCall(n, "golang.org/x/sync/semaphore", "NewWeighted")
	}
	return false
}

// isSemaphore reports whether t is a channel of tokens without content.
func isSemaphore(t types.Type) bool {
	if t == nil {
		return false
	}
	ch, ok := t.Underlying().(*types.Chan)
	if !ok {
		return false
	}
	switch elem := ch.Elem().Underlying().(type) {
	case *types.Struct:
		return elem.NumFields() == 0
	case *types.Basic:
		return elem.Kind() == types.Bool
	}
	return false
}

// startsGoroutines reports whether running body starts goroutines: by go
// statements, or by methods called Go as errgroup's and sync.WaitGroup's.
func startsGoroutines(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" {
				found = true
			}
		}
		return !found
	})
	return found
}

// countsGoroutines reports whether the variable at id is used as a count of
// goroutines, or is called like one.
func countsGoroutines(p *rewrite.Package, id *ast.Ident) bool {
	if poolName.MatchString(id.Name) {
		return true
	}
	v := p.Info.ObjectOf(id)
	if v == nil {
		return false
	}
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[c.Node().(*ast.Ident)] != v {
			continue
		}
		if c.ParentEdgeKind() == edge.SelectorExpr_Sel {
			c = c.Parent() // of a field
		}
		if limits(p, arithmetic(p, c)) {
			return true
		}
	}
	return false
}

// flagOfPool reports whether call defines a command line flag that is called
// like a count of workers.
func flagOfPool(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	switch fn.Pkg().Path() {
	case "flag", "github.com/spf13/pflag":
	default:
		return false
	}
	for _, a := range call.Args {
		lit, ok := a.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			continue
		}
		name, err := strconv.Unquote(lit.Value)
		return err == nil && poolName.MatchString(name)
	}
	return false
}

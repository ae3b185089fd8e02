package heat

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

// literal returns the heat of the function literal at lit: on means that it runs
// where it stands, so that its surroundings decide.
func (f *heatFinder) literal(p *rewrite.Package, lit inspector.Cursor, depth int) (h Heat, on bool) {
	n := lit.Node().(*ast.FuncLit)
	request := Heat{Kind: Recurring, Why: "for every request", Path: []Place{{p, lit}}}
	if web.IsHandler(syntax.SignatureOf(p, n)) {
		return request, false
	}
	if h, on = f.literalUse(p, lit, depth); on || h.Kind != unknownHeat {
		return h, on
	}
	if wrapsCalls(p, lit) {
		return request, false
	}
	if named, ok := f.namedLiteral(p, lit, depth); ok {
		return named, false
	}
	return Heat{}, false
}

// literalUse says what becomes of a function literal that is called, or handed
// to a call.
func (f *heatFinder) literalUse(p *rewrite.Package, lit inspector.Cursor, depth int) (h Heat, on bool) {
	c := lit
	for {
		if _, ok := c.Parent().Node().(*ast.ParenExpr); !ok {
			break
		}
		c = c.Parent()
	}
	if isRegistered(p, c, syntax.SignatureOf(p, lit.Node().(*ast.FuncLit))) {
		return Heat{Kind: Recurring, Why: "for every request", Path: []Place{{p, lit}}}, false
	}
	call, ok := c.Parent().Node().(*ast.CallExpr)
	if !ok {
		if armsItself(p, c) {
			return Heat{Kind: Recurring, Paced: true, Why: "on a timer"}, false
		}
		return f.fromTable(p, c, depth), false
	}
	if call.Fun == c.Node() {
		return Heat{}, true // called, deferred or started as a goroutine
	}
	if tv := p.Info.Types[call.Fun]; tv.IsType() && syntax.IsType(tv.Type, "expvar", "Func") {
		return Heat{Kind: Recurring, Why: "for every request"}, false
	}
	fn := p.Callee(call)
	if fn == nil {
		return Heat{}, false
	}
	switch key := rewrite.ObjectKey(fn); {
	case key == "(*sync.Once).Do" || key == "sync.OnceFunc":
		return Heat{Kind: OneShot}, false
	case key == "(*sync.WaitGroup).Go" || strings.HasSuffix(key, "errgroup.Group).Go"):
		return Heat{}, true
	case key == "time.AfterFunc":
		if rearms(p, lit.Node().(*ast.FuncLit).Body) {
			return Heat{Kind: Recurring, Paced: true, Why: "on a timer"}, false
		}
	case isSchedule(fn):
		return Heat{Kind: Recurring, Paced: true, Why: "on a schedule"}, false
	case isScraped(fn):
		return Heat{Kind: Recurring, Why: "for every scrape"}, false
	}
	h, on = f.passed(p, c.Parent(), c.ParentEdgeIndex(), depth)
	if !on && h.Kind == unknownHeat && isGauge(p, lit.Node().(*ast.FuncLit), fn) {
		return Heat{Kind: Recurring, Why: "whenever the gauge is read"}, false
	}
	return h, on
}

// gaugeName matches functions, and packages, that make metrics.
var gaugeName = regexp.MustCompile(`(?i)gauge|^(?:metrics?|stats?)$`)

// isGauge reports whether the function literal is the value of a metric that fn
// makes and whoever collects the metrics asks for: it takes nothing and gives a number.
func isGauge(p *rewrite.Package, lit *ast.FuncLit, fn *types.Func) bool {
	sig := syntax.SignatureOf(p, lit)
	if sig == nil || sig.Params().Len() > 0 || sig.Results().Len() != 1 || fn.Pkg() == nil {
		return false
	}
	t, ok := sig.Results().At(0).Type().Underlying().(*types.Basic)
	return ok && t.Info()&types.IsNumeric != 0 && (gaugeName.MatchString(fn.Name()) || gaugeName.MatchString(fn.Pkg().Name()))
}

// namedLiteral returns the heat of a function literal that a variable names, a
// local one or one that the package keeps for itself, and that is only called by
// that name; ok is false for others. Tests may put another function there.
func (f *heatFinder) namedLiteral(p *rewrite.Package, lit inspector.Cursor, depth int) (best Heat, ok bool) {
	v := nameOf(p, lit)
	key := fmt.Sprintf("literal %d", lit.Node().Pos())
	if v == nil || depth == 0 || f.busy[key] {
		return Heat{}, false
	}
	f.busy[key] = true
	defer delete(f.busy, key)
	once, count := 0, 0
	for _, c := range syntax.MentionsOf(p, v) {
		id := c.Node().(*ast.Ident)
		if p.Info.Defs[id] == v || inTest(p, id) {
			continue
		}
		call, isCall := c.Parent().Node().(*ast.CallExpr)
		if !isCall || call.Fun != c.Node() {
			return Heat{}, false
		}
		count++
		h := f.at(p, c.Parent(), depth-1)
		if h.Kind == OneShot {
			once++
		}
		if h.Kind == Recurring && (best.Kind != Recurring || h.hot() && !best.hot()) {
			pos := f.s.Position(id.Pos())
			h.Why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.Why, ", through ", 2)[0], id.Name, filepath.Base(pos.Filename), pos.Line)
			best = h
		}
	}
	if best.Kind != Recurring && count > 0 && once == count {
		best.Kind = OneShot
	}
	return best, count > 0
}

// nameOf returns the variable that is declared with the function literal at lit
// as its value, nil where there is none or where other packages may see it.
func nameOf(p *rewrite.Package, lit inspector.Cursor) types.Object {
	var id *ast.Ident
	switch n := lit.Parent().Node().(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE && len(n.Lhs) == 1 && len(n.Rhs) == 1 {
			id, _ = n.Lhs[0].(*ast.Ident)
		}
	case *ast.ValueSpec:
		if len(n.Names) == 1 && len(n.Values) == 1 {
			id = n.Names[0]
		}
	}
	v := p.Info.Defs[id]
	if v == nil || v.Parent() == p.Types.Scope() && v.Exported() {
		return nil
	}
	return v
}

func inTest(p *rewrite.Package, n ast.Node) bool {
	return strings.HasSuffix(p.Snapshot().Position(n.Pos()).Filename, "_test.go")
}

// armsItself reports whether the literal at c is set to a variable that it hands to
// a timer.
func armsItself(p *rewrite.Package, c inspector.Cursor) bool {
	id, ok := assignedFrom(c).(*ast.Ident)
	if !ok || p.Info.ObjectOf(id) == nil {
		return false
	}
	return syntax.ContainsNode(c.Node(), func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && p.IsCall(call, "time", "AfterFunc") && len(call.Args) == 2 && syntax.Mentions(p, call.Args[1], p.Info.ObjectOf(id))
	})
}

// rearms reports whether a timer's function sets a timer again.
func rearms(p *rewrite.Package, body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if p.IsCall(n, "time", "AfterFunc", "(*time.Timer).Reset") {
			found = true
		}
		return !found
	})
	return found
}

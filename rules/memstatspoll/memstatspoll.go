// Package memstatspoll finds ReadMemStats on a timer or for every request.
package memstatspoll

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/collect"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "memstatspoll",
	Title: "ReadMemStats in a monitor",
	Doc: `runtime.ReadMemStats shows up in the CPU profile, and a monitor that watches for pauses makes pauses of its own.

ReadMemStats stops the whole program to take a consistent picture (runtime/mstats.go). Its own stops are not even in PauseTotalNs, which counts those of the collector only. PauseTotalNs is a running total, too: its growth in a round does not tell one long pause from many short ones.

Two other sources do not stop the program. debug.ReadGCStats has the very numbers of PauseTotalNs, NumGC, LastGC and the latest pauses. The package runtime/metrics has those of nearly all other fields; some lag behind by what is in the processors' allocation caches, so that fixes with them are unsafe. With unsafe fixes an alert on the growth of PauseTotalNs becomes one on single pauses, from the histogram of all pauses.

It fires when ReadMemStats is called in a loop, on a timer, in a request handler, or in a function that is called from one through at most four functions. It stays silent in one-shot code, where memory is measured before and after a piece of work or next to a forced collection, in benchmarks and in tests. Where the whole struct is handed on, or a field has no replacement in the file's Go version, it only reports.`,
	Before: `for range time.Tick(10 * time.Second) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	pauses.Set(float64(m.PauseTotalNs) / 1e9)
}`,
	After: `var m debug.GCStats
for range time.Tick(10 * time.Second) {
	debug.ReadGCStats(&m)
	pauses.Set(float64(uint64(m.PauseTotal)) / 1e9)
}`,
	Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"ReadMemStats"}}},
	Emits: []string{"runtime/debug", "runtime/metrics"},
	Find:  memPolls,
}

// memPolls returns the calls of ReadMemStats in recurring places.
func memPolls(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls("runtime", "ReadMemStats") {
		if call.File.Test || call.Pkg.Wide || len(call.Call.Args) != 1 || forMeasuring(call) {
			continue
		}
		h := heat.Of(call.Pkg, call.At)
		if h.Kind != heat.Recurring || heat.LastTurn(call.At) || onlyOnce(call) {
			continue
		}
		// Have: a reading that is taken again and again.
		f := rewrite.Finding{
			Pos: call.Call.Pos(), End: call.Call.End(),
			Message: "runtime.ReadMemStats stops the whole program " + h.Why,
		}
		r, why := memReadingOf(call)
		if why == "" {
			f.Fixes, why = r.fixes()
		}
		if why != "" {
			f.Notes = []rewrite.Note{{Message: "no fix: " + why + "; runtime/metrics and debug.ReadGCStats do not stop the program"}}
		}
		out = append(out, f)
	}
	return out
}

// forMeasuring reports whether the reading at call belongs to the measurement
// of a piece of work: there is another one beside it, it is next to a forced
// collection, or it is part of a benchmark.
func forMeasuring(call rewrite.Call) bool {
	if heat.IsBenchmark(call.File) {
		return true
	}
	decl := syntax.EnclosingDecl(call.At)
	if decl == nil {
		return false
	}
	if heat.BenchName.MatchString(decl.Name.Name) {
		return true
	}
	within, _ := call.Pkg.Inspector.Root().FindNode(decl)
	for c := range within.Preorder((*ast.CallExpr)(nil)) {
		if c.Node() != call.Call && call.Pkg.IsCall(c.Node(), "runtime", "ReadMemStats") &&
			turnOf(c) == turnOf(call.At) && !exclusive(c, call.At) {
			return true
		}
	}
	return nextToCollection(call)
}

// turnOf returns the loop or function whose turn or call runs the node at cur.
func turnOf(cur inspector.Cursor) ast.Node {
	for c := cur; ; c = c.Parent() {
		switch n := c.Parent().Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return n
		case *ast.FuncLit:
			if call, ok := c.Parent().Parent().Node().(*ast.CallExpr); ok && call.Fun == n {
				if _, started := c.Parent().Parent().Parent().Node().(*ast.GoStmt); !started {
					continue // called or deferred
				}
			}
			return n
		case *ast.FuncDecl, *ast.File, nil:
			return n
		}
	}
}

// exclusive reports whether a and b stand in different branches of an if,
// switch or select.
func exclusive(a, b inspector.Cursor) bool {
	above := make(map[ast.Node]ast.Node) // parent to child, on the way up from a
	for c := a; c.Node() != nil; c = c.Parent() {
		if c.Parent().Node() == nil {
			break
		}
		above[c.Parent().Node()] = c.Node()
	}
	for c := b; c.Parent().Node() != nil; c = c.Parent() {
		child, ok := above[c.Parent().Node()]
		if !ok {
			continue
		}
		switch n := c.Parent().Node().(type) {
		case *ast.BlockStmt:
			_, clause := child.(*ast.CaseClause)
			_, comm := child.(*ast.CommClause)
			return clause || comm
		case *ast.IfStmt:
			return child == n.Body && c.Node() == n.Else || child == n.Else && c.Node() == n.Body
		}
		return false
	}
	return false
}

// nextToCollection reports whether one of the two statements before the
// reading, or the one behind it, forces a collection.
func nextToCollection(call rewrite.Call) bool {
	collects := func(c inspector.Cursor) bool {
		for n := range c.Preorder((*ast.CallExpr)(nil)) {
			if collect.IsCollection(call.Pkg, n.Node()) {
				return true
			}
		}
		return false
	}
	stmt := call.At
	for !syntax.InList(stmt) {
		if stmt.Parent().Node() == nil {
			return false
		}
		stmt = stmt.Parent()
	}
	if next, ok := stmt.NextSibling(); ok && collects(next) {
		return true
	}
	for range 2 {
		prev, ok := stmt.PrevSibling()
		if !ok {
			return false
		}
		if collects(prev) {
			return true
		}
		stmt = prev
	}
	return false
}

// onlyOnce reports whether an if statement lets the call pass once: it asks for
// a flag that its body sets, "if !started { started = true }".
func onlyOnce(call rewrite.Call) bool {
	for c := range call.At.Enclosing((*ast.IfStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		n, ok := c.Node().(*ast.IfStmt)
		if !ok {
			return false
		}
		not, ok := ast.Unparen(n.Cond).(*ast.UnaryExpr)
		if !ok || not.Op != token.NOT {
			continue
		}
		id := syntax.LastName(not.X)
		if id == nil || call.Pkg.Info.Uses[id] == nil {
			continue
		}
		flag := call.Pkg.Info.Uses[id]
		if syntax.ContainsNode(n.Body, func(n ast.Node) bool {
			as, ok := n.(*ast.AssignStmt)
			if !ok || len(as.Lhs) != 1 || len(as.Rhs) != 1 {
				return false
			}
			l := syntax.LastName(as.Lhs[0])
			tv := call.Pkg.Info.Types[as.Rhs[0]]
			return l != nil && call.Pkg.Info.Uses[l] == flag && tv.Value != nil && tv.Value.String() == "true"
		}) {
			return true
		}
	}
	return false
}

// memReading is a variable that ReadMemStats fills, with all that is done with
// it.
type memReading struct {
	pkg  *rewrite.Package
	file *rewrite.File
	at   inspector.Cursor // the call that was found
	v    *types.Var
	base types.Object // the variable whose field v is, nil when v is no field
	// pointer says that v is a *runtime.MemStats.
	pointer bool

	decl   ast.Stmt       // the declaration in a statement of its own, nil at package level
	spec   *ast.ValueSpec // the declaration with var
	gen    *ast.GenDecl
	holder *syntax.StructDecl // the struct that v is a field of
	field  *ast.Field         // its declaration there
	typ    ast.Expr           // runtime.MemStats in the declaration
	reads  []memRead
	uses   []memUse
}

// memRead is a call of ReadMemStats as a statement.
type memRead struct {
	call *ast.CallExpr
	stmt ast.Stmt
	list ast.Node // what holds the statement
}

// memUse is a use of a field.
type memUse struct {
	node  ast.Expr // what is replaced
	at    inspector.Cursor
	field memField
	name  string // of the field
	// helper is the key in memHelpers of the function that the replacement
	// calls, "" where it calls none.
	helper string
	index  ast.Expr // the element of the ring of pauses that helper is asked for
	// duration says that node is the conversion of PauseTotalNs to a Duration.
	duration bool
}

// memReadingOf returns the variable that call fills, or says why its uses
// cannot be replaced.
func memReadingOf(call rewrite.Call) (*memReading, string) {
	r := &memReading{pkg: call.Pkg, file: call.File, at: call.At}
	arg := ast.Unparen(call.Call.Args[0])
	if u, ok := arg.(*ast.UnaryExpr); ok && u.Op == token.AND {
		arg = ast.Unparen(u.X)
	} else {
		r.pointer = true
	}
	switch x := arg.(type) {
	case *ast.Ident:
		r.v, _ = r.pkg.Info.Uses[x].(*types.Var)
	case *ast.SelectorExpr:
		r.v, r.base = r.fieldOf(x)
	default:
		return nil, "the statistics are kept in an element"
	}
	if r.v == nil {
		return nil, "the statistics are not in a variable"
	}
	find := r.findDeclaration
	if r.base != nil {
		find = r.findField
	}
	if why := find(); why != "" {
		return nil, why
	}
	if why := r.findUses(); why != "" {
		return nil, why
	}
	if why := r.checkOrder(); why != "" {
		return nil, why
	}
	return r, ""
}

// scope returns the cursors at the declarations in which v can be used.
func (r *memReading) scope() []inspector.Cursor {
	if r.shared() {
		return []inspector.Cursor{r.pkg.Inspector.Root()}
	}
	for c := range r.at.Enclosing((*ast.FuncDecl)(nil), (*ast.GenDecl)(nil)) {
		if c.ParentEdgeKind() == edge.File_Decls {
			return []inspector.Cursor{c}
		}
	}
	return nil
}

func (r *memReading) packageLevel() bool { return r.v.Parent() == r.pkg.Types.Scope() }

// shared reports whether v outlives the function that reads into it.
func (r *memReading) shared() bool { return r.base != nil || r.packageLevel() }

// findDeclaration looks for the place where v is declared.
func (r *memReading) findDeclaration() string {
	const elsewhere = "the struct comes from elsewhere"
	var def inspector.Cursor
	for _, in := range r.scope() {
		for c := range in.Preorder((*ast.Ident)(nil)) {
			if r.pkg.Info.Defs[c.Node().(*ast.Ident)] == r.v {
				def = c
			}
		}
	}
	if def.Node() == nil {
		return elsewhere
	}
	switch n := def.Parent().Node().(type) {
	case *ast.ValueSpec:
		if len(n.Names) != 1 {
			return "the variable is declared together with others"
		}
		r.spec, r.gen = n, def.Parent().Parent().Node().(*ast.GenDecl)
		if d, ok := def.Parent().Parent().Parent().Node().(*ast.DeclStmt); ok {
			r.decl = d
		}
		switch {
		case len(n.Values) == 0:
			r.typ = n.Type
		case n.Type == nil && len(n.Values) == 1:
			r.typ = emptyMemStats(r.pkg, n.Values[0])
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE || len(n.Lhs) != 1 || len(n.Rhs) != 1 || !syntax.InList(def.Parent()) {
			return elsewhere
		}
		r.decl = n
		r.typ = emptyMemStats(r.pkg, n.Rhs[0])
	}
	if r.typ == nil || !syntax.IsType(r.pkg.Info.TypeOf(r.typ), "runtime", "MemStats") {
		return elsewhere
	}
	if r.packageLevel() {
		if r.v.Exported() || syntax.Mentioned(r.pkg, r.v.Name()) {
			return "other code may use the variable"
		}
	}
	return ""
}

// emptyMemStats returns the type in an expression that makes an empty MemStats:
// runtime.MemStats{}, &runtime.MemStats{} or new(runtime.MemStats).
func emptyMemStats(p *rewrite.Package, x ast.Expr) ast.Expr {
	x = ast.Unparen(x)
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.AND {
		x = ast.Unparen(u.X)
	}
	switch n := x.(type) {
	case *ast.CompositeLit:
		if len(n.Elts) == 0 {
			return n.Type
		}
	case *ast.CallExpr:
		if syntax.IsBuiltin(p, n, "new") && len(n.Args) == 1 {
			return n.Args[0]
		}
	}
	return nil
}

// findUses collects the uses of v, and says which of them has no replacement.
func (r *memReading) findUses() string {
	done := make(map[ast.Node]bool) // identifiers within a use that was taken as a whole
	for _, in := range r.scope() {
		for c := range in.Preorder((*ast.Ident)(nil)) {
			id := c.Node().(*ast.Ident)
			if r.pkg.Info.Uses[id] != r.v || done[id] {
				continue
			}
			if r.base != nil {
				if c = c.Parent(); !r.is(syntax.AsExpr(c.Node())) {
					return "several values hold the statistics"
				}
			}
			use, why := r.useAt(c)
			if why != "" {
				return why
			}
			if use == nil {
				continue // a call of ReadMemStats
			}
			for x := range use.at.Preorder((*ast.Ident)(nil)) {
				done[x.Node()] = true
			}
			r.uses = append(r.uses, *use)
		}
	}
	if len(r.uses) == 0 {
		return "none of the fields is read here"
	}
	if len(r.reads) == 0 {
		return "the call is not a statement of its own"
	}
	if r.shared() {
		home := syntax.EnclosingDecl(r.at)
		for _, u := range r.uses {
			if syntax.EnclosingDecl(u.at) != home {
				return "several functions use the variable"
			}
		}
		for _, read := range r.reads {
			if home == nil || read.call.Pos() < home.Pos() || home.End() <= read.call.Pos() {
				return "several functions use the variable"
			}
		}
	}
	return ""
}

// useAt returns the use of a field that the identifier at c begins, nil for an
// argument of ReadMemStats, or says why it cannot be replaced.
func (r *memReading) useAt(c inspector.Cursor) (*memUse, string) {
	p := r.pkg
	up := parens(c)
	switch n := up.Parent().Node().(type) {
	case *ast.UnaryExpr:
		if n.Op == token.AND && !r.pointer {
			arg := parens(up.Parent())
			if p.IsCall(arg.Parent().Node(), "runtime", "ReadMemStats") {
				return nil, r.addRead(arg.Parent())
			}
			return nil, r.handedOn(up.Parent())
		}
	case *ast.CallExpr:
		if r.pointer && p.IsCall(n, "runtime", "ReadMemStats") {
			return nil, r.addRead(up.Parent())
		}
	case *ast.StarExpr:
		if star := parens(up.Parent()); r.pointer {
			if _, ok := star.Parent().Node().(*ast.SelectorExpr); ok {
				return r.fieldAt(star.Parent())
			}
			return nil, r.handedOn(star)
		}
	case *ast.SelectorExpr:
		return r.fieldAt(up.Parent())
	}
	return nil, r.handedOn(up)
}

// parens climbs from c to the outermost parentheses around it.
func parens(c inspector.Cursor) inspector.Cursor {
	for {
		if _, ok := c.Parent().Node().(*ast.ParenExpr); !ok {
			return c
		}
		c = c.Parent()
	}
}

func (r *memReading) addRead(call inspector.Cursor) string {
	stmt, ok := call.Parent().Node().(*ast.ExprStmt)
	if !ok || !syntax.InList(call.Parent()) {
		return "the call is not a statement of its own"
	}
	r.reads = append(r.reads, memRead{call: call.Node().(*ast.CallExpr), stmt: stmt, list: call.Parent().Parent().Node()})
	return ""
}

// handedOn says what becomes of the whole struct at c.
func (r *memReading) handedOn(c inspector.Cursor) string {
	switch n := c.Parent().Node().(type) {
	case *ast.ReturnStmt:
		return "the whole struct is returned"
	case *ast.CallExpr:
		if id := syntax.LastName(n.Fun); id != nil && c.ParentEdgeKind() == edge.CallExpr_Args {
			return "the whole struct is handed to " + id.Name
		}
	case *ast.AssignStmt:
		if c.ParentEdgeKind() == edge.AssignStmt_Lhs {
			return "the whole struct is set"
		}
	}
	return "the whole struct is copied"
}

// fieldAt returns the use of a field by the selector expression at c.
func (r *memReading) fieldAt(c inspector.Cursor) (*memUse, string) {
	p := r.pkg
	name := c.Node().(*ast.SelectorExpr).Sel.Name
	use := &memUse{node: c.Node().(ast.Expr), at: c, name: name}
	top := parens(c)
	switch n := top.Parent().Node().(type) {
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return nil, "the address of " + name + " is taken"
		}
	case *ast.AssignStmt:
		if top.ParentEdgeKind() == edge.AssignStmt_Lhs {
			return nil, name + " is set"
		}
	case *ast.IncDecStmt:
		return nil, name + " is set"
	case *ast.RangeStmt:
		if top.ParentEdgeKind() != edge.RangeStmt_X {
			return nil, name + " is set"
		}
	case *ast.IfStmt:
		if name == "EnableGC" || name == "DebugGC" {
			return nil, "the condition " + name + " always has the same value"
		}
	}
	field, ok := memFields[name]
	if !ok {
		return nil, name + " has no replacement"
	}
	use.field = field
	if name == "PauseNs" || name == "PauseEnd" {
		return use, r.pausesAt(use, top)
	}
	if _, ok := memHelpers[name]; ok {
		use.helper = name
	}
	r.difference(use)
	if conv := use.at.Parent(); name == "PauseTotalNs" && syntax.IsConversion(p, conv) && use.at.ParentEdgeKind() == edge.CallExpr_Args {
		if call := conv.Node().(*ast.CallExpr); syntax.IsType(p.Info.TypeOf(call), "time", "Duration") {
			use.node, use.at, use.duration = call, conv, true
		}
	}
	return use, ""
}

// pausesAt completes the use of a ring of pauses by the selector expression at
// c, or says why it cannot be replaced.
func (r *memReading) pausesAt(use *memUse, c inspector.Cursor) string {
	name := use.name
	switch n := c.Parent().Node().(type) {
	case *ast.IndexExpr:
		if c.ParentEdgeKind() != edge.IndexExpr_X {
			break
		}
		switch up := parens(c.Parent()); n := up.Parent().Node().(type) {
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				return "the address of " + name + " is taken"
			}
		case *ast.AssignStmt:
			if up.ParentEdgeKind() == edge.AssignStmt_Lhs {
				return name + " is set"
			}
		case *ast.IncDecStmt:
			return name + " is set"
		}
		switch {
		case r.newest(n.Index):
			use.node, use.at, use.helper = n, c.Parent(), name
			return ""
		case name != "PauseNs":
		case syntax.Mentions(r.pkg, n.Index, r.v) || commented(r.file, n):
			// The index stays where it is.
			use.helper, use.field.gc = "PauseNs ring", "$helper($p)"
			return ""
		default:
			use.node, use.at, use.index = n, c.Parent(), n.Index
			use.helper, use.field.gc = "PauseNs element", "$helper($p, $i)"
			return ""
		}
	case *ast.CallExpr:
		if syntax.IsBuiltin(r.pkg, n, "len") || syntax.IsBuiltin(r.pkg, n, "cap") {
			if b, ok := parens(c.Parent()).Parent().Node().(*ast.BinaryExpr); ok && (r.constant(b.X, 0) || r.constant(b.Y, 0)) {
				return "the length of " + name + ", an array, always compares with 0 in the same way"
			}
			use.node, use.at, use.field = n, c.Parent(), memField{constant: "256"}
			return ""
		}
	case *ast.RangeStmt:
		if name == "PauseNs" {
			use.helper, use.field.gc = "PauseNs ring", "$helper($p)"
			return ""
		}
	case *ast.SliceExpr:
		// What slices share is lost, so that the slice must not be kept.
		if name == "PauseNs" && r.copies(parens(c.Parent())) && r.usesOf(name) == 1 {
			use.helper, use.field.gc = "PauseNs ring", "$helper($p)"
			return ""
		}
	}
	return name + " has no replacement as a whole"
}

// copies reports whether the slice at c is only gone through, or copied.
func (r *memReading) copies(c inspector.Cursor) bool {
	switch n := c.Parent().Node().(type) {
	case *ast.RangeStmt:
		return c.ParentEdgeKind() == edge.RangeStmt_X
	case *ast.CallExpr:
		if c.ParentEdgeKind() != edge.CallExpr_Args || c.ParentEdgeIndex() == 0 {
			return false
		}
		return syntax.IsBuiltin(r.pkg, n, "copy") || syntax.IsBuiltin(r.pkg, n, "append")
	}
	return false
}

// usesOf returns the number of places that read the elements of a ring of
// pauses.
func (r *memReading) usesOf(name string) int {
	n := 0
	for _, in := range r.scope() {
		for c := range in.Preorder((*ast.SelectorExpr)(nil)) {
			sel := c.Node().(*ast.SelectorExpr)
			if sel.Sel.Name != name || !r.is(sel.X) {
				continue
			}
			if call, ok := c.Parent().Node().(*ast.CallExpr); !ok || !syntax.IsBuiltin(r.pkg, call, "len") && !syntax.IsBuiltin(r.pkg, call, "cap") {
				n++
			}
		}
	}
	return n
}

// difference widens the use to a difference of two fields that is one metric.
func (r *memReading) difference(use *memUse) {
	b, ok := use.at.Parent().Node().(*ast.BinaryExpr)
	if !ok || b.Op != token.SUB || b.X != use.node {
		return
	}
	other, ok := b.Y.(*ast.SelectorExpr)
	if !ok || !r.is(other.X) {
		return
	}
	field, ok := memDifferences[[2]string{use.name, other.Sel.Name}]
	if !ok || commented(r.file, b) {
		return
	}
	use.node, use.at, use.field, use.name = b, use.at.Parent(), field, use.name+" - "+other.Sel.Name
}

// is reports whether x is the variable.
func (r *memReading) is(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return r.base == nil && r.pkg.Info.Uses[x] == r.v
	case *ast.SelectorExpr:
		id, ok := ast.Unparen(x.X).(*ast.Ident)
		return ok && r.base != nil && r.pkg.Info.Uses[id] == r.base && r.pkg.Info.Uses[x.Sel] == r.v
	}
	return false
}

// commented reports whether a comment stands within n.
func commented(f *rewrite.File, n ast.Node) bool {
	return slices.ContainsFunc(f.AST.Comments, func(c *ast.CommentGroup) bool { return n.Pos() <= c.Pos() && c.End() <= n.End() })
}

// newest reports whether x is the index of the newest pause in the rings of a
// MemStats: (NumGC+255)%256 or (NumGC-1)%256.
func (r *memReading) newest(x ast.Expr) bool {
	mod, ok := ast.Unparen(x).(*ast.BinaryExpr)
	if !ok || mod.Op != token.REM || !r.constant(mod.Y, 256) {
		return false
	}
	sum, ok := ast.Unparen(mod.X).(*ast.BinaryExpr)
	if !ok {
		return false
	}
	if !(sum.Op == token.ADD && r.constant(sum.Y, 255) || sum.Op == token.SUB && r.constant(sum.Y, 1)) {
		return false
	}
	n := ast.Unparen(sum.X)
	if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 && r.pkg.Info.Types[call.Fun].IsType() && sum.Op == token.ADD {
		n = ast.Unparen(call.Args[0])
	}
	sel, ok := n.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "NumGC" && r.is(sel.X)
}

func (r *memReading) constant(x ast.Expr, want int64) bool {
	tv, ok := r.pkg.Info.Types[x]
	if !ok || tv.Value == nil {
		return false
	}
	got, exact := constant.Int64Val(constant.ToInt(tv.Value))
	return exact && got == want
}

// checkOrder makes sure that each use comes after a reading: the values of a
// sample that was not read cannot be asked for, while the fields of an empty
// MemStats are 0.
func (r *memReading) checkOrder() string {
	home := syntax.EnclosingDecl(r.at)
	if home != nil && syntax.InDecl(home, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok == token.GOTO
	}) {
		return "the function uses goto"
	}
	for _, u := range r.uses {
		if !slices.ContainsFunc(r.reads, func(read memRead) bool {
			return read.list.Pos() <= u.at.Node().Pos() && u.at.Node().End() <= read.list.End() && read.stmt.End() <= u.at.Node().Pos()
		}) {
			return fmt.Sprintf("%s may be used before it is read", u.name)
		}
	}
	return ""
}

// fieldNames lists the fields that are used and for which keep holds, in order
// of first use.
func (r *memReading) fieldNames(keep func(memUse) bool) string {
	var names []string
	for _, u := range r.uses {
		if keep(u) && !slices.Contains(names, u.name) {
			names = append(names, u.name)
		}
	}
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

package memstatspoll

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

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

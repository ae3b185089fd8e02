package collect

import (
	"go/ast"
	"go/constant"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// memoryNames matches names of what tells how much memory is used.
var memoryNames = regexp.MustCompile(`(?:^|[a-z_])(?:RSS|[Rr]ss)(?:[A-Z_]|$)|^rss|(?i:mem(?:ory)?_?(?:usage|used|use|pressure|limit|high|low|alloc\w*|size|percent|exceeded|stats?|bytes|mb|total)|(?:used|high|low|over|out_?of|max|free|available|check|current|resident)_?mem(?:ory)?(?:_?\w{0,5})?$|heap_?(?:alloc|inuse|in_?use|size|used|sys|limit)|under_?pressure)|OOM|(?:^|_)oom`)

// decidesByMemory reports whether how much memory is used decides if the place at
// cur is reached: by an if, switch or loop around it, or by an if before it that
// leaves.
func decidesByMemory(p *rewrite.Package, cur inspector.Cursor) bool {
	decl := syntax.EnclosingDecl(cur)
	if decl == nil {
		return false
	}
	t := memoryIn(p, decl)
	for c := cur; ; c = c.Parent() {
		switch n := c.Parent().Node().(type) {
		case nil, *ast.File, *ast.FuncDecl:
			return false
		case *ast.IfStmt:
			if c.Node() != n.Cond && c.Node() != n.Init && t.tells(n.Cond) {
				return true
			}
		case *ast.ForStmt:
			if n.Cond != nil && c.Node() == n.Body && t.tells(n.Cond) {
				return true
			}
		case *ast.SwitchStmt:
			if n.Tag != nil && t.tells(n.Tag) {
				return true
			}
		case *ast.CaseClause:
			for _, x := range n.List {
				if t.tells(x) {
					return true
				}
			}
			if t.guards(n.Body, c.Node()) || n.List == nil && t.otherCases(c.Parent()) {
				return true
			}
		case *ast.CommClause:
			if t.guards(n.Body, c.Node()) {
				return true
			}
		case *ast.BlockStmt:
			if t.guards(n.List, c.Node()) {
				return true
			}
		case *ast.FuncLit:
			if call, ok := c.Parent().Parent().Node().(*ast.CallExpr); !ok || call.Fun != n {
				return false
			}
		}
	}
}

// memoryTaint knows the variables that hold how much memory is used.
type memoryTaint struct {
	p    *rewrite.Package
	vars map[types.Object]bool
}

// memoryIn returns what is known so of decl, of which each call in it asks.
func memoryIn(p *rewrite.Package, decl *ast.FuncDecl) *memoryTaint {
	type key struct{ decl *ast.FuncDecl }
	return rewrite.Memo(p.Snapshot(), key{decl}, func() *memoryTaint {
		t := &memoryTaint{p: p, vars: make(map[types.Object]bool)}
		t.spread(decl)
		return t
	})
}

// spread follows what tells of memory through the assignments of decl, and
// through those of the package to its fields and package-level variables.
func (t *memoryTaint) spread(decl *ast.FuncDecl) {
	for range 3 {
		grown := false
		note := func(to, value ast.Expr) {
			obj := syntax.BaseVar(t.p, to)
			if id, ok := to.(*ast.Ident); ok && obj == nil {
				obj = t.p.Info.Defs[id]
			}
			if obj != nil && !t.vars[obj] && t.reads(value) {
				t.vars[obj], grown = true, true
			}
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if len(n.Lhs) == len(n.Rhs) {
						note(l, n.Rhs[i])
					} else if len(n.Rhs) == 1 && !syntax.IsError(t.p.Info.TypeOf(l)) { // that reading failed is no amount
						note(l, n.Rhs[0])
					}
				}
			case *ast.ValueSpec:
				for i, id := range n.Names {
					if i < len(n.Values) {
						note(id, n.Values[i])
					}
				}
			case *ast.IfStmt:
				// if used > most { collecting = true }
				if t.tells(n.Cond) {
					grown = t.switched(n.Body) || grown
				}
			case *ast.CallExpr:
				// used.Store(rss), fmt.Sscan(text, &used)
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 1 && (sel.Sel.Name == "Store" || sel.Sel.Name == "Set") {
					note(sel.X, n.Args[0])
				}
			}
			return true
		})
		if !grown {
			return
		}
	}
}

// switched notes the variables that the block sets to true or false, which say then
// what led there. It reports whether there are new ones.
func (t *memoryTaint) switched(b *ast.BlockStmt) bool {
	grown := false
	for _, s := range b.List {
		as, ok := s.(*ast.AssignStmt)
		if !ok || len(as.Lhs) != len(as.Rhs) {
			continue
		}
		for i, l := range as.Lhs {
			id, value := syntax.LastName(l), t.p.Info.Types[as.Rhs[i]].Value
			if id == nil || value == nil || value.Kind() != constant.Bool {
				continue
			}
			if obj := t.p.Info.ObjectOf(id); obj != nil && !t.vars[obj] {
				t.vars[obj], grown = true, true
			}
		}
	}
	return grown
}

// reads reports whether x tells how much memory is used, variables included.
func (t *memoryTaint) reads(x ast.Expr) bool {
	return readsMemory(t.p, x) || syntax.ContainsNode(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && t.vars[t.p.Info.Uses[id]]
	})
}

// tells reports whether x tells how much memory is used, going by what it reads
// or by the names in it.
func (t *memoryTaint) tells(x ast.Expr) bool {
	return t.reads(x) || syntax.ContainsNode(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && memoryNames.MatchString(id.Name)
	})
}

// guards reports whether an if among the statements before child leaves the list
// by how much memory is used.
func (t *memoryTaint) guards(list []ast.Stmt, child ast.Node) bool {
	for _, stmt := range list {
		if stmt == child {
			return false
		}
		switch n := stmt.(type) {
		case *ast.IfStmt:
			// One that leaves by an error does so whatever is collected behind it.
			if syntax.Leaves(n.Body) && !failed(t.p, n.Cond) && t.tells(n.Cond) {
				return true
			}
		case *ast.SwitchStmt:
			if !syntax.Leaves(n) {
				continue
			}
			if n.Tag != nil && t.tells(n.Tag) {
				return true
			}
			for _, c := range n.Body.List {
				for _, x := range c.(*ast.CaseClause).List {
					if t.tells(x) {
						return true
					}
				}
			}
		}
	}
	return false
}

// otherCases reports whether a case beside the default clause at c tells.
func (t *memoryTaint) otherCases(c inspector.Cursor) bool {
	block, ok := c.Parent().Node().(*ast.BlockStmt)
	if !ok {
		return false
	}
	for _, s := range block.List {
		for _, x := range s.(*ast.CaseClause).List {
			if t.tells(x) {
				return true
			}
		}
	}
	return false
}

package edit

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/dave/dst"
	"golang.org/x/tools/go/ast/edge"
)

var keepComment = regexp.MustCompile(`\b(TODO|FIXME|BUG|XXX)\b`)

var lineDirective = regexp.MustCompile(`^//\s?(nolint|#nosec|lint:ignore|runtimefix:ignore)`)

var ignoreDirective = regexp.MustCompile(`^//\s?runtimefix:ignore`)

// delete removes stmt from its list, and what is left without an effect by
// that.
func (t *tree) delete(stmt ast.Stmt, about About) error {
	list, i, err := t.list(stmt)
	if err != nil {
		return err
	}
	t.touched = true
	twin := (*list)[i]
	d := twin.Decorations()
	var next dst.Stmt
	if i+1 < len(*list) {
		next = (*list)[i+1]
	}
	above := keptAbove(d, next, about)
	same, below := splitEnd(d.End)
	if i > 0 && d.Before == dst.None || next != nil && next.Decorations().Before == dst.None {
		if slices.ContainsFunc(slices.Concat(same, d.Start), ignoreDirective.MatchString) {
			return fmt.Errorf("%s: the ignore comment may be for what else stands on the line", t.pos(stmt))
		}
	}
	t.drop(same...)
	t.drop(d.Start[len(d.Start)-dropped(d.Start, above):]...)
	t.dropWithin(stmt)
	if i == 0 {
		above = slices.Clone(above)
		for len(above) > 0 && above[0] == "\n" {
			above = above[1:]
		}
	}
	blank := d.Before == dst.EmptyLine || d.After == dst.EmptyLine
	*list = slices.Delete(*list, i, i+1)
	switch {
	case next != nil:
		nd := next.Decorations()
		if len(above) > 0 {
			if nd.Before == dst.EmptyLine || d.After == dst.EmptyLine {
				above = append(above, "\n")
			}
			nd.Start = append(above, nd.Start...)
			nd.Before = d.Before
		} else if i > 0 && blank {
			nd.Before = dst.EmptyLine
		}
		if i == 0 {
			nd.Before = min(d.Before, dst.NewLine) // none where all stands on one line
		}
		if len(below) > 0 {
			nd.Start = append(slices.Clone(below[1:]), nd.Start...)
		}
	case i > 0:
		pd := (*list)[i-1].Decorations()
		pd.After = min(d.After, dst.NewLine)
		if len(above) > 0 {
			if d.Before == dst.EmptyLine {
				above = append([]string{"\n"}, above...)
			}
			appendBelow(&pd.End, append([]string{"\n"}, above...))
		}
		appendBelow(&pd.End, below)
	default:
		return t.emptied(stmt, append(above, below...))
	}
	return nil
}

// keptAbove returns the comments above a removed statement that stay.
func keptAbove(d *dst.NodeDecs, next dst.Stmt, about About) []string {
	all := slices.Clone([]string(d.Start))
	if len(all) == 0 || all[len(all)-1] == "\n" {
		return all // nothing, or a blank line between comment and statement
	}
	i := len(all)
	for i > 0 && all[i-1] != "\n" {
		i--
	}
	kept, block := all[:i], all[i:]
	for len(block) > 0 && lineDirective.MatchString(block[len(block)-1]) {
		block = block[:len(block)-1]
	}
	if len(block) == 0 {
		return trimBlank(kept)
	}
	alone := next == nil || d.After == dst.EmptyLine || next.Decorations().Before == dst.EmptyLine || len(next.Decorations().Start) > 0
	text := strings.Join(block, "\n")
	if about != nil && about(text, alone) && !keepComment.MatchString(text) {
		return trimBlank(kept)
	}
	return append(kept, block...)
}

// dropped returns how many of the last decorations in start are not in kept,
// which holds the others.
func dropped(start dst.Decorations, kept []string) int {
	n := 0
	for _, s := range kept {
		if s != "\n" {
			n++
		}
	}
	for i, s := range start {
		if n == 0 {
			return len(start) - i
		}
		if s != "\n" {
			n--
		}
	}
	return 0
}

func trimBlank(decs []string) []string {
	for len(decs) > 0 && decs[len(decs)-1] == "\n" {
		decs = decs[:len(decs)-1]
	}
	return decs
}

// splitEnd splits the comments behind a statement into those on its line and
// those on lines of their own, which begin with a line break.
func splitEnd(end dst.Decorations) (same, below []string) {
	for i, s := range end {
		switch {
		case i > 0 && isLineComment(end[i-1]): // it ends its line
			return end[:i:i], append([]string{"\n"}, end[i:]...)
		case s == "\n":
			return end[:i:i], slices.Clone(end[i:])
		}
	}
	return end, nil
}

// appendBelow adds comments that begin with a line break to those behind a node.
func appendBelow(end *dst.Decorations, below []string) {
	if n := len(*end); n > 0 && len(below) > 0 && isLineComment((*end)[n-1]) {
		below = below[1:] // the line is ended
	}
	end.Append(below...)
}

func isLineComment(s string) bool { return strings.HasPrefix(s, "//") }

// dereferenced reports whether the pointer that id names is known not to be nil
// at id: it is the receiver, or a statement before dereferences it, too.
func (t *tree) dereferenced(id *ast.Ident) bool {
	info := t.f.Pkg.Info
	v, ok := info.Uses[id].(*types.Var)
	if !ok || v.IsField() {
		return false
	}
	if v.Kind() == types.RecvVar {
		return true
	}
	cur, ok := t.f.Pkg.Cursor(id)
	if !ok {
		return false
	}
	for c := cur; ; c = c.Parent() {
		switch c.Node().(type) {
		case nil, *ast.FuncDecl, *ast.FuncLit:
			return false
		}
		switch c.ParentEdgeKind() {
		case edge.BlockStmt_List, edge.CaseClause_Body, edge.CommClause_Body:
		default:
			continue
		}
		for prev, ok := c.PrevSibling(); ok; prev, ok = prev.PrevSibling() {
			switch prev.Node().(type) {
			case *ast.AssignStmt, *ast.ExprStmt, *ast.IncDecStmt:
			default:
				continue
			}
			found := false
			ast.Inspect(prev.Node(), func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncLit:
					return false
				case *ast.BinaryExpr:
					return n.Op != token.LAND && n.Op != token.LOR
				case *ast.SelectorExpr:
					x, isIdent := n.X.(*ast.Ident)
					sel := info.Selections[n]
					if isIdent && info.Uses[x] == v && sel != nil && sel.Kind() == types.FieldVal {
						found = true
					}
				}
				return !found
			})
			if found {
				return true
			}
		}
	}
}

// pure reports whether evaluating x can neither have an effect nor panic.
func (t *tree) pure(x ast.Expr) bool {
	info := t.f.Pkg.Info
	if tv, ok := info.Types[x]; ok && tv.Value != nil {
		return true
	}
	switch x := x.(type) {
	case *ast.Ident, *ast.BasicLit:
		return true
	case *ast.ParenExpr:
		return t.pure(x.X)
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok {
			if _, isPkg := info.Uses[id].(*types.PkgName); isPkg {
				return true
			}
		}
		sel := info.Selections[x]
		if sel == nil || sel.Kind() != types.FieldVal {
			return false
		}
		if sel.Indirect() {
			id, ok := x.X.(*ast.Ident)
			return ok && len(sel.Index()) == 1 && t.dereferenced(id)
		}
		return t.pure(x.X)
	case *ast.UnaryExpr:
		return x.Op != token.ARROW && t.pure(x.X)
	case *ast.IndexExpr:
		tx := info.TypeOf(x.X)
		if tx == nil {
			return false
		}
		m, ok := tx.Underlying().(*types.Map)
		if !ok {
			return false
		}
		_, basic := m.Key().Underlying().(*types.Basic) // others may not be comparable
		return basic && t.pure(x.X) && t.pure(x.Index)
	case *ast.BinaryExpr:
		return !t.mayPanic(x) && t.pure(x.X) && t.pure(x.Y)
	case *ast.CallExpr:
		id, ok := ast.Unparen(x.Fun).(*ast.Ident)
		if !ok || len(x.Args) != 1 {
			return false
		}
		b, ok := info.Uses[id].(*types.Builtin)
		return ok && (b.Name() == "len" || b.Name() == "cap") && t.pure(x.Args[0])
	}
	return false
}

// mayPanic reports whether the operation of x itself may: a division, or a
// comparison of interfaces.
func (t *tree) mayPanic(x *ast.BinaryExpr) bool {
	info := t.f.Pkg.Info
	switch x.Op {
	case token.QUO, token.REM:
		v := info.Types[x.Y].Value
		return v == nil || constant.Sign(v) == 0
	case token.EQL, token.NEQ:
		tx, ok := info.Types[x.X]
		return ok && tx.Type != nil && types.IsInterface(tx.Type) && !info.Types[x.Y].IsNil()
	}
	return false
}

// attached reports whether decl's doc comment must stay.
func (t *tree) attached(decl *ast.FuncDecl) bool {
	return decl.Doc != nil && keepComment.MatchString(decl.Doc.Text())
}

// deleteDecl removes a package-level declaration and its doc comment. Comments
// that a blank line separates from it stay.
func (t *tree) deleteDecl(decl ast.Decl) error {
	twin, _ := t.dec.Dst.Nodes[decl].(dst.Decl)
	i := slices.Index(t.file.Decls, twin)
	if i < 0 {
		return fmt.Errorf("%s: the declaration is gone", t.pos(decl))
	}
	t.touched = true
	d := twin.Decorations()
	var kept []string
	if j := lastBlank(d.Start); j >= 0 {
		kept = trimBlank(slices.Clone([]string(d.Start[:j])))
	}
	same, below := splitEnd(d.End)
	t.drop(same...)
	t.drop(d.Start[lastBlank(d.Start)+1:]...)
	t.dropWithin(decl)
	t.file.Decls = slices.Delete(t.file.Decls, i, i+1)
	switch {
	case i < len(t.file.Decls):
		nd := t.file.Decls[i].Decorations()
		if len(kept)+len(below) > 0 {
			nd.Start = append(append(kept, append(trimLead(below), "\n")...), nd.Start...)
		}
		nd.Before = dst.EmptyLine
	case i > 0:
		pd := t.file.Decls[i-1].Decorations()
		if len(kept) > 0 {
			pd.End.Append(append([]string{"\n", "\n"}, kept...)...)
		}
		appendBelow(&pd.End, below)
	}
	return nil
}

func trimLead(decs []string) []string {
	for len(decs) > 0 && decs[0] == "\n" {
		decs = decs[1:]
	}
	return decs
}

func lastBlank(decs dst.Decorations) int {
	for i := len(decs) - 1; i >= 0; i-- {
		if decs[i] == "\n" {
			return i
		}
	}
	return -1
}

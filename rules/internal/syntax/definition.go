package syntax

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"golang.org/x/tools/go/ast/inspector"
)

// maxSteps bounds how far an address is followed through variables and
// parameters.
const MaxSteps = 3

// def is the one place where a variable or constant gets its value.
type def struct {
	Value ast.Expr
	// alone reports whether the value is used once, apart from being printed.
	Alone bool
}

// Definition returns where the variable or constant at id gets its only value;
// nil when there are several such places, or none in sight.
func Definition(p *rewrite.Package, id *ast.Ident) *def {
	obj := p.Info.Uses[id]
	switch obj.(type) {
	case *types.Var, *types.Const:
	default:
		return nil
	}
	if obj.Pkg() != p.Types {
		return nil
	}
	var d *def
	uses := 0
	for _, c := range MentionsOf(p, obj) {
		n := c.Node().(*ast.Ident)
		if value, ok := AssignedTo(c); ok {
			if d != nil || value == nil {
				return nil
			}
			d = &def{Value: value}
			continue
		}
		if Written(c) {
			return nil
		}
		if call, ok := c.Parent().Node().(*ast.CallExpr); ok && call.Fun != n {
			if fn := p.Callee(call); fn != nil && (knowledge.Tells(fn.Name()) || strings.HasPrefix(fn.Name(), "Str") || strings.HasPrefix(fn.Name(), "With")) {
				continue
			}
		}
		uses++
	}
	if d != nil && Mentions(p, d.Value, obj) {
		return nil // made from an earlier value of its own: that of a parameter, say
	}
	if d != nil {
		d.Alone = uses == 1 && !(obj.Exported() && obj.Parent() == p.Types.Scope())
	}
	return d
}

// MentionsOf returns the identifiers of the package that define or use obj, in
// source order. It looks them up in an index that is made once for a package.
func MentionsOf(p *rewrite.Package, obj types.Object) []inspector.Cursor {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() map[types.Object][]inspector.Cursor {
		all := make(map[types.Object][]inspector.Cursor)
		for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
			if obj := p.Info.ObjectOf(c.Node().(*ast.Ident)); obj != nil {
				all[obj] = append(all[obj], c)
			}
		}
		return all
	})[obj]
}

package syntax

import (
	"go/ast"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
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

var printing = regexp.MustCompile(`^(Print|Fatal|Panic|Info|Debug|Warn|Error|Log|Msg|Str|With|Notice|Trace)`)

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
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		n := c.Node().(*ast.Ident)
		if p.Info.ObjectOf(n) != obj {
			continue
		}
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
			if fn := p.Callee(call); fn != nil && printing.MatchString(fn.Name()) {
				continue
			}
		}
		uses++
	}
	if d != nil {
		d.Alone = uses == 1 && !(obj.Exported() && obj.Parent() == p.Types.Scope())
	}
	return d
}

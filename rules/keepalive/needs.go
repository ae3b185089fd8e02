package keepalive

import (
	"go/ast"
	"maps"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// needs are the files that leave Go, hand out descriptors, or register finalizers.
func needs() []rewrite.Need {
	out := []rewrite.Need{
		{Import: "C"}, // not in tests: cgo does not work there
		{Import: "os", Idents: []string{"Fd"}, Tests: true, Syntax: selects([]string{"Fd"})},
	}
	out = append(out, finalizer.Needs...)
	// System calls on what may be a handle or an address.
	for _, path := range slices.Sorted(maps.Keys(cgo.SyscallPackages)) {
		out = append(out, rewrite.Need{Import: path, Idents: cgo.DescriptorCalls, Tests: true, Syntax: selects(cgo.DescriptorCalls)})
	}
	return out
}

// selects returns a function that reports whether a file uses one of the names for
// more than the descriptors of the standard streams, whose files are never collected.
func selects(names []string) func(f *ast.File) bool {
	return func(f *ast.File) bool {
		streams := make(map[*ast.Ident]bool)
		return syntax.ContainsNode(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				streams[n.Sel] = n.Sel.Name == "Fd" && isStream(n.X)
			case *ast.Ident:
				return slices.Contains(names, n.Name) && !streams[n]
			}
			return false
		})
	}
}

// isStream reports whether x is written as a standard stream.
func isStream(x ast.Expr) bool {
	sel, ok := x.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "os" && (sel.Sel.Name == "Stdin" || sel.Sel.Name == "Stdout" || sel.Sel.Name == "Stderr")
}

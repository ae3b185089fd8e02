package cgo

import (
	"go/ast"
	"slices"
)

// escapesDirective makes the compiler keep alive and in place what the callers of
// a function convert to its uintptr parameters, as it does for system calls.
const EscapesDirective = "//go:uintptrescapes"

// KeepsConverted reports whether the compiler keeps in place what is converted
// to an integer in the argument list of a call of decl's function: it has no body
// in Go, or says so.
func KeepsConverted(decl *ast.FuncDecl) bool {
	return decl.Body == nil || decl.Doc != nil && slices.ContainsFunc(decl.Doc.List, func(c *ast.Comment) bool {
		return c.Text == EscapesDirective || c.Text == "//go:uintptrkeepalive"
	})
}

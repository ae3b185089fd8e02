package edit

import (
	"fmt"
	"go/token"
	"strings"

	"github.com/dave/dst"
	"github.com/dave/dst/decorator"
	"github.com/dave/dst/dstutil"
)

// Holes are the values of a template's $names: a string is an identifier, a
// dst.Expr takes the place of the hole, a []dst.Expr is spliced into an
// argument or element list, a []dst.Stmt into a statement list where the hole
// stands alone.
type Holes map[string]any

// templatePackages are the names by which templates refer to packages.
var templatePackages = map[string]string{
	"context": "context",
	"debug":   "runtime/debug",
	"errors":  "errors",
	"http":    "net/http",
	"log":     "log",
	"metrics": "runtime/metrics",
	"net":     "net",
	"os":      "os",
	"pprof":   "net/http/pprof",
	"runtime": "runtime",
	"signal":  "os/signal",
	"slices":  "slices",
	"strings": "strings",
	"sync":    "sync",
	"syscall": "syscall",
	"time":    "time",
	"unsafe":  "unsafe",
}

const holePrefix = "HOLE_"

// Stmts parses statements of Go source in which pkg.Name means that package of
// the standard library (see templatePackages) whatever it is called in the
// file, and $name is a hole. It panics when src is not Go: templates are
// constants.
func Stmts(src string, holes Holes) []dst.Stmt {
	f := parseTemplate("package p\nfunc _() {\n"+src+"\n}\n", holes)
	return f.Decls[0].(*dst.FuncDecl).Body.List
}

// Expr parses an expression, as Stmts does.
func Expr(src string, holes Holes) dst.Expr {
	f := parseTemplate("package p\nvar _ = "+src+"\n", holes)
	return f.Decls[0].(*dst.GenDecl).Specs[0].(*dst.ValueSpec).Values[0]
}

// TypeExpr parses a type, as Stmts does.
func TypeExpr(src string, holes Holes) dst.Expr {
	f := parseTemplate("package p\nvar _ "+src+"\n", holes)
	return f.Decls[0].(*dst.GenDecl).Specs[0].(*dst.ValueSpec).Type
}

// Decls parses package-level declarations, as Stmts does.
func Decls(src string, holes Holes) []dst.Decl {
	return parseTemplate("package p\n\n"+src+"\n", holes).Decls
}

func parseTemplate(src string, holes Holes) *dst.File {
	f, err := decorator.NewDecorator(token.NewFileSet()).Parse(strings.ReplaceAll(src, "$", holePrefix))
	if err != nil {
		panic(fmt.Sprintf("template: %v\n%s", err, src))
	}
	used := make(map[dst.Expr]bool)
	dstutil.Apply(f, func(c *dstutil.Cursor) bool {
		switch n := c.Node().(type) {
		case *dst.ExprStmt:
			if id, ok := n.X.(*dst.Ident); ok {
				if list, ok := hole(holes, id.Name).([]dst.Stmt); ok {
					if block, ok := c.Parent().(*dst.BlockStmt); ok && len(list) > 0 && !isTop(f, block) {
						// What was amid others may be the first or last of its block now.
						if first := list[0].Decorations(); c.Index() == 0 && first.Before == dst.EmptyLine {
							first.Before = dst.NewLine
						}
						if last := list[len(list)-1].Decorations(); c.Index() == len(block.List)-1 && last.After == dst.EmptyLine {
							last.After = dst.NewLine
						}
					}
					for _, s := range list {
						c.InsertBefore(s)
					}
					c.Delete()
					return false
				}
			}
		case *dst.SelectorExpr:
			if id, ok := n.X.(*dst.Ident); ok && templatePackages[id.Name] != "" {
				c.Replace(&dst.Ident{Name: n.Sel.Name, Path: templatePackages[id.Name], Decs: dst.IdentDecorations{NodeDecs: n.Decs.NodeDecs}})
				return false
			}
		case *dst.Ident:
			switch v := hole(holes, n.Name).(type) {
			case nil:
			case string:
				n.Name = v
			case []dst.Expr:
				for _, x := range v {
					c.InsertBefore(x)
				}
				c.Delete()
				return false
			case dst.Expr:
				if used[v] {
					v = dst.Clone(v).(dst.Expr) // a node stands in one place only
				}
				used[v] = true
				v.Decorations().Before, v.Decorations().After = n.Decs.Before, n.Decs.After
				c.Replace(v)
				return false
			default:
				panic(fmt.Sprintf("template: hole %s cannot be a %T here", n.Name, v))
			}
		}
		return true
	}, nil)
	return f
}

// isTop reports whether block is the body of the function that holds the
// statements of a template.
func isTop(f *dst.File, block *dst.BlockStmt) bool {
	fn, ok := f.Decls[0].(*dst.FuncDecl)
	return ok && fn.Body == block
}

func hole(holes Holes, name string) any {
	k, ok := strings.CutPrefix(name, holePrefix)
	if !ok {
		return nil
	}
	v, ok := holes[k]
	if !ok {
		panic("template: no value for $" + k)
	}
	return v
}

// Use returns an identifier for name of the package with the import path, to
// be put into new code.
func Use(path, name string) *dst.Ident { return &dst.Ident{Name: name, Path: path} }

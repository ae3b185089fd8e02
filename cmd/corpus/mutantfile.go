package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// A mutantFile is a file under mutation: edits of its bytes, and declarations
// and imports to be added.
type mutantFile struct {
	path, rel string
	src       []byte
	fset      *token.FileSet
	syntax    *ast.File
	mark      string // a name of its own for the mutant that is being made

	edits   []byteEdit
	tail    strings.Builder
	imports []string
}

type byteEdit struct {
	start, end int
	text       string
}

// readMutantFile parses a file. It returns nil for one that is not built here
// or has none of the hooks' packages.
func readMutantFile(root, path string) (*mutantFile, error) {
	if ok, err := build.Default.MatchFile(filepath.Dir(path), filepath.Base(path)); err != nil || !ok {
		return nil, nil // not for this platform, or no Go: nothing to mutate
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(src, []byte(`"runtime`)) && !bytes.Contains(src, []byte(`"os/signal"`)) && !bytes.Contains(src, []byte(`"net/http"`)) {
		return nil, nil
	}
	f := &mutantFile{path: path, src: src, fset: token.NewFileSet()}
	if f.syntax, err = parser.ParseFile(f.fset, path, src, parser.ParseComments); err != nil {
		return nil, nil // a fixture that is no Go on purpose
	}
	f.rel, err = filepath.Rel(root, path)
	return f, err
}

// name returns the name under which the file imports a package, "" if it does not.
func (f *mutantFile) name(path string) string {
	for _, imp := range f.syntax.Imports {
		if p, _ := strconv.Unquote(imp.Path.Value); p == path {
			if imp.Name != nil {
				return imp.Name.Name
			}
			return path[strings.LastIndexByte(path, '/')+1:]
		}
	}
	return ""
}

// call returns n as a call of path.fn, or nil.
func (f *mutantFile) call(n ast.Node, path, fn string) *ast.CallExpr {
	if s, ok := n.(*ast.ExprStmt); ok {
		n = s.X
	}
	c, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != fn {
		return nil
	}
	if id, ok := sel.X.(*ast.Ident); !ok || id.Name != f.name(path) || id.Name == "" {
		return nil
	}
	return c
}

// calls returns the calls of path.fn in a function.
func (f *mutantFile) calls(fn *ast.FuncDecl, path, name string) []*ast.CallExpr {
	var out []*ast.CallExpr
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if c := f.call(e, path, name); c != nil {
				out = append(out, c)
			}
		}
		return true
	})
	return out
}

func (f *mutantFile) offset(p token.Pos) int { return f.fset.PositionFor(p, false).Offset }

func (f *mutantFile) text(n ast.Node) string {
	return string(f.src[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *mutantFile) replace(n ast.Node, text string) {
	f.edits = append(f.edits, byteEdit{f.offset(n.Pos()), f.offset(n.End()), text})
}

func (f *mutantFile) insert(at token.Pos, text string) {
	f.edits = append(f.edits, byteEdit{f.offset(at), f.offset(at), text})
}

// delete removes a statement and the line break after it.
func (f *mutantFile) delete(n ast.Node) {
	end := f.offset(n.End())
	if i := bytes.IndexByte(f.src[end:], '\n'); i >= 0 && len(bytes.TrimSpace(f.src[end:end+i])) == 0 {
		end += i + 1
	}
	f.edits = append(f.edits, byteEdit{f.offset(n.Pos()), end, ""})
}

// use imports a package under a name that nothing else has.
func (f *mutantFile) use(path string) string {
	name := "mutant_" + strings.ReplaceAll(path, "/", "_")
	if !slices.Contains(f.imports, path) {
		f.imports = append(f.imports, path)
	}
	return name
}

// declare adds declarations at the end of the file.
func (f *mutantFile) declare(format string, args ...any) {
	fmt.Fprintf(&f.tail, "\n"+format+"\n", args...)
}

// keep makes sure that a package that the mutation may have left without a use
// still has one.
func (f *mutantFile) keep(path, what string) {
	f.declare("var _ %s.%s", f.name(path), what)
}

// result returns the mutated file, gofmt'd.
func (f *mutantFile) result() ([]byte, error) {
	slices.SortStableFunc(f.edits, func(a, b byteEdit) int { return cmp.Compare(a.start, b.start) })
	var out bytes.Buffer
	at := 0
	for _, e := range f.edits {
		if e.start < at {
			return nil, fmt.Errorf("edits overlap at offset %d", e.start)
		}
		out.Write(f.src[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(f.src[at:])
	out.WriteString(f.tail.String())
	src := out.String()
	if len(f.imports) > 0 {
		i := f.offset(f.syntax.Name.End())
		var imports strings.Builder
		for _, path := range f.imports {
			name := f.use(path)
			if path == "net/http/pprof" {
				name = "_"
			}
			fmt.Fprintf(&imports, "\nimport %s %q\n", name, path)
		}
		src = src[:i] + imports.String() + src[i:]
	}
	return format.Source([]byte(src))
}

// zeros is a return statement of zero values for a function's results.
func (f *mutantFile) zeros(fn *ast.FuncDecl) string {
	var out []string
	if fn.Type.Results != nil {
		for _, r := range fn.Type.Results.List {
			if len(r.Names) > 0 {
				return "return"
			}
			out = append(out, "*new("+f.text(r.Type)+")")
		}
	}
	return "return " + strings.Join(out, ", ")
}

// callText is a call of the function with zero values, or "" if it has type parameters.
func (f *mutantFile) callText(fn *ast.FuncDecl) string {
	if fn.Type.TypeParams != nil || fn.Name.Name == "init" || fn.Name.Name == "main" || fn.Name.Name == "_" {
		return ""
	}
	var args []string
	for _, p := range fn.Type.Params.List {
		if _, variadic := p.Type.(*ast.Ellipsis); variadic {
			continue
		}
		for range max(1, len(p.Names)) {
			args = append(args, "*new("+f.text(p.Type)+")")
		}
	}
	if fn.Recv == nil {
		return fn.Name.Name + "(" + strings.Join(args, ", ") + ")"
	}
	recv := f.text(fn.Recv.List[0].Type)
	if strings.Contains(recv, "[") {
		return ""
	}
	return fmt.Sprintf("(*new(%s)).%s(%s)", recv, fn.Name.Name, strings.Join(args, ", "))
}

// enclosing returns the name of the function around a line.
func enclosing(src []byte, line int) string {
	fset := token.NewFileSet()
	file, _ := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if file == nil {
		return ""
	}
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if ok && fset.PositionFor(fn.Pos(), false).Line <= line && line <= fset.PositionFor(fn.End(), false).Line {
			return rewrite.DeclName(fn)
		}
	}
	return ""
}

// normalized prints a function without comments and empty lines.
func normalized(src []byte, name string) string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil {
		return ""
	}
	for _, d := range file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && rewrite.DeclName(fn) == name {
			fn.Doc = nil
			var out bytes.Buffer
			if printer.Fprint(&out, fset, fn) != nil {
				return ""
			}
			return strings.Join(strings.Fields(out.String()), " ")
		}
	}
	return ""
}

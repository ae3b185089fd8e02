package edit

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/dave/dst/dstutil"
	"github.com/runtimefix/runtimefix/rewrite/internal/outline"
	"github.com/runtimefix/runtimefix/rewrite/load"
)

// otherNames are the names under which a package is imported where its own is
// taken.
var otherNames = map[string]string{
	"runtime/metrics": "runtimemetrics",
	"runtime/debug":   "runtimedebug",
	"runtime":         "stdruntime",
	"net/http/pprof":  "httppprof",
}

// resolveImports gives the inserted identifiers that name imports the names
// these have in the file, adding imports where there are none.
func (t *tree) resolveImports() error {
	names := make(map[string]string) // of the imports added, by path
	var firstErr error
	dstutil.Apply(t.file, func(c *dstutil.Cursor) bool {
		id, ok := c.Node().(*dst.Ident)
		if !ok || id.Path == "" {
			return true
		}
		name, ok := t.importName(id.Path, t.anchors[id])
		if !ok {
			name, ok = names[id.Path]
		}
		if !ok {
			name = t.newImportName(id.Path)
			names[id.Path] = name
			if err := t.addImport(id.Path, name); err != nil && firstErr == nil {
				firstErr = err
			}
		}
		if name == "." {
			c.Replace(&dst.Ident{Name: id.Name, Decs: id.Decs})
			return false
		}
		c.Replace(&dst.SelectorExpr{
			X:    dst.NewIdent(name),
			Sel:  dst.NewIdent(id.Name),
			Decs: dst.SelectorExprDecorations{NodeDecs: id.Decs.NodeDecs},
		})
		return false
	}, nil)
	return firstErr
}

// importName returns the name by which the file's import of path can be used
// at pos.
func (t *tree) importName(path string, pos token.Pos) (name string, ok bool) {
	info := t.f.Pkg.Info
	for _, spec := range t.f.AST.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || p != path {
			continue
		}
		if spec.Name != nil && spec.Name.Name == "." {
			return ".", true
		}
		var pkgName *types.PkgName
		if spec.Name != nil {
			pkgName, _ = info.Defs[spec.Name].(*types.PkgName)
		} else {
			pkgName, _ = info.Implicits[spec].(*types.PkgName)
		}
		if pkgName == nil || pkgName.Name() == "_" {
			continue
		}
		if pos.IsValid() && t.f.Pkg.Types != nil {
			if in := t.f.Pkg.ScopeAt(t.f.AST, pos); in != nil {
				if _, obj := in.LookupParent(pkgName.Name(), pos); obj != nil && obj != pkgName {
					continue // shadowed there
				}
			}
		}
		return pkgName.Name(), true
	}
	return "", false
}

// newImportName returns the name for an import to be added: the package's own
// unless something in the file or the package has it.
func (t *tree) newImportName(path string) string {
	base := path[strings.LastIndexByte(path, '/')+1:]
	taken := t.takenNames()
	if !taken[base] {
		return base
	}
	if n := otherNames[path]; n != "" && !taken[n] {
		return n
	}
	n := "std" + base
	for i := 2; taken[n]; i++ {
		n = fmt.Sprintf("std%s%d", base, i)
	}
	return n
}

// takenNames returns the names that mean something in the file already, or that
// a file of the package declares at package level, on whatever platform.
// Fields, methods and labels are no such names: none of them is ever written
// where a package's name could stand.
func (t *tree) takenNames() map[string]bool {
	return load.Memo(t.f.Pkg.Snapshot(), takenKey{t.f}, t.collectNames)
}

type takenKey struct{ f *load.File }

func (t *tree) collectNames() map[string]bool {
	p := t.f.Pkg
	taken := make(map[string]bool)
	if p.Types != nil {
		for _, name := range p.Types.Scope().Names() {
			taken[name] = true
		}
	}
	for _, f := range p.OtherFiles() {
		if f.Name.Name != p.Name {
			continue
		}
		for _, d := range f.Decls {
			outline.AddNames(taken, d)
		}
	}
	for _, spec := range t.f.AST.Imports {
		// An import's own name is taken even where no identifier spells it.
		if obj, ok := p.Info.Implicits[spec].(*types.PkgName); ok {
			taken[obj.Name()] = true
		}
	}
	selected := make(map[*ast.Ident]bool)
	ast.Inspect(t.f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			selected[n.Sel] = true
		case *ast.Ident:
			if !selected[n] && !isMember(p.Info.ObjectOf(n)) {
				taken[n.Name] = true
			}
		}
		return true
	})
	return taken
}

// isMember reports whether obj is a field, a method or a label.
func isMember(obj types.Object) bool {
	switch obj := obj.(type) {
	case *types.Var:
		return obj.IsField()
	case *types.Func:
		return obj.Signature().Recv() != nil
	case *types.Label:
		return true
	}
	return false
}

// addImport inserts an import of path into the group that holds standard
// library paths, where gofmt's order wants it.
func (t *tree) addImport(path, name string) error {
	spec := &dst.ImportSpec{Path: &dst.BasicLit{Kind: token.STRING, Value: strconv.Quote(path)}}
	if base := path[strings.LastIndexByte(path, '/')+1:]; base != name {
		spec.Name = dst.NewIdent(name)
	}
	spec.Decs.Before, spec.Decs.After = dst.NewLine, dst.NewLine
	decl := t.importDecl()
	if decl == nil {
		decl = &dst.GenDecl{Tok: token.IMPORT, Specs: []dst.Spec{spec}}
		spec.Decs.Before, spec.Decs.After = dst.None, dst.None
		decl.Decs.Before, decl.Decs.After = dst.EmptyLine, dst.EmptyLine
		i := 0
		for i < len(t.file.Decls) && isImport(t.file.Decls[i]) {
			i++ // import "C" stays first
		}
		t.file.Decls = slices.Insert(t.file.Decls, i, dst.Decl(decl))
		return nil
	}
	if !decl.Lparen {
		decl.Lparen, decl.Rparen = true, true
		for _, s := range decl.Specs {
			d := s.Decorations()
			d.Before, d.After = dst.NewLine, dst.NewLine
			// import "x" // why: the comment belongs to the declaration. What stands
			// below it, a directive say, stays where it is.
			own, under := splitEnd(d.End)
			same, below := splitEnd(decl.Decs.End)
			d.End = append(own, same...)
			decl.Decs.End = append(under, below...)
		}
	}
	start, end := stdGroup(decl.Specs)
	i := start
	for i < end && importPath(decl.Specs[i]) <= path {
		i++
	}
	if i == start && i < len(decl.Specs) {
		// The group's blank line above goes above the new head.
		head := decl.Specs[i].Decorations()
		spec.Decs.Before = head.Before
		head.Before = dst.NewLine
	}
	if i == end && i > start {
		prev := decl.Specs[i-1].Decorations()
		spec.Decs.After = prev.After
		prev.After = dst.NewLine
	}
	decl.Specs = slices.Insert(decl.Specs, i, dst.Spec(spec))
	return nil
}

// importDecl returns the first import declaration other than import "C".
func (t *tree) importDecl() *dst.GenDecl {
	for _, d := range t.file.Decls {
		g, ok := d.(*dst.GenDecl)
		if !ok || g.Tok != token.IMPORT {
			return nil
		}
		if len(g.Specs) > 0 && !(len(g.Specs) == 1 && importPath(g.Specs[0]) == "C") {
			return g
		}
	}
	return nil
}

func isImport(d dst.Decl) bool {
	g, ok := d.(*dst.GenDecl)
	return ok && g.Tok == token.IMPORT
}

// stdGroup returns the range of specs that holds the first group of imports
// with a standard library path in it, the first group when none has.
func stdGroup(specs []dst.Spec) (start, end int) {
	first := -1
	for i := 0; i < len(specs); {
		j := i + 1
		for j < len(specs) && specs[j].Decorations().Before != dst.EmptyLine && specs[j-1].Decorations().After != dst.EmptyLine {
			j++
		}
		if first < 0 {
			first = j
		}
		for _, s := range specs[i:j] {
			if p := importPath(s); p != "C" && !strings.Contains(strings.SplitN(p, "/", 2)[0], ".") {
				return i, j
			}
		}
		i = j
	}
	return 0, max(first, 0)
}

func importPath(s dst.Spec) string {
	spec, ok := s.(*dst.ImportSpec)
	if !ok {
		return ""
	}
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return p
}

// dropUnused removes the imports that were in use before the edit and are no
// longer. rendered is the edited file, rendered.
func (t *tree) dropUnused(rendered []byte) (dropped bool, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", rendered, 0)
	if err != nil {
		return false, fmt.Errorf("%s: the edited file does not parse: %w", t.f.Path, err)
	}
	used := make(map[string]bool)
	for _, id := range f.Unresolved {
		used[id.Name] = true
	}
	info := t.f.Pkg.Info
	was := t.importUses()
	for _, spec := range t.f.AST.Imports {
		var obj *types.PkgName
		name := ""
		if spec.Name != nil {
			name = spec.Name.Name
			obj, _ = info.Defs[spec.Name].(*types.PkgName)
		} else {
			obj, _ = info.Implicits[spec].(*types.PkgName)
		}
		switch {
		case name == "_" || spec.Path.Value == `"C"`:
			continue
		case name == ".":
			// Uses of pkg.Name under another import of the same package count
			// too, which only keeps the dot import.
			if obj = t.dotImport(spec); obj == nil || len(was.dots[obj.Imported()]) == 0 {
				continue
			}
			if slices.ContainsFunc(was.dots[obj.Imported()], func(id *ast.Ident) bool {
				return used[id.Name] || t.win.hides([]token.Pos{id.Pos()}, t.f.AST.FileStart, t.f.AST.FileEnd)
			}) {
				continue
			}
		case obj == nil || len(was.names[obj]) == 0 || used[obj.Name()] || t.win.hides(was.names[obj], t.f.AST.FileStart, t.f.AST.FileEnd):
			continue
		}
		p, _ := strconv.Unquote(spec.Path.Value)
		if err := t.dropImport(p, name); err != nil {
			return dropped, err
		}
		dropped = true
	}
	return dropped, nil
}

// importUses are the places where the imports of a file are in use, in order.
type importUses struct {
	names map[types.Object][]token.Pos    // by the package's name
	dots  map[*types.Package][]*ast.Ident // that a dot import may be for
}

type usesKey struct{ f *load.File }

func (t *tree) importUses() importUses {
	return load.Memo(t.f.Pkg.Snapshot(), usesKey{t.f}, func() importUses {
		out := importUses{make(map[types.Object][]token.Pos), make(map[*types.Package][]*ast.Ident)}
		ast.Inspect(t.f.AST, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			switch obj := t.f.Pkg.Info.Uses[id].(type) {
			case nil:
			case *types.PkgName:
				out.names[obj] = append(out.names[obj], id.Pos())
			default:
				if obj.Pkg() != nil && obj.Pkg() != t.f.Pkg.Types && obj.Parent() == obj.Pkg().Scope() {
					out.dots[obj.Pkg()] = append(out.dots[obj.Pkg()], id)
				}
			}
			return true
		})
		return out
	})
}

// dotImport returns the package name object of a dot import.
func (t *tree) dotImport(spec *ast.ImportSpec) *types.PkgName {
	if spec.Name != nil {
		if obj, ok := t.f.Pkg.Info.Defs[spec.Name].(*types.PkgName); ok {
			return obj
		}
	}
	p, _ := strconv.Unquote(spec.Path.Value)
	for _, imp := range t.f.Pkg.Types.Imports() {
		if imp.Path() == p {
			return types.NewPkgName(spec.Pos(), t.f.Pkg.Types, ".", imp)
		}
	}
	return nil
}

// dropImport removes the import of path under name ("" when it has none).
func (t *tree) dropImport(path, name string) error {
	for di, d := range t.file.Decls {
		g, ok := d.(*dst.GenDecl)
		if !ok || g.Tok != token.IMPORT {
			continue
		}
		for i, s := range g.Specs {
			spec := s.(*dst.ImportSpec)
			if importPath(spec) != path || (spec.Name == nil) != (name == "") || spec.Name != nil && spec.Name.Name != name {
				continue
			}
			t.touched = true
			g.Specs = slices.Delete(g.Specs, i, i+1)
			if len(g.Specs) == 0 {
				t.dropDecl(di, g, spec)
				return nil
			}
			t.afterSpec(g, spec, i)
			return nil
		}
	}
	return fmt.Errorf("%s: no import of %q to remove", t.f.Path, path)
}

// afterSpec keeps the groups and comments around a removed import spec.
func (t *tree) afterSpec(g *dst.GenDecl, spec *dst.ImportSpec, i int) {
	d := spec.Decorations()
	kept := slices.Clone([]string(d.Start))
	for len(kept) > 0 && lineDirective.MatchString(kept[len(kept)-1]) {
		t.drop(kept[len(kept)-1])
		kept = kept[:len(kept)-1]
	}
	same, below := splitEnd(d.End)
	t.drop(same...)
	if last := i == len(g.Specs) || d.After == dst.EmptyLine || g.Specs[i].Decorations().Before == dst.EmptyLine; last {
		// Nothing stands below its comment any more that it could be about.
		for len(kept) > 0 && kept[len(kept)-1] != "\n" {
			t.drop(kept[len(kept)-1])
			kept = kept[:len(kept)-1]
		}
	}
	if i < len(g.Specs) {
		nd := g.Specs[i].Decorations()
		if len(kept) > 0 {
			nd.Start = append(kept, nd.Start...)
		}
		if i > 0 && (d.Before == dst.EmptyLine || d.After == dst.EmptyLine) {
			nd.Before = dst.EmptyLine
		}
		if i == 0 {
			nd.Before = dst.NewLine
		}
	} else {
		pd := g.Specs[i-1].Decorations()
		pd.After = dst.NewLine
		if len(kept) > 0 {
			pd.End.Append(append([]string{"\n"}, kept...)...)
		}
	}
	if len(below) > 0 && len(g.Specs) > 0 {
		g.Specs[max(i-1, 0)].Decorations().End.Append(below...)
	}
}

// dropDecl removes an import declaration that has no specs left. Its doc
// comment goes to the next declaration, apart by a blank line.
func (t *tree) dropDecl(i int, g *dst.GenDecl, spec *dst.ImportSpec) {
	kept := slices.Concat([]string(g.Decs.Start), []string(spec.Decs.Start))
	for _, end := range []dst.Decorations{spec.Decs.End, g.Decs.End} {
		same, below := splitEnd(end)
		t.drop(same...)
		if below = trimLead(below); len(below) > 0 {
			if len(kept) > 0 && kept[len(kept)-1] != "\n" {
				kept = append(kept, "\n")
			}
			kept = append(kept, below...)
		}
	}
	t.file.Decls = slices.Delete(t.file.Decls, i, i+1)
	if len(kept) > 0 && i < len(t.file.Decls) {
		nd := t.file.Decls[i].Decorations()
		if kept[len(kept)-1] != "\n" {
			kept = append(kept, "\n")
		}
		nd.Start = append(kept, nd.Start...)
		nd.Before = dst.EmptyLine
	}
}

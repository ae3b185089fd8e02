package panicfault

import (
	"bytes"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// remove takes the setting out of init or main and gives it to the functions
// that read memory which the program did not allocate. why says why it cannot
// be done.
func (f *faultSetting) remove(cur inspector.Cursor) (fix *rewrite.Fix, why string) {
	if up := cur.Parent().Parent().Node(); !syntax.InList(cur) || cur.Parent().Node() != f.body {
		if _, isIf := up.(*ast.IfStmt); isIf {
			return nil, "the setting is asked for by a condition; make it where the memory is read, by defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
		}
		return nil, "the call is not a statement of the function's own; make the setting where the memory is read"
	}
	return f.moved(func(e *rewrite.Edit) {
		e.Delete(f.stmt, about.Removed("SetPanicOnFault", "panic", "segfault", "sigsegv", "sigbus", "crash"))
	})
}

// moved returns the fix that erases the setting for the whole goroutine, and
// makes it where the program reads memory that it did not allocate.
func (f *faultSetting) moved(erase func(*rewrite.Edit)) (fix *rewrite.Fix, why string) {
	m := &mappings{p: f.p, foreign: make(map[types.Object]bool)}
	m.spread()
	var regions []*ast.FuncDecl
	if f.p.Name == "main" {
		regions = m.regions()
	}
	if m.any && (len(regions) == 0 || m.leaves(regions)) || slices.ContainsFunc(regions, func(d *ast.FuncDecl) bool { return d == f.decl }) {
		return nil, "the package reads memory that it did not allocate; make the setting there, in a function that recovers, by defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
	}
	if path := f.othersMap(); path != "" {
		return nil, path + " may rely on the setting: it recovers, and reads memory that it did not allocate; make the setting there, by defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
	}
	message := "remove the call; a fault in the main goroutine crashes the program, recovered or not"
	if len(regions) > 0 {
		message = "make the setting where mapped memory is read, only there; a fault elsewhere in the main goroutine crashes the program"
	}
	return &rewrite.Fix{Message: message, Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error {
		erase(e)
		for _, d := range regions {
			e.Prepend(d.Body, scopedSetting()...)
			e.Modify(d.Name, func(dst.Node) error { return nil }) // one at a time
		}
		return nil
	}}, ""
}

// othersMap returns the name of a file of the module, outside of the package,
// that reads mapped memory or memory of C and recovers; "" when there is none.
// The files are judged by their text.
func (f *faultSetting) othersMap() string {
	m := f.p.Module
	if m == nil {
		return ""
	}
	files, err := f.p.Snapshot().GoFilesWith(m, "recover()")
	if err != nil {
		return ""
	}
	for _, path := range files {
		if filepath.Dir(path) == f.p.Dir || strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := f.p.Snapshot().Read(path)
		if err != nil {
			continue
		}
		for _, sign := range []string{"Mmap(", "/mmap", `import "C"`, "unsafe.Pointer(uintptr"} {
			if bytes.Contains(src, []byte(sign)) {
				if rel, err := filepath.Rel(m.Dir, path); err == nil {
					path = filepath.ToSlash(rel)
				}
				return path
			}
		}
	}
	return ""
}

// mappings follows memory that the program did not allocate through a package.
type mappings struct {
	p *rewrite.Package
	// foreign holds the variables, fields and functions whose value is such
	// memory.
	foreign map[types.Object]bool
	// any reports whether the package has such memory at all.
	any bool
}

// spread follows the memory through assignments, arguments and results until
// nothing new is found.
func (m *mappings) spread() {
	for {
		before := len(m.foreign)
		for c := range m.p.Inspector.Root().Preorder((*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.CallExpr)(nil), (*ast.ReturnStmt)(nil), (*ast.CompositeLit)(nil)) {
			switch n := c.Node().(type) {
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					r := n.Rhs[0]
					if len(n.Lhs) == len(n.Rhs) {
						r = n.Rhs[i]
					} else if i > 0 {
						break
					}
					if m.is(r) {
						m.mark(l)
					}
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) && m.is(n.Values[i]) {
						m.mark(name)
					}
				}
			case *ast.CompositeLit:
				m.spreadLit(n)
			case *ast.CallExpr:
				m.is(n)
				fn := m.p.Callee(n)
				if fn == nil || fn.Pkg() != m.p.Types {
					break
				}
				params := fn.Origin().Signature().Params()
				for i, a := range n.Args {
					if i < params.Len() && m.is(a) {
						m.foreign[params.At(i)] = true
					}
				}
			case *ast.ReturnStmt:
				if len(n.Results) == 0 || !m.is(n.Results[0]) {
					break
				}
				if fn, ok := syntax.EnclosingFunc(c); ok {
					if d, ok := fn.Node().(*ast.FuncDecl); ok {
						if obj := m.p.Info.Defs[d.Name]; obj != nil {
							m.foreign[obj] = true
						}
					}
				}
			}
		}
		if len(m.foreign) == before {
			return
		}
	}
}

// spreadLit follows the memory into the fields of a struct.
func (m *mappings) spreadLit(lit *ast.CompositeLit) {
	t := m.p.Info.TypeOf(lit)
	if t == nil {
		return
	}
	fields, isStruct := t.Underlying().(*types.Struct)
	for i, x := range lit.Elts {
		if kv, ok := x.(*ast.KeyValueExpr); ok {
			if m.is(kv.Value) {
				m.mark(kv.Key)
			}
		} else if isStruct && i < fields.NumFields() && m.is(x) {
			m.foreign[fields.Field(i)] = true
		}
	}
}

// mark notes that the variable or field x holds foreign memory.
func (m *mappings) mark(x ast.Expr) {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		if obj := m.p.Info.ObjectOf(x); obj != nil && x.Name != "_" && holdsMemory(obj.Type()) {
			m.foreign[obj] = true
		}
	case *ast.SelectorExpr:
		if obj := m.p.Info.Uses[x.Sel]; obj != nil && holdsMemory(obj.Type()) {
			m.foreign[obj] = true
		}
	case *ast.IndexExpr:
		m.mark(x.X)
	}
}

// holdsMemory reports whether a value of type t leads to memory: it is a slice,
// a pointer or a string.
func holdsMemory(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Slice, *types.Pointer, *types.Struct, *types.Map:
		return true
	case *types.Basic:
		return u.Kind() == types.UnsafePointer || u.Kind() == types.String
	}
	return false
}

// is reports whether x is memory that the program did not allocate: it comes
// from a mapping, from C or from a number, or is a part of such memory.
func (m *mappings) is(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return m.foreign[m.p.Info.ObjectOf(x)]
	case *ast.SelectorExpr:
		return m.foreign[m.p.Info.Uses[x.Sel]]
	case *ast.SliceExpr:
		return m.is(x.X)
	case *ast.UnaryExpr:
		if i, ok := ast.Unparen(x.X).(*ast.IndexExpr); ok && x.Op == token.AND {
			return m.is(i.X)
		}
		return x.Op == token.AND && m.is(x.X)
	case *ast.StarExpr:
		return m.leadsOn(x) && m.is(x.X)
	case *ast.IndexExpr:
		return m.leadsOn(x) && m.is(x.X)
	case *ast.CallExpr:
		return m.isCall(x)
	}
	return false
}

// leadsOn reports whether the value at x, once it has been read, may lead to
// memory still.
func (m *mappings) leadsOn(x ast.Expr) bool {
	t := m.p.Info.TypeOf(x)
	return t == nil || t == types.Typ[types.Invalid] || holdsMemory(t)
}

func (m *mappings) isCall(call *ast.CallExpr) bool {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == "C" && m.p.Info.Uses[id] == nil {
			m.any = true
			return true
		}
	}
	tv := m.p.Info.Types[call.Fun]
	if tv.IsType() && len(call.Args) == 1 {
		if b, ok := tv.Type.Underlying().(*types.Basic); ok && b.Kind() == types.UnsafePointer {
			if t := m.p.Info.TypeOf(call.Args[0]); t != nil {
				if b, ok := t.Underlying().(*types.Basic); ok && b.Kind() == types.Uintptr {
					m.any = true
					return true
				}
			}
		}
		return !m.copies(tv.Type, call.Args[0]) && m.is(call.Args[0])
	}
	if id := syntax.LastName(call.Fun); id != nil {
		if b, ok := m.p.Info.Uses[id].(*types.Builtin); ok && len(call.Args) > 0 {
			switch b.Name() {
			case "Add", "Slice", "SliceData", "String", "StringData":
				return m.is(call.Args[0])
			}
			return false
		}
	}
	fn := m.p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	if isMmap(fn) {
		m.any = true
		return true
	}
	return m.foreign[fn]
}

// copies reports whether the conversion of x to t makes a string of a slice, or
// the other way round.
func (m *mappings) copies(t types.Type, x ast.Expr) bool {
	isSlice := func(t types.Type) bool { _, ok := syntax.Under(t).(*types.Slice); return ok }
	from := m.p.Info.TypeOf(x)
	return from != nil && isSlice(t) != isSlice(from)
}

// isMmap reports whether fn maps memory.
func isMmap(fn *types.Func) bool {
	switch path := fn.Pkg().Path(); path {
	case "syscall", "golang.org/x/sys/unix":
		return strings.HasPrefix(fn.Name(), "Mmap") || strings.HasPrefix(fn.Name(), "SysvShmAttach")
	case "golang.org/x/sys/windows":
		return fn.Name() == "MapViewOfFile"
	default:
		return strings.Contains(path, "mmap") && !strings.Contains(path, "/internal/") && (strings.HasPrefix(fn.Name(), "Map") || strings.HasPrefix(fn.Name(), "Open") || strings.HasPrefix(fn.Name(), "New"))
	}
}

// maxRegionCalls is the number of calls through which the main goroutine is
// followed to the functions that read foreign memory.
const maxRegionCalls = 3

// regions returns the functions that main's goroutine comes to and that recover
// and read foreign memory, in order of position.
func (m *mappings) regions() []*ast.FuncDecl {
	depth := make(map[*ast.FuncDecl]int)
	var queue []*ast.FuncDecl
	for _, file := range m.p.Files {
		for _, d := range file.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if ok && !file.Test && decl.Recv == nil && decl.Body != nil && (decl.Name.Name == "main" || decl.Name.Name == "init") {
				depth[decl] = 0
				queue = append(queue, decl)
			}
		}
	}
	var out []*ast.FuncDecl
	for ; len(queue) > 0; queue = queue[1:] {
		decl := queue[0]
		if hasRecover(m.p, decl.Body) && m.reads(decl.Body) && !m.setsItself(decl.Body) {
			out = append(out, decl)
		}
		if depth[decl] == maxRegionCalls {
			continue
		}
		ast.Inspect(decl.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				return false
			case *ast.CallExpr:
				fn := m.p.Callee(n)
				if fn == nil || fn.Pkg() != m.p.Types {
					break
				}
				to := syntax.DeclOf(m.p, fn)
				if to == nil || to.Body == nil {
					break
				}
				if _, seen := depth[to]; !seen && !m.p.File(to).Generated {
					depth[to] = depth[decl] + 1
					queue = append(queue, to)
				}
			}
			return true
		})
	}
	slices.SortFunc(out, func(a, b *ast.FuncDecl) int { return int(a.Pos() - b.Pos()) })
	return out
}

func (m *mappings) setsItself(body *ast.BlockStmt) bool {
	return syntax.ContainsNode(body, func(n ast.Node) bool { return switchesOn(m.p, n) })
}

// leaves reports whether foreign memory is read where the setting would be
// missed: in a function of the main goroutine that may run outside of the regions.
func (m *mappings) leaves(regions []*ast.FuncDecl) bool {
	seen := make(map[*ast.FuncDecl]bool)
	for _, r := range regions {
		seen[r] = true
	}
	for _, file := range m.p.Files {
		for _, d := range file.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if ok && !file.Test && decl.Body != nil && m.touches(decl.Body) && !m.covered(decl, seen) {
				return true
			}
		}
	}
	return false
}

// covered reports whether decl makes the setting itself, or only runs in
// functions that do and in goroutines of its own, which never had it. Those of
// seen are being looked at, or do.
func (m *mappings) covered(decl *ast.FuncDecl, seen map[*ast.FuncDecl]bool) bool {
	starts := decl.Recv == nil && (decl.Name.Name == "main" || decl.Name.Name == "init") // what they set is erased
	if seen[decl] || !starts && m.setsItself(decl.Body) {
		return true
	}
	seen[decl] = true
	obj, called := m.p.Info.Defs[decl.Name], false
	for c := range m.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		fn, ok := m.p.Info.Uses[id].(*types.Func)
		if !ok || fn.Name() != decl.Name.Name || m.p.File(id).Test {
			continue
		}
		if fn.Origin() != obj && !syntax.IsAbstract(fn) {
			continue
		}
		called = true
		if sel, ok := c.Parent().Node().(*ast.SelectorExpr); ok && sel.Sel == id {
			c = c.Parent()
		}
		call, ok := c.Parent().Node().(*ast.CallExpr)
		if !ok || call.Fun != c.Node() {
			return false
		}
		if _, isGo := c.Parent().Parent().Node().(*ast.GoStmt); isGo {
			continue
		}
		if caller := syntax.EnclosingDecl(c); caller == nil || !m.covered(caller, seen) {
			return false
		}
	}
	return called
}

// reads reports whether body does more with foreign memory than to measure or
// unmap it.
func (m *mappings) reads(body *ast.BlockStmt) bool { return syntax.ContainsNode(body, m.readsAt) }

// touches reports whether body itself reads foreign memory, or may: functions of
// the package that it hands memory to are looked at by themselves.
func (m *mappings) touches(body *ast.BlockStmt) bool {
	return syntax.ContainsNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // behind a pointer, or by a method
			s := m.p.Info.Selections[n]
			return s != nil && !measures(n.Sel) && (s.Kind() != types.FieldVal || syntax.IsPointer(m.p.Info.TypeOf(n.X))) && m.is(n.X)
		case *ast.CallExpr:
			if fn := m.p.Callee(n); fn != nil && fn.Pkg() == m.p.Types {
				return false
			}
		}
		return m.readsAt(n)
	})
}

func (m *mappings) readsAt(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IndexExpr:
		return m.is(n.X)
	case *ast.StarExpr:
		return m.is(n.X)
	case *ast.RangeStmt:
		return m.is(n.X) && n.Value != nil
	case *ast.CallExpr:
		return !measures(syntax.LastName(n.Fun)) && slices.ContainsFunc(n.Args, m.is)
	}
	return false
}

// measures reports whether the function id only measures memory or unmaps it.
func measures(id *ast.Ident) bool {
	if id == nil {
		return false
	}
	name := strings.ToLower(id.Name)
	return name == "len" || name == "cap" || name == "close" || strings.Contains(name, "unmap")
}

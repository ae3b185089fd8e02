package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"
)

var keepalive = &Rule{
	Name:  "keepalive",
	Title: "object not kept alive at the cgo or system call boundary",
	Doc: `Under GC load a C function or system call works on a handle that was just freed, on a descriptor that now belongs to another file, or on bytes that change under it.

An object is dead after its last use, even while a method of it runs. When only its handle (a C pointer, a descriptor, an index) goes into the call, the finalizer may run and free the handle during the call. The same holds for a Go pointer hidden in an integer: the collector does not see it. A pointer that C keeps after the call must be pinned until C is done (cmd/cgo, "Passing pointers").

runtime.KeepAlive after the call ends the object's life there. A uintptr for a system call is made in the call's own argument list. A pointer that C keeps is pinned up to the wait for C; where no wait is in sight, runtime.KeepAlive is only a first step and does not make an asynchronous call safe.

It fires when the control flow graph shows no use of the object after the call, no deferred call and no closure that holds it. It stays silent in the finalizer and what only it calls, when the function frees the handle itself, when the object is held by something that outlives the call, when all callers of an unexported function still hold it, and for pointers passed as pointers to synchronous calls. In tests it only reports.`,
	Before: `n := C.res_use(r.h) // r has a finalizer that frees r.h
return int(n)`,
	After: `n := C.res_use(r.h) // r has a finalizer that frees r.h
runtime.KeepAlive(r)
return int(n)`,
	Needs: []rewrite.Need{
		{Import: "C"}, // not in tests: cgo does not work there
		{Import: "runtime", Idents: []string{"SetFinalizer", "AddCleanup"}, Tests: true},
		{Import: "syscall", Idents: []string{"Fd", "Pointer"}, Tests: true},
		{Import: "golang.org/x/sys/unix", Idents: []string{"Fd", "Pointer"}, Tests: true},
		{Import: "golang.org/x/sys/windows", Idents: []string{"Fd", "Pointer"}, Tests: true},
	},
	Emits: []string{"runtime"},
	Find:  findKeepalive,
}

func findKeepalive(s *rewrite.Snapshot) []rewrite.Finding {
	k := &keeper{s: s, live: make(map[*ast.BlockStmt]*liveness), released: make(map[string]*release), busy: make(map[string]bool)}
	var out []rewrite.Finding
	for _, p := range slices.Clone(s.Packages) { // callers may be added
		if p.Wide {
			continue
		}
		for _, f := range p.Files {
			if f.Generated || !f.Cgo && !importsPath(f, "syscall") && !importsPath(f, "golang.org/x/sys/unix") && !importsPath(f, "golang.org/x/sys/windows") {
				continue
			}
			out = append(out, k.file(p, f)...)
		}
	}
	return out
}

// keeper looks for boundaries at which an object dies too early.
type keeper struct {
	s          *rewrite.Snapshot
	finalizers *finalizers
	live       map[*ast.BlockStmt]*liveness
	released   map[string]*release // by type
	busy       map[string]bool     // functions whose callers are being looked at
}

// registered returns the finalizers of the modules around. They are looked for
// once a call works on something that may be a handle.
func (k *keeper) registered() *finalizers {
	if k.finalizers == nil {
		k.finalizers = finalizersOf(k.s)
	}
	return k.finalizers
}

func (k *keeper) backed(t types.Type) bool { return k.registered().backed(t) }

// crossing is a boundary in its surroundings.
type crossing struct {
	*boundary
	p    *rewrite.Package
	file *rewrite.File
	cur  inspector.Cursor // of the call
	fn   inspector.Cursor // the innermost function
	body *ast.BlockStmt
}

// file returns the findings in f, in order of the calls.
func (k *keeper) file(p *rewrite.Package, f *rewrite.File) []rewrite.Finding {
	root, ok := p.Inspector.Root().FindNode(f.AST)
	if !ok {
		return nil
	}
	var out []rewrite.Finding
	type owner struct {
		fn ast.Node
		v  *types.Var
	}
	at := make(map[owner][]*crossing)
	var order []owner
	for c := range root.Preorder((*ast.CallExpr)(nil)) {
		b := boundaryOf(p, c.Node().(*ast.CallExpr))
		if b == nil {
			continue
		}
		fn, ok := enclosingFunc(c)
		if !ok {
			continue
		}
		x := &crossing{boundary: b, p: p, file: f, cur: c, fn: fn, body: bodyOf(fn.Node())}
		if x.body == nil {
			continue
		}
		for _, v := range k.objects(x) {
			o := owner{fn.Node(), v}
			if at[o] == nil {
				order = append(order, o)
			}
			at[o] = append(at[o], x)
		}
		out = append(out, k.pointers(x)...)
	}
	for _, o := range order {
		if finding := k.handle(o.v, at[o]); finding != nil {
			out = append(out, *finding)
		}
	}
	for i := range out {
		if f.Test && len(out[i].Fixes) > 0 {
			out[i].Fixes = nil
			out[i].Notes = append(out[i].Notes, rewrite.Note{Message: "no fix: tests are only reported"})
		}
	}
	slices.SortStableFunc(out, func(a, b rewrite.Finding) int { return int(a.Pos - b.Pos) })
	return out
}

func bodyOf(fn ast.Node) *ast.BlockStmt {
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		return fn.Body
	case *ast.FuncLit:
		return fn.Body
	}
	return nil
}

// flow returns the liveness in a function's body.
func (k *keeper) flow(p *rewrite.Package, body *ast.BlockStmt) *liveness {
	if k.live[body] == nil {
		k.live[body] = newLiveness(p, body)
	}
	return k.live[body]
}

// objects returns the local variables whose finalizer-backed object the call
// gets a handle of.
func (k *keeper) objects(x *crossing) []*types.Var {
	var out []*types.Var
	for _, arg := range x.call.Args {
		v, field := k.handleOf(x, arg, true)
		if v == nil || slices.Contains(out, v) || k.passes(x, v) {
			continue
		}
		if field != "" && !k.frees(x, v, field) {
			continue
		}
		out = append(out, v)
	}
	return out
}

// passes reports whether the call also gets a pointer to v's object, which
// keeps it alive while the call runs.
func (k *keeper) passes(x *crossing, v *types.Var) bool {
	l := k.flow(x.p, x.body)
	for _, arg := range x.call.Args {
		if l.refers(arg, v) && !isFd(x.p, converted(x.p, arg)) && !isGetter(x.p, converted(x.p, arg)) {
			return true
		}
	}
	return false
}

// handleOf returns the variable of which the argument is a handle, and the
// field that holds it, "" for the descriptor of a file.
func (k *keeper) handleOf(x *crossing, arg ast.Expr, copies bool) (*types.Var, string) {
	p := x.p
	arg = converted(p, arg)
	switch n := arg.(type) {
	case *ast.SelectorExpr:
		root, ok := fieldChain(p, n)
		if !ok || p.Info.Selections[n] == nil || !isHandle(p.Info.TypeOf(n)) {
			return nil, ""
		}
		v := localVar(p, root)
		if v == nil || pointerElem(v.Type()) == nil || !k.backed(v.Type()) {
			return nil, ""
		}
		return v, n.Sel.Name
	case *ast.CallExpr:
		sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
		if !ok || len(n.Args) > 0 {
			return nil, ""
		}
		id, ok := ast.Unparen(sel.X).(*ast.Ident)
		if !ok {
			return nil, ""
		}
		v := localVar(p, id)
		if v == nil {
			return nil, ""
		}
		if isFd(p, n) {
			return v, ""
		}
		if field := getterField(p, n); field != "" && pointerElem(v.Type()) != nil && k.backed(v.Type()) {
			return v, field
		}
	case *ast.Ident:
		// A copy of the handle, made once before.
		v := localVar(p, n)
		if v == nil || !copies {
			return nil, ""
		}
		if def := onlyValue(p, x.body, v); def != nil && !isCgoOperation(p, def) {
			return k.handleOf(x, def, false)
		}
	}
	return nil, ""
}

// isCgoOperation reports whether x is the result of a C function.
func isCgoOperation(p *rewrite.Package, x ast.Expr) bool {
	call, ok := converted(p, x).(*ast.CallExpr)
	return ok && boundaryOf(p, call) != nil
}

// isFd reports whether x calls (*os.File).Fd.
func isFd(p *rewrite.Package, x ast.Expr) bool { return p.IsCall(x, "", "(*os.File).Fd") }

// localVar returns the local variable, parameter or receiver that id uses.
func localVar(p *rewrite.Package, id *ast.Ident) *types.Var {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() == v.Pkg().Scope() {
		return nil
	}
	return v
}

// isHandle reports whether a value of type t may stand for something outside of
// Go's memory: a C type, an integer, an untyped pointer.
func isHandle(t types.Type) bool {
	if t == nil {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.Invalid || u.Kind() == types.UnsafePointer || u.Info()&types.IsInteger != 0
	case *types.Pointer:
		b, ok := u.Elem().Underlying().(*types.Basic)
		return ok && b.Kind() == types.Invalid
	}
	return false
}

// isGetter reports whether x calls a method that only returns a field.
func isGetter(p *rewrite.Package, x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && getterField(p, call) != ""
}

// getterField returns the field that the called method returns, "" when the
// method does more than that.
func getterField(p *rewrite.Package, call *ast.CallExpr) string {
	fn := p.Callee(call)
	if fn == nil || fn.Signature().Recv() == nil || fn.Signature().Params().Len() > 0 {
		return ""
	}
	decl := declOf(p, fn)
	if decl == nil || decl.Body == nil || len(decl.Recv.List[0].Names) == 0 {
		return ""
	}
	recv := p.Info.Defs[decl.Recv.List[0].Names[0]]
	n := len(decl.Body.List)
	if n == 0 || n > 3 {
		return ""
	}
	ret, ok := decl.Body.List[n-1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return ""
	}
	x := converted(p, ret.Results[0])
	if id, ok := x.(*ast.Ident); ok {
		v := localVar(p, id)
		if v == nil {
			return ""
		}
		if x = onlyValue(p, decl.Body, v); x == nil {
			return ""
		}
		x = converted(p, x)
	}
	sel, ok := x.(*ast.SelectorExpr)
	if !ok || !isHandle(p.Info.TypeOf(sel)) {
		return ""
	}
	if root, ok := fieldChain(p, sel); !ok || p.Info.Uses[root] != recv {
		return ""
	}
	return sel.Sel.Name
}

// onlyValue returns the one value that v is set to in body, nil when there are
// several or none.
func onlyValue(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) ast.Expr {
	all := assignedValues(p, body, v)
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// assignedValues returns what v is set to in body, with nil for what is no
// expression of its own: the result of a call with several, an element.
func assignedValues(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) []ast.Expr {
	is := func(x ast.Expr) bool {
		id, ok := ast.Unparen(x).(*ast.Ident)
		return ok && (p.Info.Defs[id] == v || p.Info.Uses[id] == v)
	}
	var out []ast.Expr
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				switch {
				case !is(l):
				case n.Tok != token.ASSIGN && n.Tok != token.DEFINE:
					out = append(out, nil)
				case len(n.Lhs) == len(n.Rhs):
					out = append(out, n.Rhs[i])
				case i == 0:
					out = append(out, n.Rhs[0]) // x, err := f()
				default:
					out = append(out, nil)
				}
			}
		case *ast.ValueSpec:
			for i, l := range n.Names {
				if p.Info.Defs[l] != v || len(n.Values) == 0 {
					continue
				}
				switch {
				case len(n.Names) == len(n.Values):
					out = append(out, n.Values[i])
				case i == 0:
					out = append(out, n.Values[0])
				default:
					out = append(out, nil)
				}
			}
		case *ast.RangeStmt:
			if n.Key != nil && is(n.Key) || n.Value != nil && is(n.Value) {
				out = append(out, nil)
			}
		case *ast.IncDecStmt:
			if is(n.X) {
				out = append(out, nil)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND && is(n.X) {
				out = append(out, nil)
			}
		}
		return true
	})
	return out
}

// handle reports the calls at which v's object is dead, one finding for all of
// them.
func (k *keeper) handle(v *types.Var, at []*crossing) *rewrite.Finding {
	first := at[0]
	if k.inFinalizer(first, v) || k.disarms(first, v) || !k.owned(first, v) {
		return nil
	}
	var dead []*crossing
	for _, x := range at {
		if !k.alive(x, v) && !k.releases(x, v) {
			dead = append(dead, x)
		}
	}
	// Of several calls in a row the last one counts. (A copy of the handle does
	// not keep the object alive from one to the next.)
	l := k.flow(first.p, first.body)
	dead = slices.DeleteFunc(slices.Clone(dead), func(x *crossing) bool {
		return slices.ContainsFunc(dead, func(y *crossing) bool { return y != x && l.reaches(x.call, y.call) })
	})
	if len(dead) == 0 {
		return nil
	}
	// Have: the object may be finalized while the call works on its handle.
	x := dead[0]
	what := "the finalizer may free its handle while " + x.what() + " works on it"
	if isFile(v.Type()) {
		what = "the file may be closed while " + x.what() + " works on its descriptor"
	}
	f := &rewrite.Finding{Pos: x.call.Pos(), End: x.call.End(), Message: v.Name() + " is not used after the call: " + what}
	for _, y := range dead[1:] {
		f.Notes = append(f.Notes, rewrite.Note{Pos: y.call.Pos(), Message: "the same here"})
	}
	if isFile(v.Type()) && slices.ContainsFunc(dead, func(x *crossing) bool { return x.c && strings.Contains(x.name, "open") }) {
		f.Notes = append(f.Notes, rewrite.Note{Message: "no fix: C keeps the descriptor after the call; hand over a duplicate, or hold " + v.Name() + " for as long as C uses it"})
		return f
	}
	if fix, why := k.keepFix(v, dead); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.Notes = append(f.Notes, rewrite.Note{Message: "no fix: " + why + "; call runtime.KeepAlive(" + v.Name() + ") when the call is done"})
	}
	return f
}

// reaches reports whether the flow leads from the end of a to b.
func (l *liveness) reaches(a, b ast.Node) bool {
	for _, block := range l.g.Blocks {
		for i, n := range block.Nodes {
			if !encloses(n, a) {
				continue
			}
			if a != b && encloses(n, b) {
				// In one statement: one KeepAlive for both.
				return b.Pos() > a.Pos()
			}
			if l.search(block, i+1, func(n ast.Node) flowEffect {
				if encloses(n, b) {
					return used
				}
				return untouched
			}, make(map[*cfg.Block]bool)) {
				return true
			}
		}
	}
	return false
}

func isFile(t types.Type) bool { return finalizedKey(t) == "os.File" }

// alive reports whether v's object is still referred to after the call, in the
// function itself and in those around it up to the one that declares v.
func (k *keeper) alive(x *crossing, v *types.Var) bool {
	fn, at := x.fn, ast.Node(x.call)
	// A deferred or started call runs when the statement is long over.
	for {
		body := bodyOf(fn.Node())
		l := k.flow(x.p, body)
		if l.kept(v, at) {
			return true
		}
		if fn.Node().Pos() <= v.Pos() && v.Pos() < fn.Node().End() {
			return false
		}
		at = fn.Node()
		outer, ok := enclosingFunc(fn.Parent())
		if !ok {
			return true
		}
		fn = outer
	}
}

// owned reports whether nothing outside of the function is known to hold v's
// object: it was made in the function and not put anywhere, or it is a
// parameter whose callers are unknown or let go of it.
func (k *keeper) owned(x *crossing, v *types.Var) bool {
	fn := x.fn
	for !(fn.Node().Pos() <= v.Pos() && v.Pos() < fn.Node().End()) {
		outer, ok := enclosingFunc(fn.Parent())
		if !ok {
			return false
		}
		fn = outer
	}
	body := bodyOf(fn.Node())
	l := k.flow(x.p, body)
	h := l.holding(v)
	values := assignedValues(x.p, body, v)
	if body.Pos() <= v.Pos() && v.Pos() < body.End() {
		if h.stored || len(values) == 0 {
			return false
		}
		for _, val := range values {
			if val == nil || !k.fresh(x.p, val, 3) {
				return false
			}
		}
		return true
	}
	// Have: a parameter, receiver or result.
	decl, ok := fn.Node().(*ast.FuncDecl)
	if !ok || len(values) > 0 {
		return false
	}
	i := slices.Index(paramObjects(x.p, decl.Type), types.Object(v))
	if i < 0 {
		if decl.Recv == nil || len(decl.Recv.List[0].Names) == 0 || x.p.Info.Defs[decl.Recv.List[0].Names[0]] != v {
			return false
		}
	}
	obj, _ := x.p.Info.Defs[decl.Name].(*types.Func)
	return obj == nil || !k.heldByCallers(x.p, obj, i, v)
}

// fresh reports whether x is a new object that only its receiver knows.
func (k *keeper) fresh(p *rewrite.Package, x ast.Expr, depth int) bool {
	switch n := ast.Unparen(x).(type) {
	case *ast.UnaryExpr:
		_, ok := ast.Unparen(n.X).(*ast.CompositeLit)
		return ok && n.Op == token.AND
	case *ast.Ident:
		return p.Info.Types[n].IsNil()
	case *ast.CallExpr:
		if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok {
			if b, ok := p.Info.Uses[id].(*types.Builtin); ok {
				return b.Name() == "new"
			}
		}
		if p.IsCall(n, "os", "Open", "Create", "OpenFile", "NewFile", "CreateTemp") {
			return true
		}
		fn := p.Callee(n)
		if fn == nil || depth == 0 || fn.Signature().Recv() != nil {
			return false
		}
		decl := declOf(p, fn)
		if decl == nil || decl.Body == nil {
			return false
		}
		ok := false
		bad := false
		ast.Inspect(decl.Body, func(m ast.Node) bool {
			switch m := m.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ReturnStmt:
				if len(m.Results) == 0 {
					bad = true
					return false
				}
				r := ast.Unparen(m.Results[0])
				if id, isIdent := r.(*ast.Ident); isIdent && !p.Info.Types[id].IsNil() {
					v := localVar(p, id)
					if v == nil || !(decl.Body.Pos() <= v.Pos() && v.Pos() < decl.Body.End()) || k.flow(p, decl.Body).holding(v).stored {
						bad = true
						return false
					}
					for _, val := range assignedValues(p, decl.Body, v) {
						if val == nil || !k.fresh(p, val, depth-1) {
							bad = true
						}
					}
				} else if !k.fresh(p, r, depth-1) {
					bad = true
				}
				ok = true
			}
			return true
		})
		return ok && !bad
	}
	return false
}

// heldByCallers reports whether every caller of fn still refers to the argument
// for its i-th parameter (the receiver for -1) after the call. Unless all
// callers are in sight that says nothing; os.Files are taken to be held by
// others as by those in sight.
func (k *keeper) heldByCallers(p *rewrite.Package, fn *types.Func, i int, v *types.Var) bool {
	key := rewrite.ObjectKey(fn)
	closed := !fn.Exported() || p.Name == "main"
	if !closed && !isFile(v.Type()) {
		return false
	}
	if k.busy[key] {
		return true // recursion adds no caller
	}
	k.busy[key] = true
	defer delete(k.busy, key)
	if !closed {
		k.s.Widen(fn.Name())
	}
	held := false
	for _, r := range k.s.Refs(key) {
		if r.File.Test {
			continue
		}
		c, ok := r.Call()
		if !ok {
			return false
		}
		call := c.Node().(*ast.CallExpr)
		var arg ast.Expr
		if i < 0 {
			sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
			if !ok {
				return false
			}
			arg = sel.X
		} else if i < len(call.Args) {
			arg = call.Args[i]
		} else {
			return false
		}
		caller, ok := enclosingFunc(c)
		if !ok {
			return false
		}
		x := &crossing{boundary: &boundary{call: call}, p: r.Pkg, file: r.File, cur: c, fn: caller, body: bodyOf(caller.Node())}
		if !k.heldAt(x, arg) {
			return false
		}
		held = true
	}
	return held
}

// heldAt reports whether what x leads to is held beyond the call at.
func (k *keeper) heldAt(at *crossing, x ast.Expr) bool {
	root := variableOf(x)
	if root == nil {
		return false
	}
	v, ok := at.p.Info.Uses[root].(*types.Var)
	if !ok {
		return false
	}
	if localVar(at.p, root) == nil {
		return true // package-level
	}
	return k.alive(at, v) || !k.owned(at, v)
}

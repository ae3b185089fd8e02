package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"regexp"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// pointers reports the Go pointers among the call's arguments that the
// collector does not see, or that C keeps.
func (k *keeper) pointers(x *crossing) []rewrite.Finding {
	var out []rewrite.Finding
	add := func(f *rewrite.Finding) {
		if f != nil {
			out = append(out, *f)
		}
	}
	for _, arg := range x.Call.Args {
		switch {
		case x.C:
			add(k.hidden(x, arg))
			add(k.retained(x, arg))
		case x.Raw:
			add(k.early(x, arg))
		}
		add(k.inStruct(x, arg))
		add(k.reflected(x, arg))
	}
	if x.Raw && x.Call.Ellipsis.IsValid() {
		out = append(out, k.spread(x)...)
	}
	return out
}

// reflected reports an address that reflection gives as an integer: it does not
// keep the value alive, unless it is made a pointer at once (package unsafe,
// pattern 5).
func (k *keeper) reflected(x *crossing, arg ast.Expr) *rewrite.Finding {
	call, ok := cgo.Converted(x.p, arg).(*ast.CallExpr)
	if !ok || !x.p.IsCall(call, "reflect", "(reflect.Value).Pointer", "(reflect.Value).UnsafeAddr") || madePointer(x.p, arg, call) {
		return nil
	}
	of := ast.Unparen(ast.Unparen(call.Fun).(*ast.SelectorExpr).X)
	if valueOf, ok := of.(*ast.CallExpr); ok && x.p.IsCall(valueOf, "reflect", "ValueOf") {
		of = ast.Unparen(valueOf.Args[0])
	}
	id, ok := of.(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(x.p, id)
	o := resource{v: v}
	l := k.flow(x.p, x.body)
	if v == nil || k.alive(x, o.subject()) || l.Holding(o.subject()).Stored {
		return nil
	}
	if slices.ContainsFunc(x.Call.Args, func(a ast.Expr) bool { return a != arg && l.Refers(a, o.subject()) }) {
		return nil // it goes into the call as a pointer, too
	}
	f := &rewrite.Finding{
		Pos: arg.Pos(), End: arg.End(),
		Message: "the address is an integer: what " + v.Name() + " refers to may be collected while " + x.What() + " works on it",
	}
	if fix, why := k.keepFix([]use{{x, o}}); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.NoFix = why + "; call runtime.KeepAlive(" + v.Name() + ") when the call is done"
	}
	return f
}

// madePointer reports whether one of the conversions around x, which arg
// consists of, makes it a pointer.
func madePointer(p *rewrite.Package, arg, x ast.Expr) bool {
	for arg = ast.Unparen(arg); arg != x; arg = ast.Unparen(arg.(*ast.CallExpr).Args[0]) {
		t := syntax.Under(p.Info.TypeOf(arg))
		if _, ok := t.(*types.Pointer); ok || t == types.Typ[types.UnsafePointer] {
			return true
		}
	}
	return false
}

// spread reports the pointers in a slice of integers that a call takes as its
// arguments: only those in the argument list itself are kept in place.
func (k *keeper) spread(x *crossing) []rewrite.Finding {
	id, ok := ast.Unparen(x.Call.Args[len(x.Call.Args)-1]).(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(x.p, id)
	if v == nil {
		return nil
	}
	var out []rewrite.Finding
	for _, val := range syntax.AssignedValues(x.p, x.body, v) {
		var elts []ast.Expr
		switch n := ast.Unparen(val).(type) {
		case *ast.CompositeLit:
			elts = n.Elts
		case *ast.CallExpr: // append
			elts = n.Args
		}
		for _, elt := range elts {
			ptr := cgo.UintptrOfPointer(x.p, elt)
			if ptr == nil {
				continue
			}
			if name, ok := k.movable(x, ptr); ok {
				out = append(out, rewrite.Finding{
					Pos: elt.Pos(), End: elt.End(),
					Message: "the uintptr was made before the call: " + name + " may be moved or collected meanwhile",
					NoFix:   v.Name() + " has all arguments; write the conversion in the argument list of " + x.What(),
				})
			}
		}
	}
	return out
}

// memory is the Go memory that a pointer expression leads to.
type memory struct {
	v     *types.Var // the variable that leads there
	value bool       // the memory is the variable's own
}

// goMemory returns what the pointer x leads to; ok is false where it may not be
// memory of Go.
func (k *keeper) goMemory(x *crossing, e ast.Expr) (m memory, ok bool) {
	p := x.p
	e = cgo.Converted(p, e)
	switch n := e.(type) {
	case *ast.UnaryExpr:
		if n.Op != token.AND {
			return m, false
		}
		switch t := ast.Unparen(n.X).(type) {
		case *ast.IndexExpr:
			id, isVar := ast.Unparen(t.X).(*ast.Ident)
			if !isVar {
				return m, false
			}
			m.v = syntax.LocalVar(p, id)
			if m.v == nil {
				return m, false
			}
			switch syntax.Under(m.v.Type()).(type) {
			case *types.Slice:
				return m, k.goSlice(x, m.v)
			case *types.Array:
				m.value = true
				return m, true
			}
		case *ast.Ident:
			m.v, m.value = syntax.LocalVar(p, t), true
			return m, m.v != nil
		case *ast.SelectorExpr:
			root, chain := syntax.FieldChain(p, t)
			if !chain {
				return m, false
			}
			m.v = syntax.LocalVar(p, root)
			if m.v == nil {
				return m, false
			}
			_, m.value = syntax.Under(m.v.Type()).(*types.Struct)
			return m, m.value
		}
	case *ast.CallExpr:
		if p.IsCall(n, "unsafe", "SliceData") || isUnsafe(p, n, "SliceData") {
			if id, isVar := ast.Unparen(n.Args[0]).(*ast.Ident); isVar {
				m.v = syntax.LocalVar(p, id)
				return m, m.v != nil && k.goSlice(x, m.v)
			}
		}
	case *ast.Ident:
		m.v = syntax.LocalVar(p, n)
		if m.v == nil {
			return m, false
		}
		def := syntax.OnlyValue(p, x.body, m.v)
		if def == nil {
			return m, false
		}
		if syntax.Under(m.v.Type()) == types.Typ[types.UnsafePointer] {
			return k.goMemory(x, def)
		}
		return m, syntax.PointerElem(m.v.Type()) != nil && k.fresh(p, def, nil, 0)
	}
	return m, false
}

// isUnsafe reports whether call is of the function of package unsafe.
func isUnsafe(p *rewrite.Package, call *ast.CallExpr, name string) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	b, ok := p.Info.Uses[sel.Sel].(*types.Builtin)
	return ok && b.Name() == name
}

// goSlice reports whether the slice v has its array in Go's memory as far as
// one can see: it was not made from a pointer.
func (k *keeper) goSlice(x *crossing, v *types.Var) bool {
	for _, val := range syntax.AssignedValues(x.p, x.body, v) {
		if val == nil {
			return false
		}
		if syntax.ContainsNode(val, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return false
			}
			id, ok := sel.X.(*ast.Ident)
			return ok && (id.Name == "C" || id.Name == "unsafe" || id.Name == "reflect")
		}) || syntax.ContainsNode(val, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return false
			}
			fn := x.p.Callee(call)
			return fn != nil && fn.Name() == "Mmap"
		}) {
			return false
		}
	}
	return true
}

// hidden reports a Go pointer that goes to C as an integer.
func (k *keeper) hidden(x *crossing, arg ast.Expr) *rewrite.Finding {
	ptr := cgo.UintptrOfPointer(x.p, arg)
	if ptr == nil {
		id, ok := cgo.Converted(x.p, arg).(*ast.Ident)
		if !ok {
			return nil
		}
		if v := syntax.LocalVar(x.p, id); v != nil {
			if def := syntax.OnlyValue(x.p, x.body, v); def != nil {
				ptr = cgo.UintptrOfPointer(x.p, def)
			}
		}
	}
	if ptr == nil {
		return nil
	}
	m, ok := k.goMemory(x, ptr)
	if !ok || k.alive(x, liveness.Subject{V: m.v}) || !m.value && k.flow(x.p, x.body).Holding(liveness.Subject{V: m.v}).Stored || k.passes(x, liveness.Subject{V: m.v}) && !m.value && !onlyLength(x, m.v) {
		return nil
	}
	f := &rewrite.Finding{
		Pos: arg.Pos(), End: arg.End(),
		Message: "a Go pointer hidden in an integer: " + m.v.Name() + " may be collected while " + x.What() + " works on it",
	}
	if m.value {
		f.NoFix = m.v.Name() + " may stand on the stack, which moves; pass it as a pointer, or pin it with runtime.Pinner"
		return f
	}
	if fix, why := k.keepFix([]use{{x, resource{v: m.v}}}); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.NoFix = why + "; pass it as a pointer"
	}
	return f
}

// onlyLength reports whether the call's arguments beside the hidden pointer use
// v only for its length.
func onlyLength(x *crossing, v *types.Var) bool {
	for _, arg := range x.Call.Args {
		if cgo.UintptrOfPointer(x.p, arg) != nil {
			continue
		}
		a := cgo.Converted(x.p, arg)
		if call, ok := a.(*ast.CallExpr); ok {
			if id, ok := call.Fun.(*ast.Ident); ok && (id.Name == "len" || id.Name == "cap") {
				continue
			}
		}
		if syntax.Mentions(x.p, a, v) {
			return false
		}
	}
	return true
}

// early reports a uintptr for a system call that was made before the call's own
// line: only a conversion in the argument list keeps the memory alive and in
// place (package unsafe, pattern 4).
func (k *keeper) early(x *crossing, arg ast.Expr) *rewrite.Finding {
	p := x.p
	id, ok := cgo.Converted(p, arg).(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(p, id)
	if v == nil || syntax.Under(v.Type()) != types.Typ[types.Uintptr] {
		return nil
	}
	all := syntax.AssignedValues(p, x.body, v)
	if len(all) != 1 || all[0] == nil {
		return nil
	}
	def := ast.Unparen(all[0])
	ptr := cgo.UintptrOfPointer(p, def)
	if ptr == nil {
		return nil
	}
	name, ok := k.movable(x, ptr)
	if !ok {
		return nil
	}
	f := &rewrite.Finding{
		Pos: arg.Pos(), End: arg.End(),
		Message: "the uintptr was made before the call: " + name + " may be moved or collected meanwhile",
	}
	why := k.cannotMove(x, v, arg, def)
	if why != "" {
		f.NoFix = why + "; write the conversion in the argument list of the call"
		return f
	}
	cur, found := p.Cursor(def)
	if !found {
		return nil
	}
	_, decl := listStmt(cur)
	f.Fixes = []*rewrite.Fix{{
		Message: "move the conversion into the call", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Replace(id, e.Clone(def))
			e.Delete(decl, v.Name())
			return nil
		},
	}}
	return f
}

// cannotMove says why the conversion def of v cannot be moved into the call.
func (k *keeper) cannotMove(x *crossing, v *types.Var, arg, def ast.Expr) string {
	p := x.p
	uses := 0
	ast.Inspect(x.body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && p.Info.Uses[id] == v {
			uses++
		}
		return true
	})
	if uses != 1 {
		return v.Name() + " is used elsewhere, too"
	}
	if !pureUnsafe(p, def) {
		return "the conversion calls something"
	}
	cur, ok := p.Cursor(def)
	if !ok {
		return "its statement is not in sight"
	}
	declCur, decl := listStmt(cur)
	switch d := decl.(type) {
	case *ast.AssignStmt:
		if len(d.Lhs) != 1 || d.Tok != token.DEFINE {
			return v.Name() + " is declared together with others, or apart"
		}
	case *ast.DeclStmt:
		if g, ok := d.Decl.(*ast.GenDecl); !ok || len(g.Specs) != 1 || len(g.Specs[0].(*ast.ValueSpec).Names) != 1 {
			return v.Name() + " is declared together with others"
		}
	default:
		return "its declaration is part of another statement"
	}
	callCur, _ := listStmt(x.cur)
	if declCur.Parent() != callCur.Parent() {
		return "the conversion and the call stand in different blocks"
	}
	// What def reads must not change between.
	l := k.flow(p, x.body)
	changed := ""
	ast.Inspect(def, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		w, ok := p.Info.Uses[id].(*types.Var)
		if !ok || w.IsField() {
			return true
		}
		if !visible(p, w, x.Call.Pos()) {
			changed = w.Name()
		}
		ast.Inspect(x.body, func(n ast.Node) bool {
			if as, ok := n.(*ast.AssignStmt); ok && as.Pos() > decl.End() && as.Pos() <= x.Call.Pos() {
				for _, lhs := range as.Lhs {
					if lid, ok := ast.Unparen(lhs).(*ast.Ident); ok && l.Object(lid) == w {
						changed = w.Name()
					}
				}
			}
			return true
		})
		return true
	})
	if changed != "" {
		return changed + " changes in between"
	}
	return ""
}

// pureUnsafe reports whether x calls nothing but conversions and functions of
// package unsafe.
func pureUnsafe(p *rewrite.Package, x ast.Expr) bool {
	return !syntax.ContainsNode(x, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && !p.Info.Types[call.Fun].IsType() && !isUnsafe(p, call, "SliceData") && !isUnsafe(p, call, "StringData")
	})
}

// inStruct reports a Go pointer that a struct, given to the call by address,
// holds as an integer: the collector does not follow it.
func (k *keeper) inStruct(x *crossing, arg ast.Expr) *rewrite.Finding {
	p := x.p
	ptr := cgo.UintptrOfPointer(p, arg)
	if ptr == nil {
		ptr = arg
	}
	s := addressed(p, ptr)
	if s == nil {
		return nil
	}
	if _, ok := syntax.Under(s.Type()).(*types.Struct); !ok {
		return nil
	}
	for _, val := range fieldValues(x, s) {
		ptr := cgo.UintptrOfPointer(p, val)
		if ptr == nil {
			continue
		}
		m, ok := k.goMemory(x, ptr)
		if !ok || k.alive(x, liveness.Subject{V: m.v}) {
			continue
		}
		return &rewrite.Finding{
			Pos: val.Pos(), End: val.End(),
			Message: "a Go pointer hidden in an integer field: " + m.v.Name() + " may be moved or collected while " + x.What() + " works on it",
			NoFix:   "the field's type is part of the interface; declare it as unsafe.Pointer, or pin " + m.v.Name() + " with runtime.Pinner until the call is done",
		}
	}
	return nil
}

// fieldValues returns what the fields of the struct s are set to before the
// call.
func fieldValues(x *crossing, s *types.Var) []ast.Expr {
	var out []ast.Expr
	for _, val := range syntax.AssignedValues(x.p, x.body, s) {
		lit, ok := val.(*ast.CompositeLit)
		if !ok {
			continue
		}
		for _, elt := range lit.Elts {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				elt = kv.Value
			}
			out = append(out, elt)
		}
	}
	ast.Inspect(x.body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if !ok || len(as.Lhs) != len(as.Rhs) {
			_, lit := n.(*ast.FuncLit)
			return !lit
		}
		for i, lhs := range as.Lhs {
			if _, ok := ast.Unparen(lhs).(*ast.SelectorExpr); !ok {
				continue
			}
			if root, ok := syntax.FieldChain(x.p, lhs); ok && x.p.Info.Uses[root] == s {
				out = append(out, as.Rhs[i])
			}
		}
		return true
	})
	return slices.DeleteFunc(out, func(val ast.Expr) bool { return val.Pos() > x.Call.Pos() })
}

var (
	// asyncName matches C functions that by their names work on after they have
	// returned, and some whose documentation says so: MPI's immediate operations,
	// ODBC's bindings, ZeroMQ's messages without a copy, libusb's transfers.
	asyncName = regexp.MustCompile(`(?i)(?:^|_)(?:async|submit|enqueue|nonblock(?:ing)?|nowait)|(?:async|nonblocking|nowait)(?:$|_)|[a-z](?:Async|Submit|Enqueue)|^aio_|_aio_|set_?user_?data` +
		`|^MPI_I(?:[brs]?send|recv|bcast|(?:all)?reduce|(?:all)?gatherv?|scatterv?|alltoallv?)$|^SQLBind(?:Parameter|Col)$|^zmq_msg_init_data$|^libusb_fill_\w+_transfer$`)
	// readsAtOnce matches those that only read what describes the work.
	readsAtOnce = regexp.MustCompile(`^(?:vk|wgpu)[A-Z]`)
	// mayKeepPointer matches those of which it is likely when something waits
	// for them afterwards.
	mayKeepPointer = regexp.MustCompile(`(?i)post_|start_|register|set_?data|callback`)
	// waitsForC matches what waits for the end of the work.
	waitsForC = regexp.MustCompile(`(?i)wait|join|done|complete|drain|finish|synchroni[sz]e`)
)

// keepsPointer reports whether the called C function works on its pointers after
// it has returned.
func keepsPointer(x *crossing) bool {
	switch {
	case strings.HasPrefix(x.Name, "clEnqueue"):
		// OpenCL: an argument tells whether the call blocks.
		return slices.ContainsFunc(x.Call.Args, func(arg ast.Expr) bool { return cgo.CName(x.p, cgo.Converted(x.p, arg)) == "CL_FALSE" })
	case strings.HasPrefix(x.Name, "sqlite3_bind_blob"), strings.HasPrefix(x.Name, "sqlite3_bind_text"):
		// SQLite: the destructor tells whether the value is copied.
		last := cgo.Converted(x.p, x.Call.Args[len(x.Call.Args)-1])
		return x.p.Info.Types[last].IsNil() || cgo.CName(x.p, last) == "SQLITE_STATIC"
	}
	return asyncName.MatchString(x.Name) && !readsAtOnce.MatchString(x.Name)
}

// retained reports a pointer to Go memory that C keeps after the call.
func (k *keeper) retained(x *crossing, arg ast.Expr) *rewrite.Finding {
	configured := settings.Match(settings.Of(k.s).AsyncC, x.Name)
	strong := configured || keepsPointer(x)
	if !configured && (!strong && !mayKeepPointer.MatchString(x.Name) || waitsForC.MatchString(x.Name)) {
		return nil
	}
	p := x.p
	m, ok := k.goMemory(x, arg)
	if !ok || cgo.UintptrOfPointer(p, arg) != nil {
		return nil
	}
	if m.value && k.alive(x, liveness.Subject{V: m.v}) {
		return nil // the function's result, most likely
	}
	if k.pinned(x, m.v) {
		return nil
	}
	waits := k.waitsAfter(x)
	if !strong && !waits {
		return nil
	}
	// Have: a Go pointer that C works on after the call has returned.
	f := &rewrite.Finding{
		Pos: x.Call.Pos(), End: x.Call.End(),
		Message: x.What() + " keeps the pointer to " + m.v.Name() + " after it has returned: the memory may be collected or reused while C works on it",
	}
	modern := version.Compare(x.file.Version(), "go1.21") >= 0
	switch {
	case waits && modern:
		if fix := k.pinFix(x, arg); fix != nil {
			f.Fixes = []*rewrite.Fix{fix}
			return f
		}
		f.NoFix = "the call stands where no deferred Unpin can be put; pin " + m.v.Name() + " with runtime.Pinner until C is done"
		return f
	case waits:
		f.NoFix = "runtime.Pinner needs Go 1.21; give C memory of its own (C.CBytes)"
		return f
	}
	advice := "runtime.KeepAlive alone does not make an asynchronous call safe: pin " + m.v.Name() + " with runtime.Pinner until C is done, or give C memory of its own (C.CBytes)"
	if m.value || k.alive(x, liveness.Subject{V: m.v}) {
		f.NoFix = "the end of C's work is not in sight; " + advice
		return f
	}
	fix, why := k.keepFix([]use{{x, resource{v: m.v}}})
	if fix == nil {
		f.NoFix = why + "; " + advice
		return f
	}
	fix.Safety = rewrite.Unsafe
	fix.Message = "keep " + m.v.Name() + " alive up to the end of the call; " + advice
	f.Notes = []rewrite.Note{{Message: advice}}
	f.Fixes = []*rewrite.Fix{fix}
	return f
}

// pinned reports whether the function pins v's memory, or something does that
// it hands v to.
func (k *keeper) pinned(x *crossing, v *types.Var) bool {
	l := k.flow(x.p, x.body)
	return syntax.ContainsNode(x.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !x.p.IsCall(call, "runtime", "(*runtime.Pinner).Pin") {
			return false
		}
		if l.Mentions(call, v) {
			return true
		}
		if id, ok := cgo.Converted(x.p, call.Args[0]).(*ast.Ident); ok {
			if w := syntax.LocalVar(x.p, id); w != nil {
				if def := syntax.OnlyValue(x.p, x.body, w); def != nil && l.Mentions(def, v) {
					return true
				}
			}
		}
		return false
	})
}

// waitsAfter reports whether every path from the call to an exit passes
// something that waits for C, those aside that only leave because the call
// failed.
func (k *keeper) waitsAfter(x *crossing) bool {
	l := k.flow(x.p, x.body)
	waits := func(n ast.Node) bool {
		return syntax.ContainsNode(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.CallExpr:
				if n == x.Call {
					return false
				}
				if name := cgo.CName(x.p, n.Fun); name != "" {
					return waitsForC.MatchString(name)
				}
				switch fun := ast.Unparen(n.Fun).(type) {
				case *ast.Ident:
					return waitsForC.MatchString(fun.Name)
				case *ast.SelectorExpr:
					return waitsForC.MatchString(fun.Sel.Name)
				}
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					return waitsForC.MatchString(x.file.Text(n.X))
				}
			}
			return false
		})
	}
	failed := k.failures(x)
	found := false
	missed := l.Leaks(x.Call, func(n ast.Node) bool {
		if waits(n) {
			found = true
			return true
		}
		return slices.ContainsFunc(failed, func(b *ast.BlockStmt) bool { return b.Pos() <= n.Pos() && n.End() <= b.End() })
	})
	return found && !missed
}

// failures returns the branches that leave the function when the call failed:
// the if statement tests its result right behind it.
func (k *keeper) failures(x *crossing) []*ast.BlockStmt {
	c, stmt := listStmt(x.cur)
	var out []*ast.BlockStmt
	leave := func(n ast.Node) {
		s, ok := n.(*ast.IfStmt)
		if !ok || len(s.Body.List) == 0 {
			return
		}
		if _, ok := s.Body.List[len(s.Body.List)-1].(*ast.ReturnStmt); ok {
			out = append(out, s.Body)
		}
	}
	leave(stmt)
	if next, ok := c.NextSibling(); ok {
		if s, ok := next.Node().(*ast.IfStmt); ok {
			if d := derived(x, stmt); d != nil && k.flow(x.p, x.body).Mentions(s.Cond, d) {
				leave(s)
			}
		}
	}
	return out
}

// pinFix pins the memory from before the call to the function's end.
func (k *keeper) pinFix(x *crossing, arg ast.Expr) *rewrite.Fix {
	c, stmt := listStmt(x.cur)
	if stmt == nil || syntax.InsideLoop(c, x.fn) {
		return nil
	}
	target := cgo.Converted(x.p, arg)
	if !pureUnsafe(x.p, target) {
		return nil
	}
	name := x.file.FreeName(x.fn.Node(), "pinner", "pin")
	return &rewrite.Fix{
		Message: "pin the memory until the function has waited for C and returns; it then stays in place and alive for longer", Safety: rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			e.InsertBefore(stmt, rewrite.Stmts("var $pinner runtime.Pinner\ndefer $pinner.Unpin()\n$pinner.Pin($target)", rewrite.Holes{"pinner": name, "target": dst.Expr(e.Clone(target))})...)
			return nil
		},
	}
}

// Package keepalive finds objects whose finalizer may run while what they own
// is still in use.
package keepalive

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/keepalive/release"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "keepalive",
	Title: "object not kept alive at the cgo or system call boundary",
	Doc: `Under GC load a C function or system call works on a handle that was just freed, on a descriptor that now belongs to another file, or on bytes that change under it.

An object is dead after its last use, even while a method of it runs. When only its handle (a C pointer, a descriptor, an index) goes into the call, the finalizer may run and free the handle during the call. That object may also be held by a field of another, which dies first: a part of C memory that keeps the owner of the whole. Memory that the finalizer unmaps or frees is gone under Go code that reads it through a slice, without any call of C. The same holds for a Go pointer hidden in an integer: the collector does not see it. A pointer that C keeps after the call must be pinned until C is done (cmd/cgo, "Passing pointers").

runtime.KeepAlive after the call ends the object's life there. A uintptr for a system call is made in the call's own argument list; a function that takes one to hand it on is marked //go:uintptrescapes. A pointer that C keeps is pinned up to the wait for C; where no wait is in sight, runtime.KeepAlive is only a first step and does not make an asynchronous call safe.

It fires when the control flow graph shows no use of the object after the call, or after the access to memory that its finalizer frees or unmaps, no deferred call and no closure that holds it, when no variable holds the object at all, and when the descriptor of a file that nothing holds is returned or stored. It stays silent in the finalizer and what only it calls, when the function frees the handle itself, when the object is held by something that outlives the call, when what registers its finalizer puts it into a variable of the package, when memory is only handed out as a slice, when all callers of an unexported function still hold it, and for pointers passed as pointers to synchronous calls. In tests it only reports.`,
	Before: `n := C.res_use(r.h) // r has a finalizer that frees r.h
return int(n)`,
	After: `n := C.res_use(r.h) // r has a finalizer that frees r.h
runtime.KeepAlive(r)
return int(n)`,
	Needs: needs(),
	Emits: []string{"runtime"},
	Find:  findKeepalive,
}

func findKeepalive(s *rewrite.Snapshot) []rewrite.Finding {
	k := newKeeper(s)
	var out []rewrite.Finding
	for _, p := range slices.Clone(s.Packages) { // callers may be added
		if p.Wide || !slices.ContainsFunc(p.Files, crosses) && !k.releases.Registers() {
			continue
		}
		for _, f := range p.Files {
			if !f.Generated {
				out = append(out, k.file(p, f)...)
			}
		}
	}
	return out
}

// crosses reports whether the file may leave Go, or hand out descriptors.
func crosses(f *rewrite.File) bool {
	if f.Cgo || syntax.ImportsPath(f, "os") || syntax.ImportsPath(f, "unsafe") {
		return true
	}
	for path := range cgo.SyscallPackages {
		if syntax.ImportsPath(f, path) {
			return true
		}
	}
	return false
}

// keeper looks for boundaries at which an object dies too early.
type keeper struct {
	s        *rewrite.Snapshot
	live     map[*ast.BlockStmt]*liveness.Liveness
	releases *release.Releases
	busy     map[string]bool     // functions whose callers are being looked at
	wrapped  map[*types.Var]bool // parameters looked at as those of wrappers
	marked   map[*ast.FuncDecl]bool
	passages map[string]*passage     // by function
	handing  map[string]map[int]bool // what functions hand on to boundaries
}

func newKeeper(s *rewrite.Snapshot) *keeper {
	return &keeper{
		s: s, live: make(map[*ast.BlockStmt]*liveness.Liveness), releases: release.Of(s),
		busy: make(map[string]bool), wrapped: make(map[*types.Var]bool), marked: make(map[*ast.FuncDecl]bool),
		passages: make(map[string]*passage), handing: make(map[string]map[int]bool),
	}
}

// A use is a call that gets a handle of the object.
type use struct {
	*crossing
	of resource
}

// file returns the findings in f, in order of the calls.
func (k *keeper) file(p *rewrite.Package, f *rewrite.File) []rewrite.Finding {
	root, ok := p.Cursor(f.AST)
	if !ok {
		return nil
	}
	var out []rewrite.Finding
	// What is kept alive for several calls is kept alive once.
	type holder struct {
		fn     ast.Node
		v      *types.Var
		fields string
	}
	at := make(map[holder][]use)
	var order []holder
	note := func(x *crossing) {
		for _, o := range k.objects(x) {
			h := holder{x.fn.Node(), o.v, o.holder().String()}
			if at[h] == nil {
				order = append(order, h)
			}
			at[h] = append(at[h], use{x, o})
		}
	}
	reads := k.reads(f)
	for c := range root.Preorder((*ast.CallExpr)(nil), (*ast.SelectorExpr)(nil), (*ast.StarExpr)(nil), (*ast.IndexExpr)(nil), (*ast.RangeStmt)(nil)) {
		all, more := k.crossingsAt(p, f, c, reads)
		for _, x := range all {
			note(x)
		}
		out = append(out, more...)
	}
	for _, h := range order {
		if finding := k.handle(at[h]); finding != nil {
			out = append(out, *finding)
		}
	}
	for i := range out {
		if f.Test && len(out[i].Fixes) > 0 {
			out[i].Fixes = nil
			out[i].NoFix = "tests are only reported"
		}
	}
	slices.SortStableFunc(out, func(a, b rewrite.Finding) int { return int(a.Pos - b.Pos) })
	return out
}

// crossingsAt returns the boundaries at c, and what else is wrong with the
// pointers that cross them. reads says whether to look for reads of memory that a
// finalizer unmaps.
func (k *keeper) crossingsAt(p *rewrite.Package, f *rewrite.File, c inspector.Cursor, reads bool) (all []*crossing, out []rewrite.Finding) {
	switch c.Node().(type) {
	case *ast.SelectorExpr, *ast.StarExpr:
		if x := readAt(p, f, c); x != nil {
			return append(all, x), nil
		}
	case *ast.CallExpr:
		if finding := k.lostFile(p, f, c); finding != nil {
			out = append(out, *finding)
		}
		x := crossingAt(p, f, c)
		if x != nil {
			out = append(out, k.pointers(x)...)
			for _, arg := range x.operands {
				if f := k.unnamed(x, arg); f != nil {
					out = append(out, *f)
				}
			}
			if x.Raw || x.C {
				out = append(out, k.wrappers(x)...)
			}
			if reads && len(k.objects(x)) == 0 {
				if y := k.accessAt(p, f, c); y != nil {
					x = y // mapped memory, unix.Msync(m.data)
				}
			}
			return append(all, x), out
		}
		if x = k.throughGo(p, f, c); x != nil {
			for _, arg := range x.operands {
				if f := k.inStruct(x, arg); f != nil {
					out = append(out, *f)
				}
				if f := k.unnamed(x, arg); f != nil {
					out = append(out, *f)
				}
			}
			all = append(all, x)
		}
	}
	if reads {
		if x := k.accessAt(p, f, c); x != nil {
			all = append(all, x)
		}
	}
	return all, out
}

// reads reports whether code of f may read memory that a finalizer unmaps or frees:
// one unmaps what is a slice, or a slice can be made of a pointer.
func (k *keeper) reads(f *rewrite.File) bool {
	return k.releases.Registers() && (syntax.ImportsPath(f, "unsafe") || k.releases.Unmapping())
}

// flow returns the liveness in a function's body.
func (k *keeper) flow(p *rewrite.Package, body *ast.BlockStmt) *liveness.Liveness {
	if k.live[body] == nil {
		k.live[body] = liveness.New(p, body)
	}
	return k.live[body]
}

// handle reports the calls at which the object is dead, one finding for all of
// them. The calls stand in one function.
func (k *keeper) handle(at []use) *rewrite.Finding {
	var dead []use
	for _, x := range at {
		if k.inFinalizer(x) || k.disarms(x) || k.cleared(x) || k.freed(x) || k.waitsForLock(x) || k.releases.Listed(x.of.typ) || k.alive(x.crossing, x.of.subject()) || !k.owned(x.crossing, x.of) {
			continue
		}
		dead = append(dead, x)
	}
	// What a call yields lives as long as the object does, which is looked after
	// where that is dead at the call.
	if slices.ContainsFunc(dead, func(x use) bool { return !x.of.derived }) {
		dead = slices.DeleteFunc(dead, func(x use) bool { return x.of.derived })
	}
	// Of several calls in a row the last one counts. (A copy of the handle does
	// not keep the object alive from one to the next.)
	l := k.flow(at[0].p, at[0].body)
	dead = slices.DeleteFunc(slices.Clone(dead), func(x use) bool {
		return slices.ContainsFunc(dead, func(y use) bool {
			return x.crossing != y.crossing && l.ReachesWith(x.of.v, x.at, y.at) && (x.at.End() < y.at.End() || !l.ReachesWith(x.of.v, y.at, x.at))
		})
	})
	if len(dead) == 0 {
		return nil
	}
	// Have: the object may be finalized while the call works on its handle.
	x := dead[0]
	v, keep := x.of.v.Name(), x.of.holder().String()
	f := &rewrite.Finding{Pos: x.at.Pos(), End: x.at.End(), Message: v + " is not used after " + x.moment() + ": " + x.harm()}
	for _, y := range dead[1:] {
		f.Notes = append(f.Notes, rewrite.Note{Pos: y.at.Pos(), Message: "the same here"})
	}
	if slices.ContainsFunc(dead, losesLock) {
		f.NoFix = "the lock goes when the finalizer closes the file, whenever that is; hold " + keep + " for as long as the lock is needed, and close it then"
		return f
	}
	if slices.ContainsFunc(dead, func(x use) bool { return finalizer.IsFile(x.of.typ) && x.C && knowledge.CKeepsDescriptor(x.Name) }) {
		f.NoFix = "C keeps the descriptor after the call; hand over a duplicate, or hold " + keep + " for as long as C uses it"
		return f
	}
	if slices.ContainsFunc(dead, func(x use) bool { return x.of.copied }) {
		f.NoFix = v + " is a copy, which does not keep the object that it was made of; take a pointer to that"
		return f
	}
	if slices.ContainsFunc(dead, changedSince) {
		f.NoFix = v + " has another value since its handle was taken; call runtime.KeepAlive of the object itself when the call is done"
		return f
	}
	if fix, why := k.keepFix(dead); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.NoFix = why + "; call runtime.KeepAlive(" + keep + ") when the call is done"
	}
	return f
}

// losesLock reports whether the call locks a file that the function opened and
// then forgets: the lock goes with the file's descriptor.
func losesLock(x use) bool {
	return finalizer.IsFile(x.of.typ) && (x.Name == "syscall.Flock" || x.Name == "unix.Flock") && syntax.DeclaredIn(x.body, x.of.v)
}

// changedSince reports whether the object's variable is set between the place
// where its handle was copied and the call.
func changedSince(x use) bool {
	if !x.of.taken.IsValid() {
		return false
	}
	return syntax.ContainsNode(x.body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		return ok && x.of.taken < as.Pos() && as.Pos() < x.at.Pos() && syntax.Sets(x.p, as, x.of.v)
	})
}

// moment names what happens at the boundary.
func (x use) moment() string {
	switch {
	case x.memory && x.Call == nil:
		return "its memory is read"
	case x.read && !x.memory:
		return "its handle is read"
	}
	return "the call"
}

// harm says what may happen during the call.
func (x use) harm() string {
	of := ""
	if len(x.of.fields) > 0 {
		of = " of " + x.of.String()
	}
	switch {
	case x.memory && x.Call != nil:
		return "the finalizer" + of + " may free the memory while " + x.What() + " reads or writes it"
	case x.read:
		return "the finalizer" + of + " may free the memory before it is read or written"
	}
	if finalizer.IsFile(x.of.typ) {
		return "the file" + strings.TrimPrefix(of, " of") + " may be closed while " + x.What() + " works on its descriptor"
	}
	return "the finalizer" + of + " may free its handle while " + x.What() + " works on it"
}

// alive reports whether the object is still referred to after the call, in the
// function itself and in those around it up to the one that declares its
// variable.
func (k *keeper) alive(x *crossing, o liveness.Subject) bool {
	fn, at := x.fn, ast.Node(x.at)
	for {
		if k.flow(x.p, syntax.BodyOf(fn.Node())).Kept(o, at) {
			return true
		}
		if fn.Node().Pos() <= o.V.Pos() && o.V.Pos() < fn.Node().End() {
			return false
		}
		at = fn.Node()
		outer, ok := syntax.EnclosingFunc(fn.Parent())
		if !ok {
			return true
		}
		fn = outer
	}
}

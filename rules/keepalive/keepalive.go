// Package keepalive finds objects whose finalizer may run while what they own
// is still in use.
package keepalive

import (
	"go/ast"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "keepalive",
	Title: "object not kept alive at the cgo or system call boundary",
	Doc: `Under GC load a C function or system call works on a handle that was just freed, on a descriptor that now belongs to another file, or on bytes that change under it.

An object is dead after its last use, even while a method of it runs. When only its handle (a C pointer, a descriptor, an index) goes into the call, the finalizer may run and free the handle during the call. That object may also be held by a field of another, which dies first. The same holds for a Go pointer hidden in an integer: the collector does not see it. A pointer that C keeps after the call must be pinned until C is done (cmd/cgo, "Passing pointers").

runtime.KeepAlive after the call ends the object's life there. A uintptr for a system call is made in the call's own argument list; a function that takes one to hand it on is marked //go:uintptrescapes. A pointer that C keeps is pinned up to the wait for C; where no wait is in sight, runtime.KeepAlive is only a first step and does not make an asynchronous call safe.

It fires when the control flow graph shows no use of the object after the call, no deferred call and no closure that holds it, and when the descriptor of a file that nothing holds is returned or stored. It stays silent in the finalizer and what only it calls, when the function frees the handle itself, when the object is held by something that outlives the call, when all callers of an unexported function still hold it, and for pointers passed as pointers to synchronous calls. In tests it only reports.`,
	Before: `n := C.res_use(r.h) // r has a finalizer that frees r.h
return int(n)`,
	After: `n := C.res_use(r.h) // r has a finalizer that frees r.h
runtime.KeepAlive(r)
return int(n)`,
	Needs: append([]rewrite.Need{
		{Import: "C"}, // not in tests: cgo does not work there
		{Import: "runtime", Idents: []string{"SetFinalizer", "AddCleanup"}, Tests: true},
		{Import: "os", Idents: []string{"Fd"}, Tests: true},
	}, systemCallNeeds()...),
	Emits: []string{"runtime"},
	Find:  findKeepalive,
}

// systemCallNeeds are for files that make system calls on what may be a handle or
// an address.
func systemCallNeeds() []rewrite.Need {
	var out []rewrite.Need
	for _, path := range slices.Sorted(maps.Keys(cgo.SyscallPackages)) {
		out = append(out, rewrite.Need{Import: path, Idents: cgo.DescriptorCalls, Tests: true})
	}
	return out
}

func findKeepalive(s *rewrite.Snapshot) []rewrite.Finding {
	k := &keeper{s: s, live: make(map[*ast.BlockStmt]*liveness.Liveness), released: make(map[string]*release), busy: make(map[string]bool), wrapped: make(map[*types.Var]bool), marked: make(map[*ast.FuncDecl]bool)}
	var out []rewrite.Finding
	for _, p := range slices.Clone(s.Packages) { // callers may be added
		if p.Wide {
			continue
		}
		for _, f := range p.Files {
			if !f.Generated && crosses(f) {
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
	s          *rewrite.Snapshot
	finalizers *finalizer.Finalizers
	live       map[*ast.BlockStmt]*liveness.Liveness
	released   map[string]*release // by type
	busy       map[string]bool     // functions whose callers are being looked at
	wrapped    map[*types.Var]bool // parameters looked at as those of wrappers
	marked     map[*ast.FuncDecl]bool
}

// registered returns the finalizers of the modules around. They are looked for
// once a call works on something that may be a handle.
func (k *keeper) registered() *finalizer.Finalizers {
	if k.finalizers == nil {
		k.finalizers = finalizer.Of(k.s)
	}
	return k.finalizers
}

func (k *keeper) backed(t types.Type) bool { return k.registered().Backed(t) }

// crossing is a boundary in its surroundings.
type crossing struct {
	*cgo.Boundary
	p    *rewrite.Package
	file *rewrite.File
	cur  inspector.Cursor // of the call
	fn   inspector.Cursor // the innermost function
	body *ast.BlockStmt
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
	for c := range root.Preorder((*ast.CallExpr)(nil)) {
		if finding := k.lostFile(p, f, c); finding != nil {
			out = append(out, *finding)
		}
		x := crossingAt(p, f, c)
		if x == nil {
			continue
		}
		for _, o := range k.objects(x) {
			h := holder{x.fn.Node(), o.v, o.holder().String()}
			if at[h] == nil {
				order = append(order, h)
			}
			at[h] = append(at[h], use{x, o})
		}
		out = append(out, k.pointers(x)...)
		if x.Raw || x.C {
			out = append(out, k.wrappers(x)...)
		}
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

// crossingAt returns the boundary that the call at c crosses, nil when it
// crosses none or stands outside of functions.
func crossingAt(p *rewrite.Package, f *rewrite.File, c inspector.Cursor) *crossing {
	b := cgo.BoundaryOf(p, c.Node().(*ast.CallExpr))
	fn, ok := syntax.EnclosingFunc(c)
	if b == nil || !ok {
		return nil
	}
	return &crossing{Boundary: b, p: p, file: f, cur: c, fn: fn, body: syntax.BodyOf(fn.Node())}
}

// flow returns the liveness in a function's body.
func (k *keeper) flow(p *rewrite.Package, body *ast.BlockStmt) *liveness.Liveness {
	if k.live[body] == nil {
		k.live[body] = liveness.New(p, body)
	}
	return k.live[body]
}

// keepsDescriptor matches the names of C functions that work on with a descriptor
// when they have returned, as fdopen.
var keepsDescriptor = regexp.MustCompile(`(?i)open|from_?f(?:d|ile)|set_?\w*fd|attach|register`)

// handle reports the calls at which the object is dead, one finding for all of
// them. The calls stand in one function.
func (k *keeper) handle(at []use) *rewrite.Finding {
	var dead []use
	for _, x := range at {
		if k.inFinalizer(x) || k.disarms(x) || k.releases(x) || k.waitsForLock(x) || k.alive(x.crossing, x.of.subject()) || !k.owned(x.crossing, x.of) {
			continue
		}
		dead = append(dead, x)
	}
	// Of several calls in a row the last one counts. (A copy of the handle does
	// not keep the object alive from one to the next.)
	l := k.flow(at[0].p, at[0].body)
	dead = slices.DeleteFunc(slices.Clone(dead), func(x use) bool {
		return slices.ContainsFunc(dead, func(y use) bool {
			return l.Reaches(x.Call, y.Call) && (x.Call.Pos() < y.Call.Pos() || !l.Reaches(y.Call, x.Call))
		})
	})
	if len(dead) == 0 {
		return nil
	}
	// Have: the object may be finalized while the call works on its handle.
	x := dead[0]
	v, keep := x.of.v.Name(), x.of.holder().String()
	f := &rewrite.Finding{Pos: x.Call.Pos(), End: x.Call.End(), Message: v + " is not used after the call: " + x.harm()}
	for _, y := range dead[1:] {
		f.Notes = append(f.Notes, rewrite.Note{Pos: y.Call.Pos(), Message: "the same here"})
	}
	if slices.ContainsFunc(dead, func(x use) bool { return isFile(x.of.typ) && x.C && keepsDescriptor.MatchString(x.Name) }) {
		f.NoFix = "C keeps the descriptor after the call; hand over a duplicate, or hold " + keep + " for as long as C uses it"
		return f
	}
	if fix, why := k.keepFix(dead); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.NoFix = why + "; call runtime.KeepAlive(" + keep + ") when the call is done"
	}
	return f
}

// harm says what may happen during the call.
func (x use) harm() string {
	of := ""
	if len(x.of.fields) > 0 {
		of = " of " + x.of.String()
	}
	if isFile(x.of.typ) {
		return "the file" + strings.TrimPrefix(of, " of") + " may be closed while " + x.What() + " works on its descriptor"
	}
	return "the finalizer" + of + " may free its handle while " + x.What() + " works on it"
}

func isFile(t types.Type) bool { return finalizer.FinalizedKey(t) == "os.File" }

// alive reports whether the object is still referred to after the call, in the
// function itself and in those around it up to the one that declares its
// variable.
func (k *keeper) alive(x *crossing, o liveness.Subject) bool {
	fn, at := x.fn, ast.Node(x.Call)
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

// Package cgo answers where an address or handle leaves Go: calls of C, system
// calls, conversions to integers.
package cgo

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// CName returns the name when x is C.name, "" else.
func CName(p *rewrite.Package, x ast.Expr) string {
	sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok || id.Name != "C" {
		return ""
	}
	if pkg, ok := p.Info.Uses[id].(*types.PkgName); !ok || pkg.Imported().Path() != "C" {
		return ""
	}
	return sel.Sel.Name
}

// IsCgoCall reports whether x calls a C function or converts to a C type.
func IsCgoCall(p *rewrite.Package, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && CName(p, call.Fun) != ""
}

// cTypeName matches the C types that cgo knows by itself and those whose
// names say that they are types.
var cTypeName = regexp.MustCompile(`^(?:u?char|schar|u?short|u?int|u?long|u?longlong|float|double|complex\w+|void|bool|_Bool|(?:struct|union|enum)_\w+|\w+_t|GLX?\w*|u?int(?:8|16|32|64)(?:_t)?)$`)

// IsCType reports whether C.name is a type. Nothing but its use tells: cgo's
// types are not known here.
func IsCType(p *rewrite.Package, name string) bool {
	if strings.HasPrefix(name, "sizeof_") || cTypeName.MatchString(name) && !strings.HasPrefix(name, "GL") {
		return true
	}
	type key struct{ pkg *rewrite.Package }
	known := rewrite.Memo(p.Snapshot(), key{p}, func() map[string]bool { return cTypes(p) })
	return known[name]
}

// cTypes returns the names that p uses as C types.
func cTypes(p *rewrite.Package) map[string]bool {
	u := cUses{p: p, types: make(map[string]bool), nested: make(map[string]int), called: make(map[string]int)}
	for _, f := range p.Files {
		if !f.Cgo {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			u.note(n)
			return true
		})
	}
	// What is only ever applied to one argument of a C function is a
	// conversion, most likely.
	for name, n := range u.nested {
		if n == u.called[name] {
			u.types[name] = true
		}
	}
	return u.types
}

// cUses is how a package uses the names of C.
type cUses struct {
	p      *rewrite.Package
	types  map[string]bool // used where a type stands
	nested map[string]int  // applied to one argument of a C function, how often
	called map[string]int  // applied to anything
}

// note notes what n says of the names in it.
func (u cUses) note(n ast.Node) {
	switch n := n.(type) {
	case *ast.Field:
		u.noteType(n.Type)
	case *ast.ValueSpec:
		u.noteType(n.Type)
	case *ast.TypeSpec:
		u.noteType(n.Type)
	case *ast.CompositeLit:
		u.noteType(n.Type)
	case *ast.ArrayType:
		u.noteType(n.Elt)
	case *ast.MapType:
		u.noteType(n.Key)
		u.noteType(n.Value)
	case *ast.TypeAssertExpr:
		u.noteType(n.Type)
	case *ast.StarExpr:
		u.noteType(n.X)
	case *ast.CallExpr:
		u.noteCall(n)
	}
}

// noteType notes the name of C that the type x is made of.
func (u cUses) noteType(x ast.Expr) {
	for x != nil {
		if name := CName(u.p, x); name != "" {
			u.types[name] = true
			return
		}
		switch n := ast.Unparen(x).(type) {
		case *ast.StarExpr:
			x = n.X
		case *ast.ArrayType:
			x = n.Elt
		default:
			return
		}
	}
}

func (u cUses) noteCall(n *ast.CallExpr) {
	if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && (id.Name == "new" || id.Name == "make") && len(n.Args) > 0 {
		u.noteType(n.Args[0])
	}
	name := CName(u.p, n.Fun)
	if name == "" {
		return
	}
	u.called[name]++
	if CopiesFromC[name] {
		return
	}
	for _, a := range n.Args {
		if inner, ok := ast.Unparen(a).(*ast.CallExpr); ok && len(inner.Args) == 1 && !convertedToC(u.p, inner.Args[0]) {
			if name := CName(u.p, inner.Fun); name != "" {
				u.nested[name]++
			}
		}
	}
}

// convertedToC reports whether x is a conversion to a C type that is known by
// its name. What is applied to that is a function: C.dup(C.int(fd)).
func convertedToC(p *rewrite.Package, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && cTypeName.MatchString(CName(p, call.Fun))
}

// Boundary is a call that leaves Go: of a C function, or of a function of one
// of the packages for system calls.
type Boundary struct {
	Call *ast.CallExpr
	Name string // the function's own name
	C    bool   // a C function
	Raw  bool   // it takes pointers as uintptr and keeps them: syscall.Syscall and the like
}

// What describes the call for messages.
func (b *Boundary) What() string {
	if b.C {
		return "C." + b.Name
	}
	return b.Name
}

var SyscallPackages = map[string]bool{"syscall": true, "golang.org/x/sys/unix": true, "golang.org/x/sys/windows": true, "golang.org/x/term": true}

// descriptorCalls are the names in a file that makes system calls on what may be
// a handle or an address: of functions that take a descriptor, those aside whose
// names say little, and of ways to make an integer of either.
var DescriptorCalls = []string{
	"Fd", "Pointer", "UnsafeAddr", "Call",
	"Syscall", "Syscall6", "Syscall9", "Syscall12", "Syscall15", "Syscall18", "SyscallN", "SyscallNoError",
	"RawSyscall", "RawSyscall6", "RawSyscallNoError",
	"Readv", "Writev", "Pread", "Pwrite", "Preadv", "Pwritev",
	"Flock", "Fcntl", "FcntlInt", "FcntlFlock", "Fsync", "Fdatasync", "Ftruncate", "Fallocate", "Fadvise", "Fstat", "Fstatfs",
	"Fchmod", "Fchown", "Fchdir", "Futimes", "Getdents", "ReadDirent", "Mmap", "Sendfile", "Splice", "Tee", "Vmsplice", "CopyFileRange", "SyncFileRange",
	"Dup", "Dup2", "Dup3", "SetNonblock", "CloseOnExec", "Setns", "PidfdSendSignal",
	"Accept4", "Recvfrom", "Recvmsg", "Sendto", "Sendmsg", "SendmsgN", "Getsockname", "Getpeername", "BindToDevice",
	"SetsockoptInt", "SetsockoptByte", "SetsockoptTimeval", "SetsockoptLinger", "SetsockoptString", "SetsockoptIPMreq", "SetsockoptPacketMreq", "GetsockoptInt",
	"EpollCtl", "EpollWait", "InotifyAddWatch", "InotifyRmWatch", "FanotifyMark", "TimerfdSettime",
	"IoctlGetInt", "IoctlSetInt", "IoctlSetPointerInt", "IoctlRetInt", "IoctlGetTermios", "IoctlSetTermios", "IoctlGetWinsize", "IoctlSetWinsize",
	"DeviceIoControl", "WaitForSingleObject", "GetOverlappedResult", "LockFileEx", "UnlockFileEx", "FlushFileBuffers", "SetHandleInformation", "GetExitCodeProcess", "TerminateProcess", "ReadDirectoryChanges", "SetFilePointer", "SetEndOfFile",
}

var rawSyscall = regexp.MustCompile(`^(?:Raw)?Syscall(?:6|9|12|15|18|N|NoError)?$`)

// copiesFromC are cgo's own functions that read C memory.
var CopiesFromC = map[string]bool{"GoString": true, "GoStringN": true, "GoBytes": true}

// cast matches the names of C functions of one argument that only convert it, as
// macros of GObject do: what they return is the same handle.
var cast = regexp.MustCompile(`^(?:to|TO_)(?:G[A-Z]|Gtk|Gdk|Pango|Cairo)\w*$|(?i:^cast_|_cast$|_cast_)`)

// BoundaryOf returns the boundary that call crosses, nil when it is none.
func BoundaryOf(p *rewrite.Package, call *ast.CallExpr) *Boundary {
	if name := CName(p, call.Fun); name != "" {
		switch name {
		case "CString", "CBytes", "malloc", "calloc", "free", "realloc":
			return nil
		}
		if len(call.Args) == 1 && !CopiesFromC[name] && (IsCType(p, name) || cast.MatchString(name)) {
			return nil
		}
		return &Boundary{Call: call, Name: name, C: true}
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	if fn.Name() == "WriteMsgUnix" && rewrite.ObjectKey(fn) == "(*net.UnixConn).WriteMsgUnix" {
		return &Boundary{Call: call, Name: fn.Name()} // descriptors go in its buffer
	}
	if !SyscallPackages[fn.Pkg().Path()] {
		if decl := syntax.DeclOf(p, fn); decl != nil && KeepsConverted(decl) && takesUintptr(fn.Signature()) {
			return &Boundary{Call: call, Name: fn.Name(), Raw: true}
		}
		return nil
	}
	if fn.Name() == "UnixRights" {
		return nil // it only writes the number into a buffer
	}
	b := &Boundary{Call: call, Name: fn.Pkg().Name() + "." + fn.Name()}
	if recv := fn.Signature().Recv(); recv != nil {
		switch rewrite.ObjectKey(fn) {
		case "(*syscall.LazyProc).Call", "(*syscall.Proc).Call", "(*golang.org/x/sys/windows.LazyProc).Call", "(*golang.org/x/sys/windows.Proc).Call":
			b.Raw = true
			return b
		}
		return nil
	}
	b.Raw = rawSyscall.MatchString(fn.Name())
	return b
}

// takesUintptr reports whether a parameter is a uintptr.
func takesUintptr(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		t := syntax.Under(v.Type())
		if list, ok := t.(*types.Slice); ok && sig.Variadic() {
			t = syntax.Under(list.Elem())
		}
		if t == types.Typ[types.Uintptr] {
			return true
		}
	}
	return false
}

// Converted strips conversions from x: those of Go, to C types, and the
// address arithmetic around none.
func Converted(p *rewrite.Package, x ast.Expr) ast.Expr {
	for {
		x = ast.Unparen(x)
		call, ok := x.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return x
		}
		name := CName(p, call.Fun)
		_, star := ast.Unparen(call.Fun).(*ast.StarExpr)
		if !p.Info.Types[call.Fun].IsType() && !(star && isCPointer(p, call.Fun)) && !(name != "" && (IsCType(p, name) || cast.MatchString(name))) {
			return x
		}
		x = call.Args[0]
	}
}

// isCPointer reports whether x is a type *C.name, with any number of stars.
func isCPointer(p *rewrite.Package, x ast.Expr) bool {
	for {
		star, ok := ast.Unparen(x).(*ast.StarExpr)
		if !ok {
			return CName(p, x) != ""
		}
		x = star.X
	}
}

// UintptrOfPointer returns the pointer in uintptr(unsafe.Pointer(x)), or in
// uintptr(x) where x is a variable of type unsafe.Pointer, whatever other conversions there are around; nil when x is no such conversion.
func UintptrOfPointer(p *rewrite.Package, x ast.Expr) ast.Expr {
	hidden := false
	for {
		x = ast.Unparen(x)
		call, ok := x.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return nil
		}
		t := p.Info.TypeOf(call.Fun)
		basic, _ := syntax.Under(t).(*types.Basic)
		isType := p.Info.Types[call.Fun].IsType()
		switch {
		case isType && basic != nil && basic.Kind() == types.UnsafePointer:
			if !hidden {
				return nil
			}
			return ast.Unparen(call.Args[0])
		case isType && basic != nil && basic.Kind() == types.Uintptr:
			hidden = true
			if id, ok := ast.Unparen(call.Args[0]).(*ast.Ident); ok && syntax.Under(p.Info.TypeOf(id)) == types.Typ[types.UnsafePointer] {
				return id
			}
		case isType && basic != nil && basic.Info()&types.IsInteger != 0:
		case CName(p, call.Fun) != "" && IsCType(p, CName(p, call.Fun)):
		default:
			return nil
		}
		x = call.Args[0]
	}
}

// IsUnsafe reports whether call is of the function of package unsafe.
func IsUnsafe(p *rewrite.Package, call *ast.CallExpr, name string) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	b, ok := p.Info.Uses[sel.Sel].(*types.Builtin)
	return ok && b.Name() == name
}

// isCgoNamed reports whether t is a type of C as the export data of a package with
// cgo has it.
func isCgoNamed(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && strings.HasPrefix(named.Obj().Name(), "_Ctype_")
}

// IsHandle reports whether a value of type t may stand for something outside of
// Go's memory: a C type, an integer, an untyped pointer.
func IsHandle(t types.Type) bool {
	if t == nil {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.Invalid || u.Kind() == types.UnsafePointer || u.Info()&types.IsInteger != 0
	case *types.Pointer:
		b, ok := u.Elem().Underlying().(*types.Basic)
		return ok && b.Kind() == types.Invalid || isCgoNamed(u.Elem())
	}
	return false
}

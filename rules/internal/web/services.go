package web

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

var (
	registerServer  = regexp.MustCompile(`^Register\w*Server$`)
	registerService = regexp.MustCompile(`^(?:Must)?(?:Register|Add|Handle)(?:Name|Service|Receiver|API|Handlers?)?$`)
	// unimplemented matches the types that generated servers embed.
	unimplemented = regexp.MustCompile(`^(?:Unimplemented|Unsafe)\w+(?:Server|Handler)$`)
)

// IsServiceMethod reports whether obj answers remote calls: it has the shape of
// a gRPC or net/rpc method, and its type is registered as a service, embeds what
// generated servers embed, or implements what is registered.
func IsServiceMethod(s *rewrite.Snapshot, obj *types.Func) bool {
	sig := obj.Signature()
	if sig.Recv() == nil || !obj.Exported() || !IsRemote(sig) {
		return false
	}
	if embedsUnimplemented(sig.Recv().Type()) {
		return true
	}
	s.TryWiden(makersOf(sig.Recv().Type())...)
	all := rewrite.Memo(s, "registered services", func() services { return registered(s) })
	if all.types[syntax.TypeKey(sig.Recv().Type())] {
		return true
	}
	for _, iface := range all.interfaces {
		if hasMethod(iface, obj.Name()) && implementsByName(sig.Recv().Type(), iface) {
			return true
		}
	}
	return false
}

// IsRemote reports whether sig is that of a gRPC method, unary or streaming,
// or of a net/rpc method.
func IsRemote(sig *types.Signature) bool {
	params, results := sig.Params(), sig.Results()
	if params.Len() == 0 || results.Len() == 0 || !syntax.IsError(results.At(results.Len()-1).Type()) {
		return false
	}
	last := params.At(params.Len() - 1).Type()
	if results.Len() == 1 && params.Len() <= 2 && isStream(last) {
		return true
	}
	if params.Len() != 2 {
		return false
	}
	return results.Len() == 1 || results.Len() == 2 && syntax.IsType(params.At(0).Type(), "context", "Context")
}

// isStream reports whether t is the server's end of a gRPC stream.
func isStream(t types.Type) bool {
	iface, ok := t.Underlying().(*types.Interface)
	return ok && hasMethod(iface, "SendHeader") && hasMethod(iface, "SetTrailer") && hasMethod(iface, "Context")
}

// embedsUnimplemented reports whether t is a struct that embeds what protoc's
// plugins generate for servers.
func embedsUnimplemented(t types.Type) bool {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range st.Fields() {
		if f.Embedded() && unimplemented.MatchString(f.Name()) {
			return true
		}
	}
	return false
}

// makersOf returns the exported names by which other packages get a value of
// the type behind t: its own and those of functions that return it.
func makersOf(t types.Type) []string {
	named := syntax.NamedBehind(t)
	if named == nil || named.Obj().Pkg() == nil {
		return nil
	}
	var out []string
	if named.Obj().Exported() {
		out = append(out, named.Obj().Name())
	}
	scope := named.Obj().Pkg().Scope()
	for _, name := range scope.Names() {
		fn, ok := scope.Lookup(name).(*types.Func)
		if !ok || !fn.Exported() || fn.Signature().Results().Len() == 0 {
			continue
		}
		res := fn.Signature().Results().At(0).Type()
		if ptr, ok := types.Unalias(res).(*types.Pointer); ok {
			res = ptr.Elem()
		}
		if types.Identical(res, named) {
			out = append(out, name)
		}
	}
	return out
}

// services are the types whose methods answer remote calls.
type services struct {
	types map[string]bool // by key
	// interfaces are those that registering functions ask for.
	interfaces []*types.Interface
}

// registered returns what is passed to functions which register services.
func registered(s *rewrite.Snapshot) services {
	out := services{types: make(map[string]bool)}
	for _, p := range s.Packages {
		for cur := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
			call := cur.Node().(*ast.CallExpr)
			fn := p.Callee(call)
			if fn == nil || len(call.Args) == 0 {
				continue
			}
			generated := registerServer.MatchString(fn.Name())
			if !generated && !registersAny(fn) {
				continue
			}
			arg := p.Info.TypeOf(call.Args[len(call.Args)-1])
			if arg == nil {
				continue
			}
			out.types[syntax.TypeKey(arg)] = true
			if iface, ok := arg.Underlying().(*types.Interface); ok && iface.NumMethods() > 0 {
				out.interfaces = append(out.interfaces, iface)
			}
		}
	}
	return out
}

// registersAny reports whether fn registers a service whose methods it finds by
// reflection: net/rpc's functions, and those in the style of them.
func registersAny(fn *types.Func) bool {
	if fn.Pkg() == nil {
		return false
	}
	if fn.Pkg().Path() == "net/rpc" {
		return strings.HasPrefix(fn.Name(), "Register")
	}
	params := fn.Signature().Params()
	if !registerService.MatchString(fn.Name()) || params.Len() == 0 {
		return false
	}
	iface, ok := params.At(params.Len() - 1).Type().Underlying().(*types.Interface)
	return ok && iface.NumMethods() == 0
}

func hasMethod(iface *types.Interface, name string) bool {
	for m := range iface.Methods() {
		if m.Name() == name {
			return true
		}
	}
	return false
}

// implementsByName reports whether t has methods with the names of all exported
// ones of iface. One package's types differ when they are read in two ways, so
// that signatures cannot be compared.
func implementsByName(t types.Type, iface *types.Interface) bool {
	if _, ok := types.Unalias(t).(*types.Pointer); !ok {
		t = types.NewPointer(t)
	}
	set := types.NewMethodSet(t)
	for m := range iface.Methods() {
		if m.Exported() && set.Lookup(nil, m.Name()) == nil {
			return false
		}
	}
	return true
}

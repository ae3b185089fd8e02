package threadlock

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// changesThread reports whether n, or a function that it calls within depth
// calls, changes the state of its thread: such a thread must not go back to the
// pool unless it was restored, which only the author knows.
func (f *lockFunc) changesThread(n ast.Node, p *rewrite.Package, depth int, seen map[*types.Func]bool) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == "C" && p.Info.Uses[id] == nil && knowledge.ThreadName(sel.Sel.Name) {
				return true
			}
		}
		fn := p.Callee(call)
		if fn == nil || fn.Pkg() == nil {
			return false
		}
		path := fn.Pkg().Path()
		if path == "syscall" || strings.HasSuffix(path, "golang.org/x/sys/unix") || strings.HasSuffix(path, "golang.org/x/sys/windows") {
			if strings.HasPrefix(fn.Name(), "Syscall") || strings.HasPrefix(fn.Name(), "RawSyscall") {
				if len(call.Args) == 0 {
					return true
				}
				num := types.ExprString(call.Args[0])
				return !strings.Contains(num, "SYS_") || knowledge.ThreadNumber(num)
			}
			return knowledge.ThreadCall(fn.Name())
		}
		if knowledge.ThreadName(fn.Name()) || knowledge.ThreadName(path[strings.LastIndexByte(path, '/')+1:]) || strings.Contains(fn.Name(), "CoInitialize") {
			return true
		}
		if depth == 0 || seen[fn] {
			return false
		}
		seen[fn] = true
		q := f.s.Package(path)
		if path == p.Path {
			q = p
		}
		if q == nil {
			return false
		}
		decl := syntax.DeclOf(q, fn)
		return decl != nil && decl.Body != nil && f.changesThread(decl.Body, q, depth-1, seen)
	})
}

// importsWindows reports whether the file works with a library for windows,
// graphics or sound, whose calls belong to one thread for good.
func importsWindows(file *rewrite.File) bool {
	for _, spec := range file.AST.Imports {
		if knowledge.ThreadLibrary(spec.Path.Value) {
			return true
		}
	}
	return false
}

// unseen reports whether the call goes to a function of the module in a package
// that is not loaded.
func (f *lockFunc) unseen(call *ast.CallExpr) bool {
	fn := f.p.Callee(call)
	return fn != nil && fn.Pkg() != f.p.Types && f.ours(fn.Pkg()) && f.s.Package(fn.Pkg().Path()) == nil
}

// loadCallees loads the packages of the module that declare what the function
// calls, as far as they are not loaded, and reports whether there were any.
func (f *lockFunc) loadCallees() bool {
	var names []string
	ast.Inspect(f.body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && f.unseen(call) {
			names = append(names, f.p.Callee(call).Name())
		}
		return true
	})
	if len(names) > 0 {
		f.s.TryWiden(names...)
	}
	return len(names) > 0
}

package gctrace

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// isEnviron reports whether e is an environment: a call of os.Environ or
// syscall.Environ, of Cmd.Environ, or the Env of a command.
func (x *goTrace) isEnviron(e ast.Expr) bool {
	switch n := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		if x.returnsEnviron(n) {
			return true
		}
		if syntax.IsBuiltin(x.p, n, "append") && len(n.Args) > 0 {
			return x.isEnviron(n.Args[0])
		}
	case *ast.SelectorExpr:
		return x.isEnvField(n)
	case *ast.Ident:
		v, ok := x.p.Info.Uses[n].(*types.Var)
		return ok && x.holdsEnv(v)
	}
	return false
}

// returnsEnviron reports whether call returns an environment, which is never nil.
func (x *goTrace) returnsEnviron(call *ast.CallExpr) bool {
	return x.calls(call, "os", "Environ") || x.calls(call, "syscall", "Environ") || x.calls(call, "os/exec", "Environ")
}

// isEnvField reports whether sel is the Env of an exec.Cmd, an os.ProcAttr or a
// syscall.ProcAttr.
func (x *goTrace) isEnvField(sel *ast.SelectorExpr) bool {
	v, ok := x.p.Info.Uses[sel.Sel].(*types.Var)
	return ok && isEnvVar(v)
}

// isEnvKey reports whether kv sets the Env of an exec.Cmd, an os.ProcAttr or a
// syscall.ProcAttr in a literal.
func (x *goTrace) isEnvKey(kv *ast.KeyValueExpr) bool {
	id, ok := kv.Key.(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := x.p.Info.Uses[id].(*types.Var)
	return ok && isEnvVar(v)
}

// isEnvVar reports whether v is such a field.
func isEnvVar(v *types.Var) bool {
	return v.IsField() && v.Name() == "Env" && v.Pkg() != nil && slices.Contains([]string{"os/exec", "os", "syscall"}, v.Pkg().Path())
}

// becomesEnv reports whether the list at cur is visibly an environment: it is
// assigned to the Env of a command, by way of a local variable or not, or passed
// to syscall.Exec.
func (x *goTrace) becomesEnv(cur inspector.Cursor) bool {
	for {
		parent := cur.Parent()
		switch n := parent.Node().(type) {
		case *ast.ParenExpr:
			cur = parent
			continue
		case *ast.CallExpr:
			if syntax.IsBuiltin(x.p, n, "append") {
				if x.isEnviron(n.Args[0]) {
					return true
				}
				cur = parent
				continue
			}
			return len(n.Args) == 3 && n.Args[2] == cur.Node() && x.calls(n, "syscall", "Exec")
		case *ast.AssignStmt:
			for i, r := range n.Rhs {
				if r == cur.Node() && len(n.Lhs) == len(n.Rhs) {
					return x.isEnvTarget(n.Lhs[i])
				}
			}
		case *ast.ValueSpec:
			for i, v := range n.Values {
				if v == cur.Node() && len(n.Names) == len(n.Values) {
					return x.isEnvTarget(n.Names[i])
				}
			}
		case *ast.KeyValueExpr:
			return n.Value == cur.Node() && x.isEnvKey(n)
		}
		return false
	}
}

// isEnvTarget reports whether what is assigned to l becomes the Env of a command.
func (x *goTrace) isEnvTarget(l ast.Expr) bool {
	switch l := ast.Unparen(l).(type) {
	case *ast.SelectorExpr:
		return x.isEnvField(l)
	case *ast.Ident:
		v, ok := x.p.Info.ObjectOf(l).(*types.Var)
		return ok && x.holdsEnv(v)
	}
	return false
}

// holdsEnv reports whether v is a local variable that holds an environment: one
// of its values is this process's, or it is the Env of a command or an argument
// of syscall.Exec in one of its uses.
func (x *goTrace) holdsEnv(v *types.Var) bool {
	if v.Pkg() == nil || v.IsField() || v.Parent() == nil || v.Parent() == v.Pkg().Scope() {
		return false
	}
	for _, a := range syntax.AssignmentsOf(x.p, v) {
		if a.Value != nil && !x.isLocal(a.Value) && x.isEnviron(a.Value) {
			return true
		}
	}
	for _, c := range syntax.MentionsOf(x.p, v) {
		switch n := c.Parent().Node().(type) {
		case *ast.AssignStmt:
			for i, r := range n.Rhs {
				if sel, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.SelectorExpr); ok && r == c.Node() && x.isEnvField(sel) {
					return true
				}
			}
		case *ast.KeyValueExpr:
			if n.Value == c.Node() && x.isEnvKey(n) {
				return true
			}
		case *ast.CallExpr:
			if len(n.Args) == 3 && n.Args[2] == c.Node() && x.calls(n, "syscall", "Exec") {
				return true
			}
		}
	}
	return false
}

// isLocal reports whether e is a variable, or appends to one: where its elements
// come from takes another look.
func (x *goTrace) isLocal(e ast.Expr) bool {
	switch n := ast.Unparen(e).(type) {
	case *ast.Ident:
		return true
	case *ast.CallExpr:
		return syntax.IsBuiltin(x.p, n, "append") && len(n.Args) > 0 && x.isLocal(n.Args[0])
	}
	return false
}

// inContainer reports whether the operand is the value of a container's variable
// GODEBUG, in a literal of an EnvVar as in k8s.io/api/core/v1.
func (x *goTrace) inContainer(whole inspector.Cursor) bool {
	kv, ok := whole.Parent().Node().(*ast.KeyValueExpr)
	if !ok || kv.Value != whole.Node() || keyName(kv) != "Value" {
		return false
	}
	lit, ok := whole.Parent().Parent().Node().(*ast.CompositeLit)
	if !ok {
		return false
	}
	// In a list of them the literal has no type written; its own is the element's.
	if named := syntax.NamedBehind(x.p.Info.TypeOf(lit)); named == nil || named.Obj().Name() != "EnvVar" {
		return false
	}
	return slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
		other, ok := e.(*ast.KeyValueExpr)
		if !ok || keyName(other) != "Name" {
			return false
		}
		name, ok := syntax.ConstString(x.p, other.Value)
		return ok && name == "GODEBUG"
	})
}

// keyName returns the name that is the key of kv, "" when it is none.
func keyName(kv *ast.KeyValueExpr) string {
	if id, ok := kv.Key.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

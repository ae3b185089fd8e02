package crashoutput

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"go/version"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// shared reports a file that the operational log goes to as well.
func (f *crashFile) shared() rewrite.Finding {
	out := rewrite.Finding{
		Pos: f.call.Call.Pos(), End: f.call.Call.End(),
		Message: "crash reports go to the file of the operational log, where they mix with its lines and rotation loses them",
		NoFix:   "open another file for crash reports, with os.O_APPEND",
	}
	if how, _ := f.empties(); how != "" {
		out.Notes = append(out.Notes, rewrite.Note{Pos: f.open.Pos(), Message: how})
	}
	return out
}

// emptied reports a file that loses its content.
func (f *crashFile) emptied() (rewrite.Finding, bool) {
	how, fix := f.empties()
	if how == "" || f.freshName() || f.pickedUp() || f.namedByParent() {
		return rewrite.Finding{}, false
	}
	out := rewrite.Finding{Pos: f.open.Pos(), End: f.open.End(), Message: how}
	if other := f.openedTwice(); other != nil {
		out.Notes = append(out.Notes, rewrite.Note{Pos: other.Pos(), Message: "the file is opened here too; what is written there and the reports overwrite each other"})
	}
	switch {
	case f.call.File.Test:
		out.NoFix = "tests are only reported"
	case f.placed:
		out.NoFix = "the function chooses the position in the file; open it with os.O_APPEND and leave the position alone"
	case fix == nil:
		out.NoFix = "the flags are not written out here; replace os.O_TRUNC by os.O_APPEND in them"
	default:
		out.Fixes = []*rewrite.Fix{fix}
		if who := f.saidEmpty(); who != "" {
			fix.Safety = rewrite.Unsafe
			fix.Message += "; " + who + " says that it begins empty"
		}
		if f.othersRead() {
			out.Notes = append(out.Notes, rewrite.Note{Pos: f.open.Args[2].Pos(), Message: "the permission lets other accounts read the reports"})
		}
	}
	return out, true
}

// empties says how the opening of the file endangers earlier reports, "" when
// it does not, and how to mend it, nil when the flags are not in sight.
func (f *crashFile) empties() (how string, fix *rewrite.Fix) {
	if len(f.open.Args) == 1 {
		perm, says := f.mode()
		return "os.Create empties the crash file: the restart after a crash destroys the report", &rewrite.Fix{
			Message: "open the file with os.O_APPEND; " + says,
			Safety:  rewrite.Safe,
			Apply: func(e *rewrite.Edit) error {
				e.Replace(f.open, rewrite.Expr("os.OpenFile($name, os.O_RDWR|os.O_CREATE|os.O_APPEND, "+perm+")", rewrite.Holes{"name": e.Clone(f.open.Args[0])}))
				return nil
			},
		}
	}
	flags := f.open.Args[1]
	val := f.p.Info.Types[flags].Value
	if val == nil {
		return "", nil
	}
	has := func(name string) bool {
		flag, ok := f.osConst(name)
		return ok && constant.Compare(constant.BinaryOp(val, token.AND, flag), token.EQL, flag)
	}
	switch {
	case has("O_EXCL"):
		return "", nil
	case has("O_TRUNC"):
		return "os.O_TRUNC empties the crash file: the restart after a crash destroys the report", f.appendForTrunc(has("O_APPEND"))
	case has("O_APPEND") || !has("O_WRONLY") && !has("O_RDWR"):
		return "", nil
	}
	return "the crash file is opened without os.O_APPEND: a report overwrites the beginning of earlier ones", &rewrite.Fix{
		Message: "open the file with os.O_APPEND",
		Safety:  rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Replace(flags, rewrite.Expr("$flags|os.O_APPEND", rewrite.Holes{"flags": e.Clone(flags)}))
			return nil
		},
	}
}

// osConst returns the value of a constant of package os, as the platform has it.
func (f *crashFile) osConst(name string) (constant.Value, bool) {
	fn := f.p.Callee(f.open)
	if fn == nil || fn.Pkg() == nil {
		return nil, false
	}
	c, ok := fn.Pkg().Scope().Lookup(name).(*types.Const)
	if !ok {
		return nil, false
	}
	return c.Val(), true
}

// appendForTrunc puts O_APPEND in the place of O_TRUNC, or drops O_TRUNC where
// O_APPEND is there already.
func (f *crashFile) appendForTrunc(appends bool) *rewrite.Fix {
	var trunc ast.Expr
	for c := range f.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		if id.Pos() < f.open.Args[1].Pos() || id.End() > f.open.Args[1].End() || id.Name != "O_TRUNC" {
			continue
		}
		if obj := f.p.Info.Uses[id]; obj == nil || obj.Pkg() == nil || obj.Pkg() == f.p.Types {
			continue
		}
		trunc = id
		if sel, ok := c.Parent().Node().(*ast.SelectorExpr); ok {
			trunc = sel
		}
	}
	if trunc == nil {
		return nil
	}
	if !appends {
		return &rewrite.Fix{
			Message: "open the file with os.O_APPEND instead of os.O_TRUNC",
			Safety:  rewrite.Safe,
			Apply: func(e *rewrite.Edit) error {
				e.Replace(trunc, rewrite.Expr("os.O_APPEND", nil))
				return nil
			},
		}
	}
	cur, _ := f.p.Cursor(trunc)
	sum, ok := cur.Parent().Node().(*ast.BinaryExpr)
	if !ok || sum.Op != token.OR {
		return nil
	}
	rest := sum.X
	if rest == trunc {
		rest = sum.Y
	}
	return &rewrite.Fix{
		Message: "open the file without os.O_TRUNC",
		Safety:  rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Replace(sum, e.Clone(rest))
			return nil
		},
	}
}

// othersRead reports whether the permission for a new file lets other accounts
// read it.
func (f *crashFile) othersRead() bool {
	if len(f.open.Args) != 3 {
		return false
	}
	v := f.p.Info.Types[f.open.Args[2]].Value
	if v == nil {
		return false
	}
	perm, ok := constant.Int64Val(constant.ToInt(v))
	return ok && perm&0o004 != 0
}

// openedTwice returns another opening of the same path by the package, nil when
// there is none in sight.
func (f *crashFile) openedTwice() *ast.CallExpr {
	path, ok := syntax.ConstString(f.p, f.open.Args[0])
	if !ok {
		return nil
	}
	for c := range f.p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		call := c.Node().(*ast.CallExpr)
		if call == f.open || !f.p.IsCall(call, "os", "Create", "OpenFile") || len(call.Args) == 0 {
			continue
		}
		if s, ok := syntax.ConstString(f.p, call.Args[0]); ok && s == path {
			return call
		}
	}
	return nil
}

// mode returns the permission for a new file, and what there is to say about it.
// A report tells of the program's memory, so that only its own account reads it;
// where the program gives the file to others, the mode stays as os.Create has it.
func (f *crashFile) mode() (perm, says string) {
	prefix := "0o"
	if version.Compare(f.call.File.Version(), "go1.13") < 0 {
		prefix = "0"
	}
	if f.givenAway() {
		return prefix + "666", "the mode of a new file stays 0666 before the umask, because the program lets others read it"
	}
	return prefix + "600", "the mode of a new file becomes 0600 instead of 0666 before the umask, so that no other account reads the reports"
}

// ownerCalls are the system calls that change whom a file belongs to.
var ownerCalls = []string{"Chown", "Chmod", "Fchown", "Fchmod", "Fchownat", "Fchmodat", "Lchown"}

// givenAway reports whether the package changes the owner or mode of files: a
// report may be read by another account.
func (f *crashFile) givenAway() bool {
	for c := range f.p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		call := c.Node()
		if f.p.IsCall(call, "os", "Chown", "Chmod", "Lchown", "(*os.File).Chown", "(*os.File).Chmod") ||
			f.p.IsCall(call, "syscall", ownerCalls...) || f.p.IsCall(call, "golang.org/x/sys/unix", ownerCalls...) {
			return true
		}
	}
	return false
}

// openingUnchecked reports an opening whose error nobody looks at: without a file
// SetCrashOutput turns crash reports off, and returns no error.
func (f *crashFile) openingUnchecked() (rewrite.Finding, bool) {
	assign, ok := f.opening.(*ast.AssignStmt)
	if !ok || f.errv != nil || f.tested {
		return rewrite.Finding{}, false
	}
	blank, ok := assign.Lhs[1].(*ast.Ident)
	if !ok || blank.Name != "_" {
		return rewrite.Finding{}, false
	}
	out := rewrite.Finding{
		Pos: assign.Pos(), End: assign.End(),
		Message: "the error of opening the crash file is dropped: without a file debug.SetCrashOutput turns crash reports off, and says nothing",
	}
	cur, found := f.p.Cursor(assign)
	if !found || !syntax.InList(cur) || assign.Tok != token.DEFINE {
		out.NoFix = "log the error, or return it"
		return out, true
	}
	name := f.call.File.FreeName(f.fn.Node(), "err", "openErr", "crashErr")
	out.Fixes = []*rewrite.Fix{{
		Message: "log the error",
		Safety:  rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Modify(blank, func(n dst.Node) error { n.(*dst.Ident).Name = name; return nil })
			e.InsertAfter(assign, rewrite.Stmts("if $err != nil {\n$body\n}", rewrite.Holes{"err": name, "body": f.logging("crash reports are not written", name)})...)
			return nil
		},
	}}
	return out, true
}

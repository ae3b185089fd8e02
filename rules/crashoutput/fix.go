package crashoutput

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// handling is what becomes of the error of SetCrashOutput.
type handling struct {
	f *crashFile
	// ret is the return statement for the error of opening the file, when the
	// other error is returned too; zero are its results but the error.
	ret  *ast.ReturnStmt
	zero []ast.Expr
	// told is the call that logs the error of opening the file, when the other
	// one can be logged likewise; name is the function or method to call
	// instead where the call ends the program.
	told *ast.CallExpr
	name string
}

// handling decides how to handle the error of SetCrashOutput: as the function
// handles that of opening the file, but so that the program goes on where it
// did so before. An error that was discarded in writing is only logged, and so
// is one about a file that has other uses.
func (f *crashFile) handling() handling {
	h := handling{f: f}
	_, discarded := syntax.EffectStmt(f.call.At).(*ast.AssignStmt)
	if f.failed == nil {
		return h
	}
	if n := len(f.failed.List); n > 0 && !discarded && !f.kept && f.returnsError() {
		ret, ok := f.failed.List[n-1].(*ast.ReturnStmt)
		if zero, plain := f.zeroResults(ret); ok && plain {
			h.ret, h.zero = ret, zero
			return h
		}
	}
	for _, s := range f.failed.List {
		x, ok := s.(*ast.ExprStmt)
		if !ok {
			continue
		}
		if call, ok := x.X.(*ast.CallExpr); ok && h.sayable(call) {
			h.told = call
			break
		}
	}
	return h
}

// returnsError reports whether the function's last result is an error.
func (f *crashFile) returnsError() bool {
	var sig *types.Signature
	switch n := f.fn.Node().(type) {
	case *ast.FuncDecl:
		fn, ok := f.p.Info.Defs[n.Name].(*types.Func)
		if !ok {
			return false
		}
		sig = fn.Signature()
	case *ast.FuncLit:
		sig, _ = f.p.Info.TypeOf(n).(*types.Signature)
	}
	if sig == nil || sig.Results().Len() == 0 {
		return false
	}
	return syntax.IsError(sig.Results().At(sig.Results().Len() - 1).Type())
}

// zeroResults returns the results before the error that ret returns; plain is
// false where they are more than constants and zero values, or the error of
// opening the file is not returned.
func (f *crashFile) zeroResults(ret *ast.ReturnStmt) (zero []ast.Expr, plain bool) {
	if ret == nil || len(ret.Results) == 0 {
		return nil, false
	}
	n := len(ret.Results) - 1
	if !f.mentionsErr(ret.Results[n]) {
		return nil, false
	}
	for _, x := range ret.Results[:n] {
		tv := f.p.Info.Types[x]
		lit, isLit := ast.Unparen(x).(*ast.CompositeLit)
		if !tv.IsNil() && tv.Value == nil && !(isLit && len(lit.Elts) == 0) {
			return nil, false
		}
	}
	return ret.Results[:n], true
}

// mentionsErr reports whether x speaks of the error of opening the file.
func (f *crashFile) mentionsErr(x ast.Node) bool {
	return syntax.Mentions(f.p, x, f.errv)
}

var (
	endsName = regexp.MustCompile(`^(Fatal|Panic|Exit)`)
	oneVerb  = regexp.MustCompile(`^[^%]*%[+#]?[vsqw][^%]*$`)
)

// sayable reports whether the error of SetCrashOutput can be told as call tells
// that of opening the file: one string says what happened, the rest is about
// the error. It notes the name to call where the program must not end.
func (h *handling) sayable(call *ast.CallExpr) bool {
	id := syntax.LastName(call.Fun)
	f := h.f
	if id == nil || !(knowledge.Tells(id.Name) || strings.HasPrefix(id.Name, "Fprint") || strings.HasPrefix(id.Name, "Err") || strings.HasPrefix(id.Name, "Send")) || !f.mentionsErr(call) || f.p.Callee(call) == nil {
		return false
	}
	format := strings.HasSuffix(id.Name, "f")
	lit, args := messageOf(call)
	if lit == nil {
		return false
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil || format && !oneVerb.MatchString(text) || !format && strings.Contains(text, "%") {
		return false
	}
	if format && len(args) != 1 {
		return false
	}
	for _, a := range args {
		if !f.mentionsErr(a) && f.p.Info.Types[a].Value == nil {
			return false
		}
	}
	if endsName.MatchString(id.Name) {
		if h.name = milder(f.p, id); h.name == "" {
			return false
		}
	}
	if x, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		return h.sameThere(x.X)
	}
	return true
}

// messageOf returns the string literal of call that says what happened, the
// first one, and the arguments after it. Only a place to write to may stand
// before it.
func messageOf(call *ast.CallExpr) (lit *ast.BasicLit, rest []ast.Expr) {
	for i, a := range call.Args {
		if l, ok := a.(*ast.BasicLit); ok && l.Kind == token.STRING {
			return l, call.Args[i+1:]
		}
		if sel, ok := a.(*ast.SelectorExpr); i > 0 || !ok || sel.Sel.Name != "Stderr" && sel.Sel.Name != "Stdout" {
			break
		}
	}
	return nil, nil
}

// milder returns the sibling of the function or method at id that tells the
// same and does not end the program, "" when there is none.
func milder(p *rewrite.Package, id *ast.Ident) string {
	fn, ok := p.Info.Uses[id].(*types.Func)
	if !ok {
		return ""
	}
	rest := endsName.ReplaceAllString(id.Name, "")
	for _, stem := range []string{"Error", "Print"} {
		var other types.Object
		if recv := fn.Signature().Recv(); recv != nil {
			other, _, _ = types.LookupFieldOrMethod(recv.Type(), true, fn.Pkg(), stem+rest)
		} else {
			other = fn.Pkg().Scope().Lookup(stem + rest)
		}
		if o, ok := other.(*types.Func); ok && types.Identical(types.NewSignatureType(nil, nil, nil, o.Signature().Params(), o.Signature().Results(), o.Signature().Variadic()),
			types.NewSignatureType(nil, nil, nil, fn.Signature().Params(), fn.Signature().Results(), fn.Signature().Variadic())) {
			return stem + rest
		}
	}
	return ""
}

// sameThere reports whether x, which stands in the check of the open's error,
// can stand at the call of SetCrashOutput too: every name means the same there,
// and nothing but the error is called upon.
func (h *handling) sameThere(x ast.Expr) bool {
	f := h.f
	scope := f.p.Types.Scope().Innermost(f.call.Call.Pos())
	if scope == nil {
		return false
	}
	ok := true
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ok = ok && h.sameThere(n.X)
			return false
		case *ast.FuncLit:
			ok = false
		case *ast.BasicLit:
			ok = ok && n.Kind != token.STRING // a message of its own
		case *ast.Ident:
			obj := f.p.Info.Uses[n]
			if obj == f.errv {
				break
			}
			_, there := scope.LookupParent(n.Name, f.call.Call.Pos())
			ok = ok && obj != nil && there == obj
		}
		return ok
	})
	return ok
}

// message says what the fix does.
func (h handling) message() string {
	if h.ret != nil {
		return "return the error"
	}
	return "log the error"
}

// body returns the statements for the error, which is called err.
func (h handling) body(e *rewrite.Edit) []dst.Stmt {
	f := h.f
	switch {
	case h.ret != nil:
		ret := &dst.ReturnStmt{}
		for _, x := range h.zero {
			ret.Results = append(ret.Results, e.Clone(x))
		}
		if wrap := f.wrapped(h.ret.Results[len(h.ret.Results)-1]); wrap != "" {
			ret.Results = append(ret.Results, rewrite.Expr("fmt.Errorf("+wrap+", err)", nil))
		} else {
			ret.Results = append(ret.Results, dst.NewIdent("err"))
		}
		return []dst.Stmt{ret}
	case h.told != nil:
		call := e.Clone(h.told).(*dst.CallExpr)
		h.retell(call)
		return []dst.Stmt{&dst.ExprStmt{X: call}}
	}
	return f.logging("debug.SetCrashOutput", "err")
}

// wrapped returns the format that wraps the error as x does it for opening the
// file, "" when x does not.
func (f *crashFile) wrapped(x ast.Expr) string {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok || !f.p.IsCall(call, "fmt", "Errorf") || len(call.Args) < 2 {
		return ""
	}
	s, ok := syntax.ConstString(f.p, call.Args[0])
	if !ok || !strings.Contains(s, "%w") {
		return ""
	}
	return `"debug.SetCrashOutput: %w"`
}

// retell makes the copied call speak of SetCrashOutput and its error.
func (h handling) retell(call *dst.CallExpr) {
	lit, _ := messageOf(h.told)
	old, _ := strconv.Unquote(lit.Value)
	text := "debug.SetCrashOutput failed"
	switch trimmed := strings.TrimRight(old, "\n"); {
	case strings.HasSuffix(syntax.LastName(h.told.Fun).Name, "f"):
		i := strings.IndexByte(old, '%')
		verb := strings.TrimRight(old[i:], "\n")
		if j := strings.IndexAny(verb, "vsqw"); j >= 0 {
			verb = verb[:j+1]
		}
		text = "debug.SetCrashOutput: " + verb + old[len(trimmed):]
	case strings.HasSuffix(strings.TrimSpace(old), ":"):
		text = "debug.SetCrashOutput:" + old[len(strings.TrimRight(old, " \n")):]
	}
	done := false
	dst.Inspect(call, func(n dst.Node) bool {
		switch n := n.(type) {
		case *dst.BasicLit:
			if !done && n.Value == lit.Value {
				n.Value, done = strconv.Quote(text), true
			}
		case *dst.Ident:
			if h.f.errv != nil && n.Name == h.f.errv.Name() && n.Path == "" {
				n.Name = "err"
			}
		}
		return true
	})
	if h.name != "" {
		switch fun := call.Fun.(type) {
		case *dst.SelectorExpr:
			fun.Sel.Name = h.name
		case *dst.Ident:
			fun.Name = h.name
		}
	}
}

// logging returns a call of the standard logger, or of the package that is called
// log in the file, that tells the error in the variable err.
func (f *crashFile) logging(what, err string) []dst.Stmt {
	var printf dst.Expr = rewrite.Use("log", "Printf")
	if pkg := syntax.ImportNamed(f.call.File, "log"); pkg != nil && pkg.Path() != "log" {
		for _, name := range []string{"Printf", "Errorf", "Warnf"} {
			fn, ok := pkg.Scope().Lookup(name).(*types.Func)
			if ok && types.TypeString(fn.Type(), nil) == "func(format string, args ...any)" || ok && takesFormat(fn.Signature()) {
				printf = &dst.SelectorExpr{X: dst.NewIdent("log"), Sel: dst.NewIdent(name)}
				break
			}
		}
	}
	return rewrite.Stmts("$printf("+strconv.Quote(what+": %v")+", $err)", rewrite.Holes{"printf": printf, "err": err})
}

// takesFormat reports whether sig is func(string, ...any).
func takesFormat(sig *types.Signature) bool {
	if !sig.Variadic() || sig.Params().Len() != 2 || sig.Results().Len() > 0 {
		return false
	}
	rest, ok := sig.Params().At(1).Type().(*types.Slice)
	return ok && types.IsInterface(rest.Elem()) && types.Identical(sig.Params().At(0).Type(), types.Typ[types.String])
}

package gctrace

import (
	"cmp"
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/gctrace/survey"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// goTraces finds string constants that switch the trace on in the environment
// of a child: GODEBUG=gctrace=1 in a list of variables, the value that os.Setenv
// gives to GODEBUG, or that of a container's variable.
func goTraces(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for _, p := range s.Packages {
		if p.Wide {
			continue
		}
		for cur := range p.Inspector.Root().Preorder((*ast.BasicLit)(nil)) {
			lit := cur.Node().(*ast.BasicLit)
			file := p.File(lit)
			if lit.Kind != token.STRING || !strings.Contains(lit.Value, "gctrace") || file == nil || file.Test || file.Generated {
				continue
			}
			x := goTrace{s: s, p: p, file: file, lit: lit, cur: cur}
			if f, ok := x.finding(); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// goTrace is a string literal that may switch the trace on.
type goTrace struct {
	s    *rewrite.Snapshot
	p    *rewrite.Package
	file *rewrite.File
	lit  *ast.BasicLit
	cur  inspector.Cursor
}

func (x *goTrace) finding() (rewrite.Finding, bool) {
	text, err := strconv.Unquote(x.lit.Value)
	if err != nil {
		return rewrite.Finding{}, false
	}
	whole := x.whole()
	value, isPair := strings.CutPrefix(text, "GODEBUG=")
	setenv, container, mapped := x.setenvOf(whole), x.inContainer(whole), x.inMap(whole)
	switch {
	case setenv != nil || container || mapped:
		value = text
	case !isPair:
		return rewrite.Finding{}, false
	}
	g := godebug.Read(value)
	if g.Setting == "" || survey.OwnReader(x.p) {
		return rewrite.Finding{}, false
	}
	var fix *rewrite.Fix
	var why string
	switch {
	case setenv != nil:
		fix, why = x.setenvFix(setenv, g)
	case container && g.Rest != "":
		fix, why = x.valueFix(g.Rest)
	case mapped:
		why = "it is not visible whose environment the map is; remove gctrace by hand"
	case container:
		why = "another GODEBUG, from envFrom or the image, may show where the variable goes; remove it by hand"
	default:
		var ok bool
		if fix, why, ok = x.elementFix(whole, g); !ok {
			return rewrite.Finding{}, false
		}
	}
	if whole != x.cur {
		fix, why = nil, "the value is put together at run time; remove gctrace by hand"
	}
	whose := "child processes: a Go program among them"
	if container {
		whose = "a container: its Go program"
	}
	f := rewrite.Finding{
		Pos: x.lit.Pos(), End: x.lit.End(),
		Message: "GODEBUG=" + g.Setting + " in the environment of " + whose + " writes a line to standard error for every garbage collection",
	}
	rel := x.s.Rel(x.file.Path)
	decl := ""
	if d := syntax.EnclosingDecl(x.cur); d != nil {
		decl = d.Name.Name
	}
	if namesTrace(rel) || namesTrace(decl) || x.switched() {
		return rewrite.Finding{}, false
	}
	if word := cmp.Or(manifest.DevelopmentWord(rel), manifest.DevelopmentWord(decl)); word != "" {
		why = "the name (" + word + ") says that it is not for production; remove gctrace by hand if it is"
	}
	if why == "" {
		why = x.wanted()
	}
	if why == "" {
		reader, how, read := survey.ReaderOf(x.s, x.file.Path, x.spoken())
		if why = read; how == survey.MaybeRead {
			fix, why = survey.Lowered(fix, reader)
		}
	}
	if why != "" || fix == nil {
		f.NoFix = why
	} else {
		f.Fixes = append(f.Fixes, fix)
	}
	return f, true
}

// whole returns the constant or computed string that the literal is part of.
func (x *goTrace) whole() inspector.Cursor {
	whole := x.cur
	for {
		parent := whole.Parent()
		if b, ok := parent.Node().(*ast.BinaryExpr); !ok || b.Op != token.ADD {
			if _, ok := parent.Node().(*ast.ParenExpr); !ok {
				return whole
			}
		}
		whole = parent
	}
}

// wanted says why somebody may want the trace; it is empty where nothing shows.
func (x *goTrace) wanted() string {
	switch {
	case x.conditional():
		return "it is set under a condition, which may be a switch for the trace; remove gctrace by hand if it is not"
	case x.readsErrors():
		return "the child's standard error is read, maybe for the trace; remove gctrace by hand if it is not"
	}
	return ""
}

// switched reports whether the trace hangs on a condition that says it is asked
// for.
func (x *goTrace) switched() bool {
	for c := range x.cur.Enclosing((*ast.IfStmt)(nil)) {
		n := c.Node().(*ast.IfStmt)
		if n.Body.Pos() <= x.lit.Pos() && x.lit.Pos() < n.Body.End() && switchName.MatchString(types.ExprString(n.Cond)) {
			return true
		}
	}
	return false
}

// spoken returns the strings of the function around the literal, which name the
// programs that it starts.
func (x *goTrace) spoken() []string {
	var out []string
	if decl := syntax.EnclosingDecl(x.cur); decl != nil {
		syntax.InDecl(decl, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				out = append(out, lit.Value)
			}
			return false
		})
	}
	return out
}

// inMap reports whether the operand is what a map of variables has for GODEBUG.
func (x *goTrace) inMap(whole inspector.Cursor) bool {
	kv, ok := whole.Parent().Node().(*ast.KeyValueExpr)
	if !ok || kv.Value != whole.Node() {
		return false
	}
	tv := x.p.Info.Types[kv.Key]
	lit, isLit := whole.Parent().Parent().Node().(*ast.CompositeLit)
	if !isLit || tv.Value == nil || tv.Value.ExactString() != `"GODEBUG"` {
		return false
	}
	_, isMap := syntax.Under(x.p.Info.TypeOf(lit)).(*types.Map)
	return isMap
}

// setenvOf returns the call of os.Setenv that gives the operand to GODEBUG.
func (x *goTrace) setenvOf(whole inspector.Cursor) *ast.CallExpr {
	call, ok := whole.Parent().Node().(*ast.CallExpr)
	if !ok || len(call.Args) != 2 || call.Args[1] != whole.Node() || !x.calls(call, "os", "Setenv") {
		return nil
	}
	tv := x.p.Info.Types[call.Args[0]]
	if tv.Value == nil || tv.Value.ExactString() != `"GODEBUG"` {
		return nil
	}
	return call
}

// calls reports whether call calls the function of the package.
func (x *goTrace) calls(call *ast.CallExpr, pkg string, names ...string) bool {
	var id *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return false
	}
	fn, ok := x.p.Info.Uses[id].(*types.Func)
	if !ok || fn.Pkg() == nil || fn.Pkg().Path() != pkg {
		return false
	}
	for _, n := range names {
		if fn.Name() == n {
			return true
		}
	}
	return false
}

func (x *goTrace) setenvFix(call *ast.CallExpr, g godebug.Value) (*rewrite.Fix, string) {
	if g.Rest != "" || x.othersSet() {
		return x.valueFix(g.Rest)
	}
	cur := x.cur.Parent()
	for cur.Node() != call {
		cur = cur.Parent()
	}
	stmt, ok := syntax.CallStatement(cur)
	if a, isAssign := cur.Parent().Node().(*ast.AssignStmt); isAssign && len(a.Lhs) == 1 && x.file.Text(a.Lhs[0]) == "_" {
		stmt, ok = a, true
	}
	if !ok {
		return nil, "the result of os.Setenv is used; remove the call by hand"
	}
	return &rewrite.Fix{Message: "remove the call; gctrace is read at start, so that only child processes see it", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
		e.Delete(stmt, about.Removed("Setenv", "gctrace", "GODEBUG"))
		return nil
	}}, ""
}

// valueFix puts text into the literal, quoted as it was.
func (x *goTrace) valueFix(text string) (*rewrite.Fix, string) {
	quoted := strconv.Quote(text)
	if strings.HasPrefix(x.lit.Value, "`") {
		quoted = "`" + text + "`"
	}
	return &rewrite.Fix{Message: "remove gctrace from GODEBUG", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
		e.Modify(x.lit, func(n dst.Node) error {
			n.(*dst.BasicLit).Value = quoted
			return nil
		})
		return nil
	}}, ""
}

// elementFix takes the element out of a list of variables. It reports whether
// the operand is an element of one.
func (x *goTrace) elementFix(whole inspector.Cursor, g godebug.Value) (fix *rewrite.Fix, why string, ok bool) {
	switch n := whole.Parent().Node().(type) {
	case *ast.CallExpr:
		if !syntax.IsBuiltin(x.p, n, "append") || !isStrings(x.p.Info.TypeOf(n)) || n.Args[0] == whole.Node() {
			return nil, "", false
		}
		if !x.isEnviron(n.Args[0]) && !x.becomesEnv(whole.Parent()) {
			return nil, "it is not visible whose environment the list is; remove gctrace by hand", true
		}
		if g.Rest != "" || x.othersSet() || x.maybeNil(n.Args[0]) {
			fix, why = x.valueFix("GODEBUG=" + g.Rest)
			return fix, why, true
		}
		if len(n.Args) == 2 {
			fix, why = x.appendFix(whole.Parent(), n)
			return fix, why, true
		}
		return x.dropElement(n), "", true
	case *ast.CompositeLit:
		if !isStrings(x.p.Info.TypeOf(n)) {
			return nil, "", false
		}
		if !x.becomesEnv(whole.Parent()) {
			return nil, "it is not visible whose environment the list is; remove gctrace by hand", true
		}
		if g.Rest != "" || x.othersSet() {
			fix, why = x.valueFix("GODEBUG=" + g.Rest)
			return fix, why, true
		}
		// The literal stays when it becomes empty: a nil Env is the parent's whole
		// environment, an empty one is empty (os/exec, Cmd.environ).
		return x.dropElement(n), "", true
	}
	return nil, "", false
}

// dropElement removes the literal from the arguments of a call or the elements
// of a composite literal.
func (x *goTrace) dropElement(list ast.Node) *rewrite.Fix {
	return &rewrite.Fix{Message: "remove GODEBUG from the environment", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
		i, err := x.index(list)
		if err != nil {
			return err
		}
		e.Modify(list, func(n dst.Node) error {
			switch n := n.(type) {
			case *dst.CallExpr:
				n.Args = append(n.Args[:i:i], n.Args[i+1:]...)
			case *dst.CompositeLit:
				n.Elts = append(n.Elts[:i:i], n.Elts[i+1:]...)
			}
			return nil
		})
		return nil
	}}
}

func (x *goTrace) index(list ast.Node) (int, error) {
	var elems []ast.Expr
	switch n := list.(type) {
	case *ast.CallExpr:
		elems = n.Args
	case *ast.CompositeLit:
		elems = n.Elts
	}
	for i, e := range elems {
		if e == ast.Expr(x.lit) {
			return i, nil
		}
	}
	return 0, errNotElement
}

// errNotElement says that the syntax tree is not what it was.
var errNotElement = errors.New("the element is not in its list")

// appendFix removes append(list, element): the statement list = append(list,
// element) goes, elsewhere the list itself takes the call's place.
func (x *goTrace) appendFix(cur inspector.Cursor, call *ast.CallExpr) (*rewrite.Fix, string) {
	if a, ok := cur.Parent().Node().(*ast.AssignStmt); ok && len(a.Lhs) == 1 && a.Tok == token.ASSIGN &&
		x.file.Text(a.Lhs[0]) == x.file.Text(call.Args[0]) {
		return &rewrite.Fix{Message: "remove the statement", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
			e.Delete(a, about.Removed("gctrace", "GODEBUG"))
			return nil
		}}, ""
	}
	return &rewrite.Fix{Message: "remove GODEBUG from the environment", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
		e.Replace(call, e.Clone(call.Args[0]))
		return nil
	}}, ""
}

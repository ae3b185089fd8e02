package web

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// text is what is known about the value of a string.
type text struct {
	s     string // the value, or what it begins with
	ok    bool   // anything is known
	whole bool   // s is all of it
	told  bool   // s is the default of what the program is told when it runs
	named bool   // the value is that of one literal or constant
	// lit is the literal that s begins with, where it is for x alone; format
	// and bare as in Address.
	lit          *ast.BasicLit
	format, bare bool
}

// textOf finds out the value of x, through variables, fields, parameters, flags
// and defaults.
func textOf(p *rewrite.Package, x ast.Expr, step int) text {
	x = ast.Unparen(x)
	if step > 2*syntax.MaxSteps {
		return text{}
	}
	lit, _ := x.(*ast.BasicLit)
	if s, ok := syntax.ConstString(p, x); ok && lit != nil {
		return text{s: s, ok: true, whole: true, named: true, lit: lit}
	}
	switch x := x.(type) {
	case *ast.BinaryExpr:
		return sum(p, x, step)
	case *ast.CallExpr:
		return called(p, x, step)
	case *ast.StarExpr:
		if id := syntax.LastName(x.X); id != nil {
			if value := soleValue(p, id); value != nil {
				return flagDefault(p, value, false)
			}
		}
	case *ast.Ident:
		return named(p, x, step)
	case *ast.SelectorExpr:
		if srv, ok := addrOfServer(p, x); ok {
			return textOf(p, srv, step+1)
		}
		return named(p, x.Sel, step)
	}
	return text{}
}

// addrOfServer returns what the field Addr of a net/http.Server is set to, when
// x is that field.
func addrOfServer(p *rewrite.Package, x *ast.SelectorExpr) (ast.Expr, bool) {
	if x.Sel.Name != "Addr" {
		return nil, false
	}
	t := p.Info.TypeOf(x.X)
	if t == nil || !isServer(t) && !syntax.IsPointerTo(t, "net/http", "Server") {
		return nil, false
	}
	srv, ok := ServerOf(p, x.X)
	return srv.Addr, ok && srv.Addr != nil
}

// sum is the text of x + y.
func sum(p *rewrite.Package, x *ast.BinaryExpr, step int) text {
	if x.Op != token.ADD {
		return text{}
	}
	t := textOf(p, x.X, step)
	t.named = false
	if !t.ok || !t.whole {
		return t
	}
	rest := textOf(p, x.Y, step)
	if rest.told && strings.HasSuffix(t.s, ":") {
		rest = text{} // the port alone
	}
	t.s += rest.s
	t.whole = rest.ok && rest.whole
	t.told = t.told || rest.told
	if !strings.Contains(t.s[:len(t.s)-len(rest.s)], ":") && !strings.HasPrefix(rest.s, ":") {
		t.lit = nil // the literal does not hold the whole host
	}
	if t.lit != nil && !strings.Contains(t.lit.Value, ":") {
		t.bare = true
	}
	return t
}

// called is the text of a call's result.
func called(p *rewrite.Package, x *ast.CallExpr, step int) text {
	switch {
	case p.IsCall(x, "fmt", "Sprintf") && len(x.Args) > 1:
		return formatted(p, x, step)
	case p.IsCall(x, "net", "JoinHostPort") && len(x.Args) == 2:
		t := textOf(p, x.Args[0], step)
		if !t.ok || !t.whole {
			return text{}
		}
		t.s, t.whole, t.bare, t.named = t.s+":", false, true, false
		return t
	}
	if len(x.Args) == 1 && p.Info.Types[x.Fun].IsType() {
		return textOf(p, x.Args[0], step)
	}
	return fallback(p, x, step)
}

// formatted is the text that fmt.Sprintf makes.
func formatted(p *rewrite.Package, x *ast.CallExpr, step int) text {
	s, ok := syntax.ConstString(p, x.Args[0])
	if !ok {
		return text{}
	}
	before, rest, _ := strings.Cut(s, "%")
	if strings.Contains(before, ":") {
		lit, _ := ast.Unparen(x.Args[0]).(*ast.BasicLit)
		return text{s: before, ok: true, lit: lit, format: true}
	}
	if before != "" || rest == "" || rest[0] != 's' && rest[0] != 'v' {
		return text{}
	}
	t := textOf(p, x.Args[1], step)
	if !t.ok || !t.whole {
		return text{}
	}
	before, _, _ = strings.Cut(rest[1:], "%")
	t.s, t.whole, t.named, t.lit = t.s+before, false, false, nil
	return t
}

var addressLike = regexp.MustCompile(`^(\[[0-9a-fA-F:]*\]|[\w.-]*):\d+$`)

// fallback is the text of a call that is given a default beside the name of what
// it looks up, as cmp.Or(os.Getenv("ADDR"), ":80") and getenv("ADDR", ":80").
func fallback(p *rewrite.Package, x *ast.CallExpr, step int) text {
	if len(x.Args) == 1 {
		return ofName(p, x)
	}
	if len(x.Args) < 2 {
		return text{}
	}
	last := x.Args[len(x.Args)-1]
	if s, ok := syntax.ConstString(p, last); ok && addressLike.MatchString(s) {
		return text{s: s, ok: true, whole: true, told: true}
	}
	if p.IsCall(x, "cmp", "Or") {
		t := textOf(p, last, step+1)
		t.told = t.ok
		return t
	}
	return text{}
}

// ofName is the default of the setting that a call asks for by name: a flag of
// urfave/cli, a key of viper.
func ofName(p *rewrite.Package, x *ast.CallExpr) text {
	name, ok := syntax.ConstString(p, x.Args[0])
	fn := p.Callee(x)
	if !ok || fn == nil || fn.Pkg() == nil {
		return text{}
	}
	switch path := fn.Pkg().Path(); {
	case strings.Contains(path, "urfave/cli") && fn.Name() == "String":
		return cliDefault(p, name)
	case strings.Contains(path, "spf13/viper") && fn.Name() == "GetString":
		for _, r := range p.Snapshot().Refs(path+".SetDefault", "(*"+path+".Viper).SetDefault") {
			call, ok := r.Call()
			if !ok {
				continue
			}
			args := call.Node().(*ast.CallExpr).Args
			if len(args) != 2 {
				continue
			}
			if s, ok := syntax.ConstString(r.Pkg, args[0]); ok && strings.EqualFold(s, name) {
				return toldOf(r.Pkg, args[1])
			}
		}
	}
	return text{}
}

// cliDefault is the Value of the cli.StringFlag called name.
func cliDefault(p *rewrite.Package, name string) text {
	for c := range p.Inspector.Root().Preorder((*ast.CompositeLit)(nil)) {
		lit := c.Node().(*ast.CompositeLit)
		named, ok := types.Unalias(p.Info.TypeOf(lit)).(*types.Named)
		if !ok || named.Obj().Name() != "StringFlag" {
			continue
		}
		var value ast.Expr
		is := false
		for _, e := range lit.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			switch key, _ := kv.Key.(*ast.Ident); {
			case key == nil:
			case key.Name == "Name":
				s, ok := syntax.ConstString(p, kv.Value)
				is = ok && s == name
			case key.Name == "Value":
				value = kv.Value
			}
		}
		if is && value != nil {
			return toldOf(p, value)
		}
	}
	return text{}
}

// soleValue returns the only value of the variable or field at id.
func soleValue(p *rewrite.Package, id *ast.Ident) ast.Expr {
	if def := syntax.Definition(p, id); def != nil {
		return def.Value
	}
	return nil
}

// named is the text of the variable, field, parameter or constant at id.
func named(p *rewrite.Package, id *ast.Ident, step int) text {
	if call := flagOf(p, id); call != nil {
		return flagDefault(p, call, true)
	}
	if def := syntax.Definition(p, id); def != nil {
		t := textOf(p, def.Value, step+1)
		if !def.Alone {
			t.lit = nil
		}
		return t
	}
	if t := ofParameter(p, id, step); t.ok {
		return t
	}
	if s, ok := syntax.ConstString(p, id); ok { // a constant of another package
		return text{s: s, ok: true, whole: true, named: true}
	}
	if t := tagged(p, id); t.ok {
		return t
	}
	return several(p, id, step)
}

// ofParameter is the text of the parameter at id, from the calls in sight: the
// first that is public, else what all have in common.
func ofParameter(p *rewrite.Package, id *ast.Ident, step int) text {
	args := syntax.Arguments(p, id)
	var first text
	for i, a := range args {
		t := textOf(a.Pkg, a.Expr, step+1)
		if a.Pkg != p || len(args) > 1 {
			t.lit = nil
		}
		switch {
		case t.ok && (strings.Contains(t.s, ":") || t.whole && t.s == "") && hostOf(t.s) == Public:
			return t
		case !t.ok && i > 0, i > 0 && !first.ok:
			return text{}
		case i == 0:
			first = t
		}
	}
	return first
}

// tagged is the default that a struct tag names for the field at id.
func tagged(p *rewrite.Package, id *ast.Ident) text {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || !v.IsField() {
		return text{}
	}
	at, ok := p.Cursor(id)
	if !ok {
		return text{}
	}
	sel, ok := at.Parent().Node().(*ast.SelectorExpr)
	if !ok {
		return text{}
	}
	st, ok := syntax.Under(derefType(p.Info.TypeOf(sel.X))).(*types.Struct)
	if !ok {
		return text{}
	}
	for i := range st.NumFields() {
		if st.Field(i) != v {
			continue
		}
		for _, key := range []string{"default", "envDefault", "env-default"} {
			if s, ok := reflect.StructTag(st.Tag(i)).Lookup(key); ok && s != "" {
				return text{s: s, ok: true, whole: true, told: true}
			}
		}
	}
	return text{}
}

func derefType(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		return ptr.Elem()
	}
	return t
}

// several is the text of a variable or field that is set in several places: the
// first that is known and not empty is the default, the others replace it.
func several(p *rewrite.Package, id *ast.Ident, step int) text {
	obj, ok := p.Info.Uses[id].(*types.Var)
	if !ok || obj.Pkg() != p.Types {
		return text{}
	}
	for _, c := range syntax.MentionsOf(p, obj) {
		value, ok := syntax.AssignedTo(c)
		if !ok || value == nil || syntax.Mentions(p, value, obj) {
			continue
		}
		if t := textOf(p, value, step+1); t.ok && (t.s != "" || !t.whole) {
			t.told, t.named, t.lit = true, false, nil
			return t
		}
	}
	return text{}
}

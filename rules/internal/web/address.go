package web

import (
	"fmt"
	"go/ast"
	"go/types"
	"net"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// hostKind says who can reach a listener.
type hostKind int

const (
	Unknown hostKind = iota
	Loopback
	Public
)

// Address is what is known about where a listener listens.
type Address struct {
	Host  hostKind
	Where string // the address as it stands in the source; "" when unknown
	// lit is the string that begins with the host and can be changed without
	// changing anything but the listener.
	Lit *ast.BasicLit
	// Default is the string that is the whole address where nothing is told, nil
	// where it is no literal.
	Default *ast.BasicLit
	// format reports whether lit is a format for fmt.Sprintf, bare that it is
	// the host alone.
	Format, Bare bool
	// told reports whether the address comes from the command line, the
	// environment or a configuration, and the rest is about its default.
	Told bool
	Expr ast.Expr
}

// ListenedOn returns the address of a net.Listener.
func ListenedOn(p *rewrite.Package, x ast.Expr) Address {
	x = ast.Unparen(x)
	if id, ok := x.(*ast.Ident); ok {
		def := syntax.Definition(p, id)
		if def == nil {
			return Address{Expr: x}
		}
		x = ast.Unparen(def.Value)
	}
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return Address{Expr: x}
	}
	var network, addr ast.Expr
	switch {
	case (p.IsCall(call, "net", "Listen") || p.IsCall(call, "crypto/tls", "Listen")) && len(call.Args) >= 2:
		network, addr = call.Args[0], call.Args[1]
	case p.IsCall(call, "net", "(*net.ListenConfig).Listen") && len(call.Args) == 3:
		network, addr = call.Args[1], call.Args[2]
	default:
		// tls.NewListener, or another wrapper
		if len(call.Args) > 0 && isListener(p.Info.TypeOf(call.Args[0])) && isListener(p.Info.TypeOf(call)) {
			return ListenedOn(p, call.Args[0])
		}
		return Address{Expr: x}
	}
	if s, ok := syntax.ConstString(p, network); ok && strings.HasPrefix(s, "unix") {
		return Address{Host: Loopback, Expr: addr}
	} else if !ok {
		return Address{Expr: addr}
	}
	return AddressOf(p, addr)
}

// isListener reports whether t is net.Listener or has its methods.
func isListener(t types.Type) bool {
	if t == nil {
		return false
	}
	for _, name := range []string{"Accept", "Addr", "Close"} {
		if obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name); obj == nil {
			return false
		}
	}
	return true
}

// AddressOf finds out what is known about the address x.
func AddressOf(p *rewrite.Package, x ast.Expr) Address {
	if x == nil {
		return Address{}
	}
	t := textOf(p, x, 0)
	a := Address{Expr: x, Told: t.told, Format: t.format, Bare: t.bare}
	switch {
	case !t.ok:
		return Address{Expr: x}
	case t.told && t.whole && t.s == "":
		return Address{Expr: x} // without an address the program may do something else
	case !t.whole && !strings.Contains(t.s, ":"):
		return Address{Expr: x}
	}
	a.Host = hostOf(t.s)
	if a.Host == Unknown {
		return Address{Expr: x}
	}
	a.Lit = t.lit
	a.Where = p.File(x).Text(x)
	switch {
	case t.told && t.whole:
		a.Where = fmt.Sprintf("%s, by default %q", p.File(x).Text(x), t.s)
		a.Default, a.Lit = t.lit, nil
	case t.told:
		a.Lit = nil
	case t.whole && t.named:
		a.Where = strconv.Quote(t.s)
	}
	return a
}

// flagDefault returns the default of the command line flag of text that call defines.
// bound reports whether the first argument is the variable that it is bound to.
func flagDefault(p *rewrite.Package, call ast.Expr, bound bool) text {
	if x := defaultOf(p, call, "String", bound); x != nil {
		return toldOf(p, x)
	}
	return text{}
}

// defaultOf returns the default of the command line flag that call defines by a
// function of the kind, String or Bool; nil when there is none.
func defaultOf(p *rewrite.Package, call ast.Expr, kind string, bound bool) ast.Expr {
	c, ok := ast.Unparen(call).(*ast.CallExpr)
	if !ok {
		return nil
	}
	fn := p.Callee(c)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	if strings.Contains(fn.Pkg().Path(), "kingpin") {
		return kingpinDefault(c)
	}
	if fn.Pkg().Path() != "flag" && fn.Pkg().Path() != "github.com/spf13/pflag" {
		return nil
	}
	at, ok := map[string]int{kind: 1, kind + "P": 2, kind + "Var": 2, kind + "VarP": 3}[fn.Name()]
	if !ok || at >= len(c.Args) || strings.Contains(fn.Name(), "Var") != bound {
		return nil
	}
	return c.Args[at]
}

// kingpinDefault returns the argument of Default in Flag(...).Default(...).String().
func kingpinDefault(call *ast.CallExpr) ast.Expr {
	for {
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		if sel.Sel.Name == "Default" && len(call.Args) == 1 {
			return call.Args[0]
		}
		if call, ok = ast.Unparen(sel.X).(*ast.CallExpr); !ok {
			return nil
		}
	}
}

// toldOf returns the constant x as the default of what is told.
func toldOf(p *rewrite.Package, x ast.Expr) text {
	s, ok := syntax.ConstString(p, x)
	lit, _ := ast.Unparen(x).(*ast.BasicLit)
	return text{s: s, ok: ok, whole: ok, told: true, lit: lit}
}

// flagOf returns the call that binds the variable at id to a command line flag,
// nil when there is none or something else writes the variable.
func flagOf(p *rewrite.Package, id *ast.Ident) ast.Expr {
	obj, ok := p.Info.Uses[id].(*types.Var)
	if !ok || obj.Pkg() != p.Types {
		return nil
	}
	var found ast.Expr
	for _, c := range syntax.MentionsOf(p, obj) {
		if value, ok := syntax.AssignedTo(c); ok && value != nil {
			return nil
		}
		at := c
		if sel, isSel := c.Parent().Node().(*ast.SelectorExpr); isSel && sel.Sel == c.Node() {
			at = c.Parent()
		}
		u, ok := at.Parent().Node().(*ast.UnaryExpr)
		if !ok || !syntax.Written(at) {
			continue
		}
		call, ok := at.Parent().Parent().Node().(*ast.CallExpr)
		if !ok || found != nil || len(call.Args) == 0 || call.Args[0] != u {
			return nil
		}
		found = call
	}
	return found
}

// hostOf says who can reach an address that is host:port or begins with host:.
func hostOf(addr string) hostKind {
	host := addr
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		host = addr[:i]
	} else if addr != "" {
		return Unknown
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return Loopback
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return Loopback
	}
	return Public
}

package web

import (
	"fmt"
	"go/ast"
	"go/token"
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
	// format reports whether lit is a format for fmt.Sprintf, bare that it is
	// the host alone.
	Format, Bare bool
	// told reports whether the address comes from the command line and the rest
	// is about its default.
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
	case p.IsCall(call, "crypto/tls", "NewListener") && len(call.Args) == 2:
		return ListenedOn(p, call.Args[0])
	default:
		return Address{Expr: x}
	}
	if s, ok := syntax.ConstString(p, network); ok && strings.HasPrefix(s, "unix") {
		return Address{Host: Loopback, Expr: addr}
	} else if !ok {
		return Address{Expr: addr}
	}
	return AddressOf(p, addr)
}

// AddressOf finds out what is known about the address x.
func AddressOf(p *rewrite.Package, x ast.Expr) Address {
	if x == nil {
		return Address{}
	}
	a := classify(p, x, 0)
	a.Expr = x
	switch {
	case a.Told:
		a.Where = fmt.Sprintf("%s, by default %s", p.File(x).Text(x), a.Where)
	case a.Host != Unknown && a.Where == "":
		a.Where = p.File(x).Text(x)
	}
	return a
}

func classify(p *rewrite.Package, x ast.Expr, step int) Address {
	x = ast.Unparen(x)
	if step > syntax.MaxSteps {
		return Address{}
	}
	lit, _ := x.(*ast.BasicLit)
	if s, ok := syntax.ConstString(p, x); ok && lit != nil {
		return Address{Host: hostOf(s), Where: strconv.Quote(s), Lit: lit}
	}
	switch x := x.(type) {
	case *ast.BinaryExpr:
		// "host:" + port
		first := ast.Unparen(x.X)
		for {
			b, ok := first.(*ast.BinaryExpr)
			if !ok {
				break
			}
			first = ast.Unparen(b.X)
		}
		if s, ok := syntax.ConstString(p, first); ok && x.Op == token.ADD && strings.Contains(s, ":") {
			lit, _ = first.(*ast.BasicLit)
			return Address{Host: hostOf(s), Lit: lit}
		}
	case *ast.CallExpr:
		if p.IsCall(x, "fmt", "Sprintf") && len(x.Args) > 1 {
			s, ok := syntax.ConstString(p, x.Args[0])
			before, _, _ := strings.Cut(s, "%")
			if ok && strings.Contains(before, ":") {
				lit, _ = ast.Unparen(x.Args[0]).(*ast.BasicLit)
				return Address{Host: hostOf(before), Lit: lit, Format: true}
			}
		}
		if p.IsCall(x, "net", "JoinHostPort") && len(x.Args) == 2 {
			if s, ok := syntax.ConstString(p, x.Args[0]); ok {
				lit, _ = ast.Unparen(x.Args[0]).(*ast.BasicLit)
				return Address{Host: hostOf(s + ":"), Lit: lit, Bare: true}
			}
		}
	case *ast.StarExpr:
		if id, ok := ast.Unparen(x.X).(*ast.Ident); ok {
			if def := syntax.Definition(p, id); def != nil {
				return flagDefault(p, def.Value, false)
			}
		}
	case *ast.Ident:
		if call := flagOf(p, x); call != nil {
			return flagDefault(p, call, true)
		}
		if def := syntax.Definition(p, x); def != nil {
			a := classify(p, def.Value, step+1)
			if !def.Alone {
				a.Lit = nil
			}
			return a
		}
		if arg, q := syntax.Argument(p, x); arg != nil {
			a := classify(q, arg, step+1)
			if q != p {
				a.Lit = nil
			}
			return a
		}
	}
	if s, ok := syntax.ConstString(p, x); ok { // a constant of another package
		return Address{Host: hostOf(s), Where: strconv.Quote(s)}
	}
	return Address{}
}

// flagDefault returns what is known about an address that is the value of the
// command line flag that call defines, from the flag's default. bound reports
// whether the first argument is the variable that it is bound to.
func flagDefault(p *rewrite.Package, call ast.Expr, bound bool) Address {
	c, ok := ast.Unparen(call).(*ast.CallExpr)
	if !ok {
		return Address{}
	}
	fn := p.Callee(c)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "flag" && fn.Pkg().Path() != "github.com/spf13/pflag" {
		return Address{}
	}
	at, ok := map[string]int{"String": 1, "StringP": 2, "StringVar": 2, "StringVarP": 3}[fn.Name()]
	if !ok || at >= len(c.Args) || strings.Contains(fn.Name(), "Var") != bound {
		return Address{}
	}
	s, ok := syntax.ConstString(p, c.Args[at])
	if !ok || s == "" {
		return Address{} // without it the program may do something else
	}
	return Address{Host: hostOf(s), Where: strconv.Quote(s), Told: true}
}

// flagOf returns the call that binds the variable at id to a command line flag,
// nil when there is none or something else writes the variable.
func flagOf(p *rewrite.Package, id *ast.Ident) ast.Expr {
	obj, ok := p.Info.Uses[id].(*types.Var)
	if !ok || obj.Pkg() != p.Types {
		return nil
	}
	var found ast.Expr
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		n := c.Node().(*ast.Ident)
		if p.Info.ObjectOf(n) != obj {
			continue
		}
		if value, ok := syntax.AssignedTo(c); ok && value != nil {
			return nil
		}
		u, ok := c.Parent().Node().(*ast.UnaryExpr)
		if !ok || u.Op != token.AND {
			continue
		}
		call, ok := c.Parent().Parent().Node().(*ast.CallExpr)
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

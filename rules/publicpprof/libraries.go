package publicpprof

import (
	"fmt"
	"go/ast"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

// ofLibrary returns the listener that a call of a library's function is.
func ofLibrary(r rewrite.Ref, call *ast.CallExpr) *listener {
	key := rewrite.ObjectKey(r.Obj)
	if place, ok := knowledge.RouterListens(key); ok {
		sel, isSel := r.Expr().Node().(*ast.SelectorExpr)
		if !isSel {
			return nil
		}
		l := &listener{on: sel.X}
		switch {
		case place < 0 && len(call.Args) > 0:
			l.Address = web.ListenedOn(r.Pkg, call.Args[0])
		case place >= 0 && place < len(call.Args):
			l.Address = web.AddressOf(r.Pkg, call.Args[place])
		default:
			l.Address = web.Address{Host: web.Public, Where: `":8080"`, Told: true} // gin asks $PORT
		}
		return l
	}
	name := r.Obj.Name()
	if !strings.HasPrefix(key, knowledge.ExporterToolkit+".") {
		if len(call.Args) < 2 {
			return nil
		}
		l := &listener{handler: call.Args[1]}
		if name == "Serve" {
			l.Address = web.ListenedOn(r.Pkg, call.Args[0])
		} else {
			l.Address = web.AddressOf(r.Pkg, call.Args[0])
			l.handler = call.Args[len(call.Args)-1]
		}
		return l
	}
	at := 0
	if strings.HasPrefix(name, "Serve") {
		at = 1
	}
	if at >= len(call.Args) {
		return nil
	}
	l := ofServer(r.Pkg, call.Args[at], nil)
	if name == "Serve" {
		l.Address = web.ListenedOn(r.Pkg, call.Args[0])
		return l
	}
	l.Address = toolkitAddress(r)
	return l
}

// toolkitAddress is the address that the flags of the exporter toolkit have by
// default: they listen on all interfaces.
func toolkitAddress(r rewrite.Ref) web.Address {
	a := web.Address{Host: web.Public, Told: true, Where: "the addresses that its flags name"}
	for c := range r.Pkg.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		call := c.Node().(*ast.CallExpr)
		if !r.Pkg.IsCall(call, knowledge.ExporterToolkit+"/kingpinflag", "AddFlags") || len(call.Args) == 0 {
			continue
		}
		if s, ok := syntax.ConstString(r.Pkg, call.Args[len(call.Args)-1]); ok {
			a.Where += fmt.Sprintf(", by default %q", s)
		}
	}
	return a
}

package publicpprof

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

const toolkit = "github.com/prometheus/exporter-toolkit/web"

// served are the methods by which routers listen, and the place of the address
// among the arguments; -1 stands for a net.Listener in the first place.
var served = map[string]int{
	"(*github.com/gin-gonic/gin.Engine).Run":         0,
	"(*github.com/gin-gonic/gin.Engine).RunTLS":      0,
	"(*github.com/gin-gonic/gin.Engine).RunListener": -1,
	"(*github.com/labstack/echo.Echo).Start":         0,
	"(*github.com/labstack/echo.Echo).StartTLS":      0,
	"(*github.com/labstack/echo/v4.Echo).Start":      0,
	"(*github.com/labstack/echo/v4.Echo).StartTLS":   0,
	"(*github.com/labstack/echo/v5.Echo).Start":      0,
	"(*github.com/gofiber/fiber.App).Listen":         0,
	"(*github.com/gofiber/fiber/v2.App).Listen":      0,
	"(*github.com/gofiber/fiber/v2.App).ListenTLS":   0,
	"(*github.com/gofiber/fiber/v2.App).Listener":    -1,
	"(*github.com/gofiber/fiber/v3.App).Listen":      0,
	"(*github.com/gofiber/fiber/v3.App).Listener":    -1,
}

// libraryKeys are the functions of libraries that serve.
var libraryKeys = func() []string {
	keys := []string{
		toolkit + ".ListenAndServe", toolkit + ".Serve", toolkit + ".ServeMultiple",
		"github.com/valyala/fasthttp.ListenAndServe", "github.com/valyala/fasthttp.ListenAndServeTLS", "github.com/valyala/fasthttp.Serve",
	}
	for k := range served {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}()

// ofLibrary returns the listener that a call of a library's function is.
func ofLibrary(r rewrite.Ref, call *ast.CallExpr) *listener {
	key := rewrite.ObjectKey(r.Obj)
	if place, ok := served[key]; ok {
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
	if !strings.HasPrefix(key, toolkit+".") {
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
	l := ofServer(r.Pkg, call.Args[at])
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
		if !r.Pkg.IsCall(call, toolkit+"/kingpinflag", "AddFlags") || len(call.Args) == 0 {
			continue
		}
		if s, ok := syntax.ConstString(r.Pkg, call.Args[len(call.Args)-1]); ok {
			a.Where += fmt.Sprintf(", by default %q", s)
		}
	}
	return a
}

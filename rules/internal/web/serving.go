// Package web answers which functions serve, which handle requests, and who can
// reach a listener.
package web

import (
	"go/ast"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// graceSeconds is how long requests and unfinished work may take after the
// signal.
const GraceSeconds = 5

// stoppable says how calls that serve until they are told to stop are told so.
type stoppable struct {
	calls []string // what serves, as rewrite.ObjectKey names it
	// stop are the statements that make it return; $srv is the receiver, $sctx a
	// name for a context with the limit of time, $cancel one for its end, $force
	// one for a timer.
	Stop   string
	Others []string // methods that end it, too
	Closed string   // the error that it returns then, "nil" for none
	Drains bool     // it returns before stop does, which has to be waited for
	Late   bool     // told to stop before it serves, it serves all the same
}

var Graceful = strconv.Itoa(GraceSeconds) + "*time.Second"

// shutdown ends a server like net/http's: Shutdown waits for the requests, and
// makes the call that serves return ErrServerClosed at once, even when it is
// made later (net/http, Server.Shutdown).
const shutdown = "$srv.Shutdown($sctx)"

var servers = []*stoppable{
	{
		calls:  []string{"(*net/http.Server).ListenAndServe", "(*net/http.Server).ListenAndServeTLS", "(*net/http.Server).Serve", "(*net/http.Server).ServeTLS"},
		Stop:   shutdown,
		Others: []string{"(*net/http.Server).Shutdown", "(*net/http.Server).Close"},
		Closed: "http.ErrServerClosed",
		Drains: true,
	},
	{
		// They are served by a server of net/http in their stead.
		calls: []string{
			"net/http.ListenAndServe", "net/http.ListenAndServeTLS", "net/http.Serve", "net/http.ServeTLS",
			"(*github.com/gin-gonic/gin.Engine).Run", "(*github.com/gin-gonic/gin.Engine).RunTLS",
		},
		Stop:   shutdown,
		Closed: "http.ErrServerClosed",
		Drains: true,
	},
	{
		calls: []string{
			"(*github.com/labstack/echo.Echo).Start", "(*github.com/labstack/echo.Echo).StartTLS",
			"(*github.com/labstack/echo/v4.Echo).Start", "(*github.com/labstack/echo/v4.Echo).StartTLS",
		},
		Stop: shutdown,
		Others: []string{
			"(*github.com/labstack/echo.Echo).Shutdown", "(*github.com/labstack/echo.Echo).Close",
			"(*github.com/labstack/echo/v4.Echo).Shutdown", "(*github.com/labstack/echo/v4.Echo).Close",
		},
		Closed: "http.ErrServerClosed",
		Drains: true,
	},
	{
		// Serve returns nil when GracefulStop is complete, which streams may
		// delay; Stop ends them (grpc's server.go, Serve, Stop, GracefulStop).
		calls:  []string{"(*google.golang.org/grpc.Server).Serve"},
		Stop:   "$force := time.AfterFunc(" + Graceful + ", $srv.Stop)\ndefer $force.Stop()\n$srv.GracefulStop()",
		Others: []string{"(*google.golang.org/grpc.Server).Stop", "(*google.golang.org/grpc.Server).GracefulStop"},
		Closed: "nil",
	},
	{
		// Listen returns nil while Shutdown still waits (fasthttp, Server.Shutdown).
		calls:  []string{"(*github.com/gofiber/fiber/v2.App).Listen", "(*github.com/gofiber/fiber/v2.App).ListenTLS", "(*github.com/gofiber/fiber/v2.App).Listener"},
		Stop:   "$srv.ShutdownWithTimeout(" + Graceful + ")",
		Others: []string{"(*github.com/gofiber/fiber/v2.App).Shutdown", "(*github.com/gofiber/fiber/v2.App).ShutdownWithTimeout", "(*github.com/gofiber/fiber/v2.App).ShutdownWithContext"},
		Closed: "nil",
		Drains: true,
		Late:   true,
	},
}

// Serving is a call that serves until it is told to stop.
type Serving struct {
	*stoppable
	Call    *ast.CallExpr
	Method  string     // of the server
	On      ast.Expr   // the server, nil for one that the call makes
	Addr    ast.Expr   // of the server that is made
	Handler ast.Expr   // of the server that is made
	Args    []ast.Expr // of the method
}

// ServeCall returns how call serves, nil when it does not.
func ServeCall(p *rewrite.Package, call *ast.CallExpr) *Serving {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	key := rewrite.ObjectKey(fn)
	for _, s := range servers {
		if !slices.Contains(s.calls, key) {
			continue
		}
		sv := &Serving{stoppable: s, Call: call, Method: fn.Name(), Args: call.Args}
		sel, isSel := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		n := len(call.Args)
		switch {
		case call.Ellipsis.IsValid():
			return nil
		case IsGin(fn):
			// Run serves the engine by http.ListenAndServe.
			if !isSel || n != map[string]int{"Run": 1, "RunTLS": 3}[fn.Name()] {
				return nil
			}
			sv.Method = "ListenAndServe" + strings.TrimPrefix(fn.Name(), "Run")
			sv.Addr, sv.Handler, sv.Args = call.Args[0], sel.X, call.Args[1:]
		case fn.Signature().Recv() != nil:
			if !isSel {
				return nil
			}
			sv.On = sel.X
		case strings.HasPrefix(fn.Name(), "Listen"):
			sv.Addr, sv.Args, sv.Handler = call.Args[0], call.Args[1:n-1], call.Args[n-1]
		default:
			// Serve(l, handler) and ServeTLS(l, handler, cert, key)
			sv.Handler = call.Args[1]
			sv.Args = append([]ast.Expr{call.Args[0]}, call.Args[2:]...)
		}
		return sv
	}
	return nil
}

// IsGin reports whether fn is gin's.
func IsGin(fn *types.Func) bool { return fn.Pkg().Path() == "github.com/gin-gonic/gin" }

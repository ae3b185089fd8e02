package knowledge

import (
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
)

// GraceSeconds is how long requests and unfinished work may take after the
// signal, and Graceful the same as an expression.
const (
	GraceSeconds = 5
	Graceful     = "5*time.Second"
)

// Server says how calls that serve until they are told to stop are told so.
type Server struct {
	calls []string // what serves, as rewrite.ObjectKey names it
	// Stop are the statements that make it return; $srv is the receiver, $sctx a
	// name for a context with the limit of time, $cancel one for its end, $force
	// one for a timer.
	Stop   string
	Others []string // methods that end it, too
	Closed string   // the error that it returns then, "nil" for none
	Drains bool     // it returns before Stop does, which has to be waited for
	Late   bool     // told to stop before it serves, it serves all the same
}

// shutdown ends a server like net/http's: Shutdown waits for the requests, and
// makes the call that serves return ErrServerClosed at once, even when it is
// made later (net/http, Server.Shutdown).
const shutdown = "$srv.Shutdown($sctx)"

var servers = []*Server{
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

// ServedBy returns the server that a call of fn serves, nil when it is known for
// none.
func ServedBy(fn *types.Func) *Server {
	key := rewrite.ObjectKey(fn)
	for _, s := range servers {
		if slices.Contains(s.calls, key) {
			return s
		}
	}
	return nil
}

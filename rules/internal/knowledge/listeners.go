package knowledge

import "slices"

// ExporterToolkit serves the metrics of Prometheus' exporters.
const ExporterToolkit = "github.com/prometheus/exporter-toolkit/web"

// routersListen are the methods by which routers listen, and the place of the
// address among the arguments; -1 stands for a net.Listener in the first place.
var routersListen = map[string]int{
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

// librariesListen are functions of libraries that listen and serve.
var librariesListen = []string{
	ExporterToolkit + ".ListenAndServe", ExporterToolkit + ".Serve", ExporterToolkit + ".ServeMultiple",
	"github.com/valyala/fasthttp.ListenAndServe", "github.com/valyala/fasthttp.ListenAndServeTLS", "github.com/valyala/fasthttp.Serve",
}

// RouterListens returns the place of the address among the arguments of a
// router's method, by its key; -1 stands for a net.Listener in the first place. ok
// is false for what is no such method.
func RouterListens(key string) (place int, ok bool) {
	place, ok = routersListen[key]
	return place, ok
}

// Listening returns the keys of all functions and methods of libraries that
// listen, in order.
func Listening() []string {
	keys := slices.Clone(librariesListen)
	for k := range routersListen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

package main

import (
	"log"
	"net/http"
	"os"

	"github.com/labstack/echo-contrib/pprof"
	"github.com/labstack/echo/v4"
)

func main() {
	e := echo.New()
	e.HideBanner = true
	pprof.Register(e)
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	log.Fatal(e.Start(":" + os.Getenv("PORT")))
}

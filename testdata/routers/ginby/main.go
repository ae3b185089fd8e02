package main

import (
	"log"
	"net/http"
	"net/http/pprof"
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
	profiles(r)
	log.Fatal(r.Run(":" + os.Getenv("PORT")))
}

func profiles(r *gin.Engine) {
	g := r.Group("/debug/pprof")
	g.GET("/", gin.WrapF(pprof.Index))
	g.GET("/heap", gin.WrapH(pprof.Handler("heap")))
	g.GET("/profile", gin.WrapF(pprof.Profile))
}

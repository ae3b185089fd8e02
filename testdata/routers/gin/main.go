package main

import (
	"log"
	"net/http"
	"os"

	"github.com/gin-contrib/pprof"
	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	pprof.Register(r)
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
	log.Fatal(r.Run(":" + os.Getenv("PORT")))
}

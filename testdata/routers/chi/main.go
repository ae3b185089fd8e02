package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Get("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	r.Mount("/debug", middleware.Profiler())
	srv := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: r}
	log.Fatal(srv.ListenAndServe())
}

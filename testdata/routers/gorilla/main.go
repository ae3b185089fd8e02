package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/pprof"
	"os"

	"github.com/gorilla/mux"
)

func main() {
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), routes()))
}

func routes() *mux.Router {
	r := mux.NewRouter()
	r.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	debug := r.PathPrefix("/debug/pprof").Subrouter()
	debug.HandleFunc("/cmdline", pprof.Cmdline)
	debug.HandleFunc("/profile", pprof.Profile).Methods(http.MethodGet)
	debug.PathPrefix("/").HandlerFunc(pprof.Index)
	return r
}

// Command serve serves, and stops when it is told to.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := serve(); err != nil {
		log.Print(err)
	}
	tick()
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file, err := os.CreateTemp("", "serve")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	<-ctx.Done()
	return file.Close()
}

func tick() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			log.Print("tick")
		case <-ctx.Done():
			return
		}
	}
}

func routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	return mux
}

func listen(addr string, mux *http.ServeMux) error {
	return http.ListenAndServe(addr, mux)
}

type server struct{ handler http.Handler }

func (s *server) run() {
	if err := http.ListenAndServe(":8080", s.handler); err != nil {
		log.Print(err)
	}
}

func init() {
	go func() { _ = listen(":9090", routes()) }()
	go (&server{routes()}).run()
}

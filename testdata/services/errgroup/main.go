package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	defer flush()
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-sigs
		fmt.Println("logs")
		os.Exit(0)
	}()

	g, ctx := errgroup.WithContext(context.Background())
	srv := &http.Server{}
	l := listen()
	g.Go(func() error { return srv.Serve(l) })
	g.Go(func() error {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-t.C:
			}
		}
	})
	if err := g.Wait(); err != nil {
		log.Fatal(err)
	}
}

// listen listens on a free port, and says so.
func listen() net.Listener {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	return l
}

func flush() { fmt.Println("metrics") }

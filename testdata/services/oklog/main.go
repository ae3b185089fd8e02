package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/oklog/run"
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

	var g run.Group
	l := listen()
	g.Add(func() error { return http.Serve(l, nil) }, func(error) { l.Close() })
	done := make(chan struct{})
	g.Add(func() error {
		<-done
		return nil
	}, func(error) { close(done) })
	if err := g.Run(); err != nil {
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

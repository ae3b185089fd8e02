package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
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

	if err := http.Serve(listen(), nil); err != nil {
		log.Print(err)
	}
	fmt.Println("not on a signal")
	os.Exit(4)
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

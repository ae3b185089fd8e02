package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// store writes in a goroutine of its own, until it is closed.
type store struct{ quit, ended chan struct{} }

func (s *store) write() {
	defer close(s.ended)
	<-s.quit
}

func (s *store) Close() {
	close(s.quit)
	<-s.ended
	fmt.Println("logs")
}

func main() {
	defer flush()
	s := &store{make(chan struct{}), make(chan struct{})}
	go s.write()
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-sigs
		s.Close()
		os.Exit(0)
	}()
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}

func flush() { fmt.Println("metrics") }

package signalexit_test

import "testing"

// handler is the goroutine that the programs below have in common.
const handler = `
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
`

var servePrograms = []signalProgram{
	{"ends", `
func main() {
` + handler + `
	time.AfterFunc(200*time.Millisecond, ready)
	if len(os.Args) > 2 {
		log.Fatal(http.ListenAndServeTLS("localhost:0", os.Args[1], os.Args[2], mux))
	}
	log.Println("without a certificate")
	log.Fatal(http.ListenAndServe("localhost:0", mux))
}
`, 0},
	{"unlooked", `
func main() {
` + handler + `
	time.AfterFunc(200*time.Millisecond, ready)
	err := http.ListenAndServe("localhost:0", mux)
	log.Fatal("not on a signal: ", err)
}
`, 0},
	{"received", `
func main() {
` + handler + `
	errs := make(chan error, 1)
	go func() { errs <- http.ListenAndServe("localhost:0", mux) }()
	time.AfterFunc(200*time.Millisecond, ready)
	err := <-errs
	log.Fatal("not on a signal: ", err)
}
`, 0},
	{"accept", `
func main() {
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
` + handler + `
	go dial(ln.Addr())
	for {
		conn, err := ln.Accept()
		if err != nil {
			log.Println(err)
			continue
		}
		ready()
		go io.Copy(conn, conn)
	}
}
`, 0},
	{"acceptfatal", `
func main() {
` + handler + `
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	go dial(ln.Addr())
	for {
		conn, err := ln.Accept()
		if err != nil {
			log.Fatalf("accept: %v", err)
		}
		ready()
		go conn.Close()
	}
}
`, 0},
	{"acceptsilent", `
func main() {
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
` + handler + `
	go dial(ln.Addr())
	for {
		if conn, err := ln.Accept(); err == nil {
			ready()
			go conn.Close()
		}
	}
}
`, 0},
	{"packets", `
func main() {
	pc, err := net.ListenPacket("udp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
` + handler + `
	time.AfterFunc(200*time.Millisecond, ready)
	read(pc)
}

func read(pc net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, _, err := pc.ReadFrom(buf)
		if err != nil {
			time.Sleep(time.Hour)
			continue
		}
		log.Println(n)
	}
}
`, 0},
	{"grpc", `
func main() {
` + handler + `
	lis, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer(ready)
	if err := s.Serve(lis); err != nil {
		log.Fatalf("serve: %v", err)
	}
}
`, 0},
	{"grpccallee", `
func main() {
` + handler + `
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	lis, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	s := grpc.NewServer(ready)
	return s.Serve(lis)
}
`, 0},
	{"group", `
func main() {
` + handler + `
	var wg sync.WaitGroup
	for i := 0; i < 3; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				time.Sleep(time.Hour)
			}
		}()
	}
	wg.Add(1)
	go poll(&wg)
	wg.Wait()
}

func poll(wg *sync.WaitGroup) {
	defer wg.Done()
	for t := range time.Tick(time.Millisecond) {
		_ = t
		ready()
	}
}
`, 0},
	{"context", `
func main() {
` + handler + `
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	t := time.NewTicker(time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			ready()
		}
	}
}
`, 0},
	{"reconnect", `
func main() {
` + handler + `
	for {
		if err := session(); err != nil {
			log.Print(err)
		}
	}
}

func session() error {
	for i := 0; ; i++ {
		if i%2 == 0 {
			continue
		}
		ready()
		time.Sleep(time.Hour)
	}
}
`, 0},
	{"jobs", `
func main() {
	jobs := make(chan string)
	var wg sync.WaitGroup
	for i := 0; i < 3; i++ {
		wg.Add(1)
		go work(jobs, &wg)
	}
	go func() {
		jobs <- "job"
		ready()
	}()
` + handler + `
	wg.Wait()
}

func work(jobs <-chan string, wg *sync.WaitGroup) {
	defer wg.Done()
	for job := range jobs {
		log.Println(job)
	}
}
`, 0},
	{"forever", `
func main() {
` + handler + `
	go func() { ready() }()
	var wg sync.WaitGroup
	wg.Add(1)
	wg.Wait()
}
`, 0},
	{"wrap", `
func main() {
` + handler + `
	log.Fatal(tick())
}

func tick() error {
	for range time.Tick(time.Millisecond) {
		ready()
	}
	return nil
}
`, 0},
	{"several", `
func main() {
` + handler + `
	for {
		time.Sleep(time.Millisecond)
		ready()
		time.Sleep(time.Hour)
	}
}
`, 0},
	{"result", `
func main() {
` + handler + `
	time.AfterFunc(200*time.Millisecond, ready)
	errc := make(chan error)
	go func() { errc <- http.ListenAndServe("localhost:0", mux) }()
	log.Fatal(<-errc)
}
`, 0},
	{"package", `
func main() {
` + handler + `
	app.Ready = ready
	a := &app.App{}
	if err := a.Run("localhost:0"); err != nil {
		log.Fatal(err)
	}
}
`, 0},
	{"httpassign", `
func main() {
` + handler + `
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, ready)
	err = http.Serve(l, mux)
	if err != nil {
		log.Fatal(err)
	}
}
`, 0},
}

// grpcStandIn serves as google.golang.org/grpc does: Serve returns nil once
// GracefulStop is done, and ErrServerStopped when the server was stopped before.
const grpcStandIn = `package grpc

import (
	"errors"
	"net"
	"sync"
)

var ErrServerStopped = errors.New("grpc: the server has been stopped")

type Server struct {
	mu    sync.Mutex
	lis   net.Listener
	quit  bool
	done  chan struct{}
	ready func()
}

func NewServer(ready func()) *Server { return &Server{done: make(chan struct{}), ready: ready} }

func (s *Server) Serve(lis net.Listener) error {
	s.mu.Lock()
	if s.quit {
		s.mu.Unlock()
		return ErrServerStopped
	}
	s.lis = lis
	s.mu.Unlock()
	s.ready()
	for {
		if _, err := lis.Accept(); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.quit {
				<-s.done
				return nil
			}
			return err
		}
	}
}

func (s *Server) GracefulStop() {
	s.mu.Lock()
	s.quit = true
	if s.lis != nil {
		s.lis.Close()
	}
	s.mu.Unlock()
	close(s.done)
}

func (s *Server) Stop() { s.GracefulStop() }
`

// What main serves, accepts or waits for ends with the signal, and no program
// goes on behind it.
func TestSignalExitEndsServers(t *testing.T) {
	proveSignalExit(t, servePrograms, map[string]string{
		"go.mod":        "module example.com/proof\n\ngo 1.24\n\nrequire google.golang.org/grpc v1.60.0\n\nreplace google.golang.org/grpc => ./_grpc\n",
		"_grpc/go.mod":  "module google.golang.org/grpc\n\ngo 1.24\n",
		"_grpc/grpc.go": grpcStandIn,
		"app/app.go": `package app

import (
	"log"
	"net/http"
	"time"
)

var Ready func()

type App struct{}

// Run serves.
func (a *App) Run(addr string) error {
	time.AfterFunc(200*time.Millisecond, Ready)
	return a.serve(addr)
}

func (a *App) serve(addr string) error {
	if err := http.ListenAndServe(addr, nil); err != nil {
		log.Println(err)
		return err
	}
	return nil
}
`,
		"dial.go": `package main

import (
	"io"
	"net"

	"google.golang.org/grpc"
)

var _ = []any{io.Copy, grpc.NewServer}

func dial(addr net.Addr) {
	if conn, err := net.Dial(addr.Network(), addr.String()); err == nil {
		conn.Write([]byte("x"))
	}
}
`,
	})
}

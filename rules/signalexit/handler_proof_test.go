package signalexit_test

import (
	"syscall"
	"testing"
)

// The programs differ in where the handler stands and how it exits.
var handlerPrograms = []signalProgram{
	{"helper", `
func main() {
	defer flushMetrics()
	setupCloseHandler()
	for {
		ready()
		time.Sleep(time.Hour)
	}
}

func setupCloseHandler() {
	c := make(chan os.Signal)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
}
`, 0},
	{"function", `
func main() {
	defer flushMetrics()
	time.AfterFunc(200*time.Millisecond, ready)
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go handleSignals(c)
	log.Fatal(http.ListenAndServe("localhost:0", mux))
}

func handleSignals(c chan os.Signal) {
	for s := range c {
		flushLogs()
		log.Fatalf("got %v", s)
	}
}
`, 1},
	{"blocking", `
func main() {
	defer flushMetrics()
	go waitForSignal(flushLogs)
	serve()
}

func serve() {
	t := time.NewTicker(time.Second)
	for range t.C {
		ready()
	}
}

func waitForSignal(cleanup func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	<-c
	cleanup()
	os.Exit(4)
}
`, 4},
	{"condition", `
func main() {
	defer flushMetrics()
	if len(os.Args) < 5 {
		c := make(chan os.Signal, 1)
		signal.Notify(c, os.Interrupt, syscall.SIGTERM)
		go func() {
			<-c
			flushLogs()
			os.Exit(0)
		}()
	}
	go ready()
	select {}
}
`, 0},
	{"switch", `
func main() {
	defer flushMetrics()
	var c = make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		for {
			select {
			case s := <-c:
				switch s {
				case syscall.SIGHUP:
					continue
				case os.Interrupt:
					log.Fatal("interrupted")
				default:
					flushLogs()
					os.Exit(128 + int(s.(syscall.Signal)))
				}
			case <-time.After(time.Minute):
			}
		}
	}()
	go ready()
	select {}
}
`, 128 + int(syscall.SIGTERM)},
	{"method", `
type app struct{ sigs chan os.Signal }

func main() {
	a := &app{make(chan os.Signal, 1)}
	a.trap()
	a.run()
}

func (a *app) trap() {
	signal.Notify(a.sigs, os.Interrupt, syscall.SIGTERM)
	go a.watch()
}

func (a *app) watch() {
	if _, ok := <-a.sigs; ok {
		flushLogs()
		os.Exit(1)
	}
}

func (a *app) run() {
	defer flushMetrics()
	for {
		ready()
		time.Sleep(time.Hour)
	}
}
`, 1},
	{"run", `
func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	defer flushMetrics()
	time.AfterFunc(200*time.Millisecond, ready)
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	if err := http.ListenAndServe("localhost:0", mux); err != nil {
		return err
	}
	return nil
}
`, 0},
	{"code", `
func main() { os.Exit(realMain()) }

func realMain() int {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(7)
	}()
	for {
		ready()
		time.Sleep(time.Hour)
	}
}
`, 7},
	{"wait", `
func main() {
	serve()
	log.Print("stopped")
}

func serve() {
	defer flushMetrics()
	go func() {
		s := waitForSignal()
		flushLogs()
		log.Fatalf("got %v", s)
	}()
	time.AfterFunc(time.Second, ready)
	select {}
}

func waitForSignal() os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return <-c
}
`, 1},
	{"named", `
func main() {
	defer flushMetrics()
	leave := func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		time.AfterFunc(200*time.Millisecond, ready)
		<-c
		flushLogs()
		os.Exit(0)
	}
	go leave()
	for range time.Tick(time.Hour) {
	}
}
`, 0},
	{"group", `
func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			ready()
			time.Sleep(time.Hour)
		}
	}()
	wg.Wait()
	return nil
}
`, 0},
	{"branches", `
func main() {
	defer flushMetrics()
	srv := &http.Server{Addr: "localhost:0", Handler: mux}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	time.AfterFunc(200*time.Millisecond, ready)
	if cert := os.Getenv("NO_SUCH_CERTIFICATE"); cert != "" {
		log.Fatal(srv.ListenAndServeTLS(cert, cert))
	} else {
		log.Fatal(srv.ListenAndServe())
	}
}
`, 0},
	{"message", `
func main() {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() { s := <-c; flushLogs(); log.Fatal(s) }()
	go ready()
	select {}
}
`, 1},
}

// Wherever the handler stands, SIGTERM ends the program after the fix, with the
// exit code that the handler gave it and all deferred calls made.
func TestSignalExitFromEveryHandler(t *testing.T) {
	proveSignalExit(t, handlerPrograms, nil)
}

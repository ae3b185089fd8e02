package signalexit_test

import "testing"

// guardedPrograms have goroutines that main does not wait for and that end the
// process when what they use is ended. Today they are gone with the process; once
// deferred calls run, they are not.
var guardedPrograms = []signalProgram{
	{"worker", `
func main() {
	defer flushMetrics()
	defer time.Sleep(300 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(3)
	}()
	go func() {
		<-ctx.Done()
		log.Fatal(ctx.Err())
	}()
	for {
		ready()
		time.Sleep(time.Hour)
	}
}
`, 3},
	{"admin server", `
func main() {
	defer flushMetrics()
	defer time.Sleep(300 * time.Millisecond)
	admin := &http.Server{Addr: "localhost:0"}
	defer admin.Close()
	go func() {
		log.Fatal(admin.ListenAndServe())
	}()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	time.AfterFunc(200*time.Millisecond, ready)
	log.Fatal(http.ListenAndServe("localhost:0", mux))
}
`, 0},
	{"error channel", `
func main() {
	defer flushMetrics()
	defer time.Sleep(300 * time.Millisecond)
	admin := &http.Server{Addr: "localhost:0"}
	defer admin.Close()
	failed := make(chan error)
	go func() { failed <- admin.ListenAndServe() }()
	go func() { log.Fatal(<-failed) }()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	time.AfterFunc(200*time.Millisecond, ready)
	select {}
}
`, 0},
	{"supervisor", `
func main() {
	defer flushMetrics()
	defer time.Sleep(300 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		<-ctx.Done()
	}()
	go func() {
		wg.Wait()
		panic("all workers are gone")
	}()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	for {
		ready()
		time.Sleep(time.Hour)
	}
}
`, 0},
	{"callback", `
type conn struct{ closed func() }

func dial(closed func()) *conn { return &conn{closed} }

func (c *conn) Close() { go c.closed() }

func main() {
	defer flushMetrics()
	defer time.Sleep(300 * time.Millisecond)
	conn := dial(func() { log.Fatal("the connection is closed") })
	defer conn.Close()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	for {
		ready()
		time.Sleep(time.Hour)
	}
}
`, 0},
}

// After the fix each of them lets main end: both flushes run once, and the exit
// code is that of the signal.
func TestSignalExitGuardsGoroutines(t *testing.T) { proveSignalExit(t, guardedPrograms, nil) }

package publicpprof_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/publicpprof"
)

const muxProgram = `package main

import (
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "hello")
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
`

// filterProgram registers out of the sight of main: expvar has a route, too.
var filterProgram = strings.Replace(muxProgram, `	"fmt"`, `	_ "expvar"
	"fmt"`, 1)

const hostProgram = `package main

import (
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
)

func main() {
	go func() {
		log.Println(http.ListenAndServe(":6060", nil))
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), mux))
}
`

// byHandProgram puts the handlers on a mux of its own, which is all it serves.
const byHandProgram = `package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/pprof"
	"os"
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), mux))
}
`

// profilePaths are the five handlers of net/http/pprof and a named profile.
var profilePaths = []string{
	"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/profile?seconds=1", "/debug/pprof/symbol",
	"/debug/pprof/trace?seconds=0.1", "/debug/pprof/heap",
}

// oddPaths lead to a profile all the same.
var oddPaths = []string{"//debug/pprof/heap", "/x/../debug/pprof/heap", "/debug/%70prof/heap", "/debug/pprof/./heap", "/debug/pprof"}

// Before the fix profiles are to be had from every address of the machine;
// after it only from loopback, and all other routes answer as before.
func TestPublicPprofIsClosed(t *testing.T) {
	other := machineAddress(t)
	for _, test := range []struct {
		name, program string
		routes        []string
		pprofOnly     bool // the profiles' listener is one of its own
	}{
		{"mux", muxProgram, []string{"/", "/nothing"}, false},
		{"filter", filterProgram, []string{"/", "/nothing", "/debug/vars"}, false},
		{"host", hostProgram, []string{"/", "/nothing"}, true},
		{"byhand", byHandProgram, []string{"/", "/nothing"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ruletest.WriteTree(t, dir, map[string][]byte{
				"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
				"main.go": []byte(test.program),
			})
			admin := freePort(t)
			src := filepath.Join(dir, "main.go")
			replaceIn(t, src, `":6060"`, fmt.Sprintf(`":%d"`, admin))

			before := start(t, dir, other)
			exposed := before.addr
			if test.pprofOnly {
				exposed = net.JoinHostPort(other, fmt.Sprint(admin))
				waitFor(t, exposed)
			}
			for _, path := range append([]string{"/debug/pprof/heap"}, oddPaths...) {
				if status, _ := get(t, exposed, path); status != http.StatusOK {
					t.Fatalf("before the fix %s answers %d; the proof would prove nothing", path, status)
				}
			}
			want := make(map[string]string)
			for _, path := range test.routes {
				want[path] = outline(t, before.addr, path)
			}
			before.stop()

			ruletest.Fix(t, dir, publicpprof.Rule)
			replaceIn(t, src, `"localhost:6060"`, fmt.Sprintf(`"localhost:%d"`, admin))
			after := start(t, dir, other)
			local := net.JoinHostPort("localhost", fmt.Sprint(admin))
			waitFor(t, local)
			for _, path := range append(profilePaths, oddPaths...) {
				if status, _ := get(t, after.addr, path); status != http.StatusNotFound {
					t.Errorf("the public listener answers %s with %d", path, status)
				}
				if status, _ := get(t, local, path); status != http.StatusOK {
					t.Errorf("the loopback listener answers %s with %d", path, status)
				}
			}
			if conn, err := net.DialTimeout("tcp", net.JoinHostPort(other, fmt.Sprint(admin)), time.Second); err == nil {
				conn.Close()
				t.Errorf("profiles are still served on %s", other)
			}
			for path, w := range want {
				if got := outline(t, after.addr, path); got != w {
					t.Errorf("%s answers %s, before the fix %s", path, got, w)
				}
			}
			after.stop()
		})
	}
}

// The admin listener is no reason to exit, and no listener's error is lost.
func TestPublicPprofListenErrors(t *testing.T) {
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
		"main.go": []byte(muxProgram),
	})
	ruletest.Fix(t, dir, publicpprof.Rule)
	taken, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	replaceIn(t, filepath.Join(dir, "main.go"), `"localhost:6060"`, fmt.Sprintf("%q", taken.Addr()))

	prog := start(t, dir, "127.0.0.1")
	if status, body := get(t, prog.addr, "/"); status != http.StatusOK || body != "hello" {
		t.Errorf("without the admin listener / answers %d %q", status, body)
	}
	second := exec.Command(prog.cmd.Path) // on the same public port
	second.Env = prog.cmd.Env
	out, err := second.CombinedOutput()
	if err == nil {
		t.Errorf("the program ends without an error though its port is taken")
	}
	_, port, _ := net.SplitHostPort(prog.addr)
	if !strings.Contains(string(out), "listen tcp :"+port) {
		t.Errorf("the error of the public listener is lost: %s", out)
	}
	said := ""
	for range 500 { // until the program came to it
		said = prog.output(t)
		if strings.Contains(said, taken.Addr().String()) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("the error of the admin listener is lost: %q", said)
}

// running is a program that serves on addr.
type running struct {
	cmd  *exec.Cmd
	addr string
	log  string // the file with its output
	done bool
}

// start builds and runs the program in dir and waits until it serves on a port
// of host.
func start(t *testing.T, dir, host string) *running {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "prog")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	buildAll(t, dir, bin, ".")
	return launch(t, bin, host)
}

// buildAll builds the packages of dir.
func buildAll(t *testing.T, dir, to, pattern string) {
	t.Helper()
	build := exec.Command("go", "build", "-o", to, pattern)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
}

// launch runs the program bin and waits until it serves on a port of host.
func launch(t *testing.T, bin, host string) *running {
	t.Helper()
	port := fmt.Sprint(freePort(t))
	r := &running{cmd: exec.Command(bin), addr: net.JoinHostPort(host, port), log: filepath.Join(t.TempDir(), "log")}
	r.cmd.Env = append(os.Environ(), "PORT="+port)
	out, err := os.Create(r.log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r.cmd.Stdout, r.cmd.Stderr = out, out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	waitFor(t, r.addr)
	return r
}

func (r *running) stop() {
	if !r.done {
		r.done = true
		r.cmd.Process.Kill()
		r.cmd.Wait()
	}
}

// output returns what the program printed so far.
func (r *running) output(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(r.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// waitFor returns when something listens on addr.
func waitFor(t *testing.T, addr string) {
	t.Helper()
	for range 500 {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nothing listens on %s", addr)
}

// get asks for path as it is spelled, follows redirects, and returns the last
// answer.
func get(t *testing.T, addr, path string) (status int, body string) {
	t.Helper()
	for range 5 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n", path)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		data, err := io.ReadAll(resp.Body)
		conn.Close()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if resp.StatusCode/100 != 3 {
			return resp.StatusCode, string(data)
		}
		path = resp.Header.Get("Location")
	}
	t.Fatalf("%s: too many redirects", path)
	return 0, ""
}

// outline returns what stays the same in the answers to path.
func outline(t *testing.T, addr, path string) string {
	status, body := get(t, addr, path)
	if strings.HasPrefix(body, "{") { // expvar's numbers change
		body = body[:1]
	}
	return fmt.Sprintf("%d %q", status, body)
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// machineAddress returns an IPv4 address of this machine that is not loopback.
func machineAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Skipf("the machine's addresses are not known: %v", err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	t.Skip("the machine has no address but loopback")
	return ""
}

// replaceIn replaces old by new in a file, wherever it stands.
func replaceIn(t *testing.T, path, old, new string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(data, []byte(old), []byte(new)), 0o644); err != nil {
		t.Fatal(err)
	}
}

package knowledge

import "testing"

func TestLogPackage(t *testing.T) {
	for path, want := range map[string]bool{
		"log": true, "log/slog": true, "go.uber.org/zap": true, "go.uber.org/zap/zapcore": true, "k8s.io/klog/v2": true,
		"gopkg.in/inconshreveable/log15.v2": true, "example.com/m/internal/logging": true, "github.com/hashicorp/go-hclog": true,
		"example.com/catalog": false, "example.com/dialog": false, "example.com/log/server": false, "": false,
	} {
		if got := LogPackage(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestTells(t *testing.T) {
	for name, want := range map[string]bool{
		"Println": true, "Infof": true, "WarnContext": true, "Fatal": true, "Msg": true,
		"Sprintf": false, "print": false, "Close": false, "Reprint": false,
	} {
		if got := Tells(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestQuick(t *testing.T) {
	for _, test := range []struct {
		path, recv, name string
		want             bool
	}{
		{"strings", "", "Split", true},
		{"hash/fnv", "", "New32", true},
		{"math/rand/v2", "", "IntN", true},
		{"go.uber.org/zap", "Logger", "Info", true},
		{"time", "", "Now", true},
		{"time", "", "Sleep", false},
		{"fmt", "", "Sprintf", true},
		{"fmt", "", "Sscan", true},
		{"fmt", "", "Fprintln", false},
		{"path/filepath", "", "WalkDir", false},
		{"runtime", "", "GC", false},
		{"sync", "Mutex", "Unlock", true},
		{"sync", "Mutex", "Lock", false},
		{"sync", "Map", "Range", true},
		{"os", "", "Getenv", true},
		{"os", "", "ReadFile", false},
		{"net/http", "", "Get", false},
		{"example.com/unknown", "", "Do", false},
	} {
		if got := Quick(function(test.path, "p", test.recv, test.name)); got != test.want {
			t.Errorf("%s %s.%s: %v", test.path, test.recv, test.name, got)
		}
	}
	if Quick(nil) {
		t.Error("no function is quick")
	}
}

func TestReadsMemory(t *testing.T) {
	for key, want := range map[string]bool{
		"runtime.ReadMemStats": true, "(*runtime/pprof.Profile).WriteTo": true, "syscall.Getrusage": true,
		"runtime.ReadTrace": false, "runtime.GC": false,
	} {
		if got := ReadsMemory(key); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	for path, want := range map[string]bool{
		"github.com/shirou/gopsutil/v4/mem": true, "github.com/containerd/cgroups/v3": true, "runtime": false, "example.com/memory": false,
	} {
		if got := MemoryPackage(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestServedBy(t *testing.T) {
	for _, test := range []struct {
		path, recv, name string
		stop             string // "" for no server
	}{
		{"net/http", "Server", "ListenAndServe", "$srv.Shutdown($sctx)"},
		{"net/http", "", "ListenAndServe", "$srv.Shutdown($sctx)"},
		{"github.com/gin-gonic/gin", "Engine", "Run", "$srv.Shutdown($sctx)"},
		{"google.golang.org/grpc", "Server", "Serve", "$force := time.AfterFunc(5*time.Second, $srv.Stop)\ndefer $force.Stop()\n$srv.GracefulStop()"},
		{"net/http", "Server", "Shutdown", ""},
		{"example.com/server", "Server", "Serve", ""},
	} {
		stop := ""
		if s := ServedBy(function(test.path, "p", test.recv, test.name)); s != nil {
			stop = s.Stop
		}
		if stop != test.stop {
			t.Errorf("%s %s.%s: stopped by %q", test.path, test.recv, test.name, stop)
		}
	}
}

package knowledge

import (
	"slices"
	"testing"
)

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

func TestLogLibrary(t *testing.T) {
	for path, want := range map[string]bool{
		"log": true, "go.uber.org/zap": true, "github.com/rs/zerolog": true, "k8s.io/klog/v2": true,
		"example.com/m/logging": false, "example.com/m/logs": false, "example.com/catalog": false, "": false,
	} {
		if got := LogLibrary(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestUnmaps(t *testing.T) {
	for key, want := range map[string]bool{
		"syscall.Munmap": true, "golang.org/x/sys/unix.MunmapPtr": true, "(*github.com/edsrzf/mmap-go.MMap).Unmap": true,
		"(github.com/tysonmote/gommap.MMap).UnsafeUnmap": true, "github.com/tidwall/mmap.Close": true,
		"syscall.Mmap": false, "(*github.com/edsrzf/mmap-go.MMap).Flush": false, "syscall.Close": false, "": false,
	} {
		if got := Unmaps(key); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}

func TestThread(t *testing.T) {
	for name, want := range map[string]bool{
		"Setns": true, "Setresuid": true, "Setfsgid": true, "PtraceAttach": true, "ImpersonateSelf": true, "Exec": true,
		"Setrlimit": false, "Setsid": false, "Getuid": false, "ExecContext": false, "Mount": false,
	} {
		if got := ThreadCall(name); got != want {
			t.Errorf("ThreadCall(%s): %v", name, got)
		}
	}
	for number, want := range map[string]bool{
		"unix.SYS_SETNS": true, "syscall.SYS_SETRESUID": true, "unix.SYS_SCHED_SETAFFINITY": true, "unix.SYS_READ": false, "unix.SYS_GETUID": false,
	} {
		if got := ThreadNumber(number); got != want {
			t.Errorf("ThreadNumber(%s): %v", number, got)
		}
	}
	for name, want := range map[string]bool{"netns": true, "setThreadAffinity": true, "SetFileLabel": true, "settings": false, "names": false} {
		if got := ThreadName(name); got != want {
			t.Errorf("ThreadName(%s): %v", name, got)
		}
	}
	for path, want := range map[string]bool{"github.com/go-gl/glfw/v3.3/glfw": true, "github.com/veandco/go-sdl2/sdl": true, "fmt": false, "example.com/sidewalks": true, "net/http": false} {
		if got := ThreadLibrary(path); got != want {
			t.Errorf("ThreadLibrary(%s): %v", path, got)
		}
	}
}

func TestEndReleases(t *testing.T) {
	for _, test := range []struct {
		path, recv, name string
		want             bool
	}{
		{"os", "File", "Close", true},
		{"net/http", "Server", "Shutdown", true},
		{"syscall", "", "Close", true},
		{"github.com/jackc/pgx/v5/pgxpool", "Pool", "Close", true},
		{"github.com/jackc/pgx", "Conn", "Close", true},
		{"go.mongodb.org/mongo-driver/v2/mongo", "Client", "Disconnect", true},
		{"github.com/coder/websocket", "Conn", "CloseNow", true},
		{"google.golang.org/grpc", "ClientConn", "Close", true},
		{"google.golang.org/grpc", "Server", "Stop", false},
		{"github.com/jackc/pgx/v5/stdlib", "Conn", "Close", false},
		{"github.com/lib/pq", "", "Close", false}, // no method
		{"bufio", "Writer", "Flush", false},
		{"github.com/gofrs/flock", "Flock", "Unlock", true},
		{"github.com/gofrs/flock", "Flock", "TryLock", false},
		{"golang.org/x/sys/unix", "", "Flock", true},
		{"example.com/m", "File", "Close", false},
	} {
		if got := EndReleases(function(test.path, "p", test.recv, test.name)); got != test.want {
			t.Errorf("%s %s.%s: %v", test.path, test.recv, test.name, got)
		}
	}
}

func TestCommands(t *testing.T) {
	for path, want := range map[string]bool{
		"github.com/spf13/cobra": true, "github.com/urfave/cli": true, "github.com/urfave/cli/v3": true,
		"github.com/spf13/pflag": false, "example.com/cli": false,
	} {
		if got := OfCommand(function(path, "p", "", "OnInitialize")); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if OfCommand(nil) {
		t.Error("nothing is of a command")
	}
	for name, want := range map[string]bool{"RunE": true, "Action": true, "Before": true, "Use": false, "run": false} {
		if got := CommandField(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestListening(t *testing.T) {
	for _, test := range []struct {
		key   string
		place int
		ok    bool
	}{
		{"(*github.com/gin-gonic/gin.Engine).Run", 0, true},
		{"(*github.com/gofiber/fiber/v2.App).Listener", -1, true},
		{"github.com/valyala/fasthttp.ListenAndServe", 0, false}, // no router
		{"(*net/http.Server).Serve", 0, false},
	} {
		if place, ok := RouterListens(test.key); place != test.place || ok != test.ok {
			t.Errorf("%s: %d %v", test.key, place, ok)
		}
	}
	all := Listening()
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("not in order, or twice: %q", all)
	}
	for _, key := range []string{"(*github.com/gin-gonic/gin.Engine).Run", "github.com/valyala/fasthttp.Serve", ExporterToolkit + ".ServeMultiple"} {
		if !slices.Contains(all, key) {
			t.Errorf("%s is missing", key)
		}
	}
}

// What the names of C functions say: the letters stand for what each question
// answers with yes.
func TestCNames(t *testing.T) {
	questions := []struct {
		letter string
		asks   func(string) bool
	}{
		{"f", CFrees}, {"F", CSurelyFrees}, {"m", CMakes}, {"d", CKeepsDescriptor}, {"a", CAsync}, {"k", CMayKeep}, {"w", CWaits},
	}
	for name, want := range map[string]string{
		"res_free":           "fF",
		"resDestroy":         "fF",
		"shutdown":           "f",
		"list_first":         "",
		"ctx_new":            "m",
		"fdopen":             "md",
		"sock_attach":        "d",
		"read_async":         "a",
		"MPI_Isend":          "a",
		"MPI_Send":           "",
		"vkQueueSubmit":      "",
		"queueSubmit":        "a",
		"set_data":           "k",
		"register_callback":  "dk",
		"device_synchronize": "w",
	} {
		got := ""
		for _, q := range questions {
			if q.asks(name) {
				got += q.letter
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

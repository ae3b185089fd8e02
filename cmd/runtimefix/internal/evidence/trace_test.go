package evidence

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"strings"
	"testing"

	xtrace "golang.org/x/exp/trace"
)

// traced runs testdata/traced, which records itself, and returns its trace.
func traced(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace.out")
	cmd := exec.Command("go", "run", ".", out)
	cmd.Dir = filepath.Join("testdata", "traced")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func TestTrace(t *testing.T) {
	r, err := Read(context.Background(), traced(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Form != Trace || r.Duration <= 0 || r.Cut != "" {
		t.Errorf("form %s, duration %v, cut %q", r.Form, r.Duration, r.Cut)
	}
	got := make(map[string]int)
	for _, s := range r.Sites {
		if s.Package() != "main" {
			continue
		}
		got[string(s.Kind)+" "+s.Name()] += s.Count
		if (s.Kind == Collections || s.Kind == Releases) && (s.Waited <= 0 || s.Stopped <= 0) || s.Kind == Reads && s.Stopped <= 0 {
			t.Errorf("%s %s: waited %v, stopped %v", s.Kind, s.Name(), s.Waited, s.Stopped)
		}
	}
	want := map[string]int{
		"collections main": 1, "collections server.handle": 40, "collections Queue.Drain": 7, "releases trim": 5,
		"reads poll": 60, "threads leave": 24, "timers expire": 300, "timers main": 0,
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s: %d, want %d", k, got[k], n)
		}
	}
	if n := got["threads give"]; n != 0 {
		t.Errorf("%d goroutines that unlock count as threads that ended", n)
	}
	for _, s := range r.Sites {
		if s.Kind == Timers && s.Name() == "expire" && s.Burst < 50 {
			t.Errorf("the timers expire %d at once", s.Burst)
		}
		if once := s.Once(r.Duration); s.Package() == "main" && s.Kind == Collections && once != (s.Name() == "main") {
			t.Errorf("%s: once is %v", s.Name(), once)
		}
	}
}

// A trace that was cut gives what it holds; other files are refused with what
// they are.
func TestTraceInput(t *testing.T) {
	var whole bytes.Buffer
	if err := trace.Start(&whole); err != nil {
		t.Skip(err)
	}
	for range 3 {
		runtime.GC()
	}
	trace.Stop()
	read := func(data []byte) (*Recording, error) {
		return ReadTrace(context.Background(), bytes.NewReader(data), nil)
	}
	full, err := read(whole.Bytes())
	if err != nil || full.Cut != "" || len(full.Sites) == 0 || full.Sites[0].Count != 3 {
		t.Fatalf("the whole trace: %v %+v", err, full)
	}
	cut, err := read(whole.Bytes()[:whole.Len()*2/3])
	if err == nil && cut.Cut == "" {
		t.Error("a cut trace is not said to be cut")
	}
	for name, test := range map[string]struct{ data, want string }{
		"empty": {"", "not an execution trace"},
		"text":  {"goroutine 1 [running]:\nmain.main()\n", "not an execution trace"},
		"old":   {"go 1.21 trace\x00\x00\x00rest", "Go 1.21 or older"},
		"new":   {"go 1.99 trace\x00\x00\x00rest", "trace of Go 1.99 cannot be read"},
	} {
		if _, err := read([]byte(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ReadTrace(ctx, bytes.NewReader(whole.Bytes()), nil); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(context.Background(), filepath.Join(dir, "none"), nil); err == nil || !strings.Contains(err.Error(), "none: cannot be read") {
		t.Error(err)
	}
	if _, err := Read(context.Background(), dir, nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	path := filepath.Join(dir, "x")
	for text, want := range map[string]string{"": "empty", "hello": "neither an execution trace nor a pprof profile"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(context.Background(), path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func BenchmarkTrace(b *testing.B) {
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		b.Skip(err)
	}
	c := make(chan int)
	go func() {
		for range 50000 {
			c <- 1
		}
		close(c)
	}()
	for range c {
		runtime.Gosched()
	}
	trace.Stop()
	b.Run("bare", func(b *testing.B) {
		b.SetBytes(int64(buf.Len()))
		for b.Loop() {
			r, err := xtrace.NewReader(bytes.NewReader(buf.Bytes()))
			if err != nil {
				b.Fatal(err)
			}
			for err == nil {
				_, err = r.ReadEvent()
			}
			if err != io.EOF {
				b.Fatal(err)
			}
		}
	})
	b.Run("evidence", func(b *testing.B) {
		b.SetBytes(int64(buf.Len()))
		for b.Loop() {
			if _, err := ReadTrace(context.Background(), bytes.NewReader(buf.Bytes()), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

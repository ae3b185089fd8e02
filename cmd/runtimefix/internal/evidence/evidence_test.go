package evidence

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

func TestFrame(t *testing.T) {
	for fn, want := range map[string][2]string{
		"main.main":                                       {"main", "main"},
		"main.main.func1":                                 {"main", "main"},
		"main.main.func1.2":                               {"main", "main"},
		"main.(*server).handle":                           {"main", "server.handle"},
		"main.server.handle":                              {"main", "server.handle"},
		"main.(*server).handle.func1":                     {"main", "server.handle"},
		"main.(*server).handle-fm":                        {"main", "server.handle"},
		"main.(*server).run.gowrap1":                      {"main", "server.run"},
		"main.(*server).run.deferwrap2":                   {"main", "server.run"},
		"example.com/m/v2/pkg.Do":                         {"example.com/m/v2/pkg", "Do"},
		"example.com/m/pkg.(*Queue[...]).Drain":           {"example.com/m/pkg", "Queue.Drain"},
		"example.com/m/pkg.(*Queue[go.shape.int]).Drain":  {"example.com/m/pkg", "Queue.Drain"},
		"example.com/m/pkg.Map[go.shape.string].func1":    {"example.com/m/pkg", "Map"},
		"example.com/m/pkg.(*Queue[...]).Drain.func1.1.2": {"example.com/m/pkg", "Queue.Drain"},
	} {
		f := Frame{Func: fn}
		if f.Package() != want[0] || f.Name() != want[1] {
			t.Errorf("%s: %q %q, want %q", fn, f.Package(), f.Name(), want)
		}
	}
}

// The linker escapes dots in the last element of an import path.
func TestEscaped(t *testing.T) {
	f := Frame{Func: "gopkg.in/yaml%2ev3.(*T).Do"}
	if f.Package() != "gopkg.in/yaml.v3" || f.Name() != "T.Do" {
		t.Errorf("%q %q", f.Package(), f.Name())
	}
}

func TestSameFile(t *testing.T) {
	for _, test := range []struct {
		recorded, module, rel string
		want                  bool
	}{
		{"/home/u/src/m/pkg/a.go", "example.com/m", "pkg/a.go", true},
		{"/build/pkg/a.go", "example.com/m", "pkg/a.go", true},
		{"example.com/m/pkg/a.go", "example.com/m", "pkg/a.go", true},
		{"example.com/m@v1.2.3/pkg/a.go", "example.com/m", "pkg/a.go", true},
		{"example.com/m/other/pkg/a.go", "example.com/m", "pkg/a.go", false},
		{`C:\src\m\pkg\a.go`, "example.com/m", "pkg/a.go", true},
		{"/build/otherpkg/a.go", "example.com/m", "pkg/a.go", false},
		{"/build/pkg/b.go", "example.com/m", "pkg/a.go", false},
	} {
		if got := sameFile(test.recorded, test.module, test.rel); got != test.want {
			t.Errorf("%s is %s of %s: %v", test.recorded, test.rel, test.module, got)
		}
	}
}

func TestItemText(t *testing.T) {
	for _, test := range []struct {
		site       Site
		total      time.Duration
		line       int
		text, says string
	}{
		{Site{Kind: Collections, Count: 98, Stopped: time.Second, Waited: 7232 * time.Millisecond, Last: 16 * time.Second, Frame: Frame{Line: 5}}, 16 * time.Second, 5, "98 collections in 16 s, 6.1 a second, 84 ms each", "confirmed"},
		{Site{Kind: Collections, Count: 1, Waited: 2 * time.Millisecond, Frame: Frame{Line: 5}}, 10 * time.Second, 7, "1 collection in 10 s, 0.1 a second, 2.0 ms each; the line has moved since", "seen once"},
		{Site{Kind: Threads, Count: 946, Last: 2 * time.Second}, 2 * time.Second, 1, "946 goroutines that ended locked, each with its thread in 2.0 s, 473 a second", "confirmed"},
		{Site{Kind: Reads, Count: 12, Last: 800 * time.Millisecond, Frame: Frame{Line: 5}}, 20 * time.Second, 5, "12 reads in 20 s, 0.6 a second, all within the first 800 ms", "confirmed"},
		{Site{Kind: Samples, Count: 40}, 30 * time.Second, 1, "40 samples in 30 s, 1.3 a second", "ranked"},
	} {
		x := item(&Recording{Duration: test.total}, &test.site, test.line)
		if x.Text() != test.text || x.Verdict() != test.says {
			t.Errorf("%q %s, want %q %s", x.Text(), x.Verdict(), test.text, test.says)
		}
	}
}

func TestCost(t *testing.T) {
	hot := []Item{{Kind: Collections, Count: 9, Seconds: 1}}
	dear := []Item{{Kind: Collections, Count: 3, Seconds: 4}}
	once := []Item{{Kind: Collections, Count: 1, Seconds: 9, Once: true}}
	ranked := []Item{{Kind: Samples, Count: 100, Ranks: true}}
	list := [][]Item{nil, once, ranked, hot, dear}
	slices.SortStableFunc(list, Cost)
	for i, want := range [][]Item{dear, hot, ranked, once, nil} {
		if !slices.Equal(list[i], want) {
			t.Errorf("place %d: %v, want %v", i, list[i], want)
		}
	}
}

func TestFinalizers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "checkfinalizers.txt"))
	if err != nil {
		t.Fatal(err)
	}
	r := readFinalizers(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")))
	if len(r.Sites) != 1 || r.Sites[0].Count != 2 || r.Sites[0].Frame != (Frame{"main.open", "/src/app/main.go", 14}) || r.Sites[0].Kind != Cycles {
		t.Errorf("%+v", r.Sites)
	}
}

func TestProfile(t *testing.T) {
	p := goroutines("goroutineleak", 149)
	r, err := readProfile(p)
	if err != nil || len(r.Sites) != 1 || r.Sites[0].Count != 149 || r.Sites[0].Name() != "worker" || r.Sites[0].Kind != Leaks {
		t.Errorf("%v %+v", err, r)
	}
	if _, err := readProfile(goroutines("inuse_space", 1)); err == nil {
		t.Error("a heap profile is taken")
	}
}

// goroutines makes a profile of n goroutines that worker was started for.
func goroutines(kind string, n int64) []byte {
	park := &profile.Function{ID: 1, Name: "runtime.gopark"}
	recv := &profile.Function{ID: 2, Name: "example.com/m.next", Filename: "/src/m/a.go"}
	work := &profile.Function{ID: 3, Name: "example.com/m.worker", Filename: "/src/m/a.go"}
	locs := []*profile.Location{
		{ID: 1, Line: []profile.Line{{Function: park, Line: 1}}},
		{ID: 2, Line: []profile.Line{{Function: recv, Line: 9}}},
		{ID: 3, Line: []profile.Line{{Function: work, Line: 4}}},
	}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: kind, Unit: "count"}}, PeriodType: &profile.ValueType{}, Period: 1,
		Sample:   []*profile.Sample{{Location: locs, Value: []int64{n}}},
		Location: locs, Function: []*profile.Function{park, recv, work},
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Package evidence reads what a running program recorded, execution traces and
// pprof profiles, and tells which places in its source caused what the rules are
// about: forced collections, stops of the world, threads that died.
//
// Execution traces are exact: the runtime writes the stack of the goroutine that
// starts a collection or stops the world (runtime/traceruntime.go, GCStart and
// STWStart). A CPU profile is not: who forces a collection waits while others
// work, so profiles only rank functions and never confirm nor silence.
package evidence

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
)

// Kind is what happened at a site.
type Kind string

// The kinds, with what a count of each counts.
const (
	Collections Kind = "collections" // runtime.GC
	Releases    Kind = "releases"    // debug.FreeOSMemory, each with a collection
	Reads       Kind = "reads"       // runtime.ReadMemStats, which stops the world
	Threads     Kind = "threads"     // goroutines that ended locked, and their threads
	Timers      Kind = "timers"      // callbacks of time.AfterFunc
	Goroutines  Kind = "goroutines"  // goroutines in a profile of them
	Leaks       Kind = "leaks"       // goroutines that nothing can wake (goroutineleak)
	Samples     Kind = "samples"     // of a CPU profile
	Cycles      Kind = "cycles"      // objects that their own finalizer keeps alive (checkfinalizers)
)

// rules says which rule is about what happened.
var rules = map[Kind]string{
	Collections: "forcedgc", Releases: "freeosmemory", Reads: "memstatspoll",
	Threads: "threadlock", Timers: "timerfanout", Goroutines: "goroutinealert", Leaks: "goroutinealert", Cycles: "finalizercycle",
}

// Rule returns the name of the rule that is about k, "" when none is.
func (k Kind) Rule() string { return rules[k] }

// form returns what k is read from.
func (k Kind) form() Form {
	switch k {
	case Goroutines, Leaks, Samples:
		return Profile
	case Cycles:
		return Finalizers
	}
	return Trace
}

// Words returns what a count of k counts, for people.
func (k Kind) Words() string {
	switch k {
	case Collections, Releases:
		return "forced collections"
	case Reads:
		return "stops of the world to read statistics"
	case Threads:
		return "threads that ended with a goroutine"
	case Timers:
		return "goroutines of timers"
	}
	return string(k)
}

// Frame is a place in a stack.
type Frame struct {
	Func string // as the runtime names it: "example.com/m/pkg.(*T).Method.func1"
	File string // as the compiler recorded it: an absolute path, or one made by -trimpath
	Line int
}

// Package returns the import path in the frame's function name.
func (f Frame) Package() string {
	path, _ := f.split()
	return strings.ReplaceAll(path, "%2e", ".") // as the linker writes it (cmd/internal/objabi, PathToPrefix)
}

// split returns the import path, as it is written there, and the rest. Type
// arguments may hold slashes and dots of their own.
func (f Frame) split() (path, rest string) {
	head, _, _ := strings.Cut(f.Func, "[")
	slash := strings.LastIndexByte(head, '/')
	if dot := strings.IndexByte(head[slash+1:], '.'); dot >= 0 {
		return f.Func[:slash+1+dot], f.Func[slash+1+dot+1:]
	}
	return f.Func, ""
}

// Name returns the declared function around the frame, "T.Method" or "f",
// without closures and type arguments.
func (f Frame) Name() string {
	_, name := f.split()
	if i := strings.IndexByte(name, '['); i >= 0 {
		if j := strings.LastIndexByte(name, ']'); j > i {
			name = name[:i] + name[j+1:]
		}
	}
	parts := strings.Split(name, ".")
	if strings.HasPrefix(parts[0], "(") && len(parts) > 1 {
		return strings.Trim(parts[0], "(*)") + "." + strings.TrimSuffix(parts[1], "-fm")
	}
	// T.Method of a value receiver looks like f.func1 of a closure.
	if len(parts) > 1 && !isClosure(parts[1]) {
		return parts[0] + "." + strings.TrimSuffix(parts[1], "-fm")
	}
	return parts[0]
}

// isClosure reports whether the part of a name was made by the compiler: func1,
// gowrap2, deferwrap1, or a number.
func isClosure(part string) bool {
	for _, p := range []string{"func", "gowrap", "deferwrap", ""} {
		if n, ok := strings.CutPrefix(part, p); ok && n != "" && strings.Trim(n, "0123456789-range") == "" {
			return true
		}
	}
	return false
}

// Site is a place at which something happened.
type Site struct {
	Kind  Kind
	Frame         // the caller of the runtime's function; the start of the goroutine for Threads and Timers
	Stack []Frame // the first stack seen, from the site outwards
	Count int
	// Stopped is how long all goroutines stood still, Waited how long the
	// collections took that the caller waited for.
	Stopped, Waited time.Duration
	// First and Last are the times of the first and last event, from the
	// beginning of the recording.
	First, Last time.Duration
	// Burst is the largest number of timers that expired within a millisecond.
	Burst int
}

// Form is what a recording was made by.
type Form string

// The forms.
const (
	Trace      Form = "trace"           // an execution trace
	Profile    Form = "profile"         // of package pprof
	Finalizers Form = "checkfinalizers" // the output under GODEBUG=checkfinalizers=1
)

// Recording is what a file holds.
type Recording struct {
	File     string
	Form     Form
	Duration time.Duration // 0 for profiles
	Sites    []*Site       // dearest first
	// Cut says why the file ended early, "" when it did not.
	Cut string
	// Leaks says that it is a profile of goroutines which nothing can wake. One
	// without any is of no program that could be told.
	Leaks bool
	// packages are those on the stacks, with one file each, and mains the declared
	// functions of package main, to tell whose recording it is.
	packages map[string]string
	mains    map[string]bool
}

// tells reports whether such a recording says something of the rule.
func (r *Recording) tells(rule string) bool {
	for kind, name := range rules {
		if name == rule && kind.form() == r.Form {
			return true
		}
	}
	return false
}

// saw notes whose code the frame is of.
func (r *Recording) saw(f Frame) {
	if r.packages == nil {
		r.packages, r.mains = make(map[string]string), make(map[string]bool)
	}
	pkg := f.Package()
	r.packages[pkg] = f.File
	if pkg == "main" {
		r.mains[f.Name()] = true
	}
}

// Once reports whether the site was reached in a single phase that is short
// beside the recording: a start-up, say. One event alone is one phase.
func (s *Site) Once(total time.Duration) bool {
	return s.Count == 1 || total > 0 && s.Count <= 3 && s.Last-s.First < total/20
}

// Rate returns events a second, 0 where the recording has no duration.
func (s *Site) Rate(total time.Duration) float64 {
	if total <= 0 {
		return 0
	}
	return float64(s.Count) / total.Seconds()
}

// Cost orders sites: the time for which something waited, then how often.
func (s *Site) Cost() time.Duration { return s.Stopped + s.Waited }

func (r *Recording) sort() {
	slices.SortFunc(r.Sites, func(a, b *Site) int {
		return cmp.Or(cmp.Compare(b.Cost(), a.Cost()), cmp.Compare(b.Count, a.Count), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(string(a.Kind), string(b.Kind)))
	})
}

// sameFile reports whether a recorded path names the file rel of a module. The
// recorded one may be of another checkout or made by -trimpath, so the ends are
// compared: all of rel, and for a file at the module's root the folder's name.
func sameFile(recorded, module, rel string) bool {
	recorded = strings.ReplaceAll(recorded, `\`, "/")
	if path.Base(recorded) != path.Base(rel) {
		return false
	}
	// -trimpath writes module@version/rel, or module/rel for the main module.
	if rest, ok := strings.CutPrefix(recorded, module); ok && module != "" {
		if strings.HasPrefix(rest, "@") {
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				rest = rest[i:]
			}
		}
		if strings.HasPrefix(rest, "/") {
			return rest[1:] == rel
		}
	}
	return recorded == rel || strings.HasSuffix(recorded, "/"+rel)
}

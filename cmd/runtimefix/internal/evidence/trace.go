package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/exp/trace"
)

// readAhead is how much of a trace is read at once.
const readAhead = 1 << 20

// room is what the process may take before the collector works harder: a dense trace
// stays below 200 MB so, and a thin one does not pay for that.
const room = 160 << 20

// traceHeader is how a trace begins (internal/trace/version, ReadHeader).
var traceHeader = regexp.MustCompile(`^go (1\.\d+) trace\x00\x00\x00`)

// IsTrace reports whether a file that begins with head is an execution trace.
func IsTrace(head []byte) bool { return traceHeader.Match(head) }

// ReadTrace reads an execution trace as a stream. A trace that ends early gives
// what it holds, with Cut set. progress is told the bytes read so far; it may be
// nil.
func ReadTrace(ctx context.Context, r io.Reader, progress func(int64)) (*Recording, error) {
	// The library makes a second of the trace at a time, and garbage of it.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), room)))
	in := &counted{r: r, progress: progress}
	head := make([]byte, 16)
	if n, err := io.ReadFull(in, head); err != nil {
		head = head[:n]
	}
	m := traceHeader.FindSubmatch(head)
	if m == nil {
		return nil, errors.New("not an execution trace: it does not begin with \"go 1.xx trace\"")
	}
	if old := string(m[1]); len(old) < 4 || old < "1.22" {
		return nil, fmt.Errorf("the trace was written by Go %s or older, whose format must be held in memory whole; take it with Go 1.22 or later", old)
	}
	tr, err := trace.NewReader(io.MultiReader(bytes.NewReader(head), in))
	if err != nil {
		return nil, fmt.Errorf("the trace of Go %s cannot be read: %w", m[1], err)
	}
	c := newCollector()
	for n := 0; ; n++ {
		if n&0xffff == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		ev, err := tr.ReadEvent()
		if err == io.EOF {
			break
		}
		if err != nil {
			if n < 2 {
				return nil, fmt.Errorf("the trace of Go %s cannot be read: %w", m[1], err)
			}
			c.out.Cut = fmt.Sprintf("the trace of Go %s ends early: %v", m[1], err)
			break
		}
		c.event(&ev)
	}
	return c.finish(), nil
}

// counted tells how much was read.
type counted struct {
	r        io.Reader
	n        int64
	progress func(int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	before := c.n / readAhead
	c.n += int64(n)
	if c.progress != nil && c.n/readAhead != before {
		c.progress(c.n)
	}
	return n, err
}

// collector sees all events of a trace, in order. What it does for one that it
// does not look for has to be cheap: there are millions.
type collector struct {
	out         *Recording
	sites       map[siteKey]*Site
	first, last trace.Time
	started     bool
	collecting  *Site      // whose collection runs
	since       trace.Time // it began
	stops       map[trace.GoID]stop
	threads     threads
	starts      map[trace.Stack]*start // start functions by stack, of the present generation
	last4       [4]startOf             // of starts, those asked for last
	next4       int
	goroutines  *living // those that the trace saw begin
}

type siteKey struct {
	kind Kind
	Frame
}

// stop is a stop of the world under way.
type stop struct {
	site *Site
	at   trace.Time
}

// start is a function that goroutines begin in.
type start struct {
	frame  Frame
	system bool // the runtime's own
	timer  *Site
	at     trace.Time // of the burst under way
	burst  int
}

func newCollector() *collector {
	return &collector{
		out:        &Recording{Form: Trace},
		sites:      make(map[siteKey]*Site),
		stops:      make(map[trace.GoID]stop),
		threads:    newThreads(),
		starts:     make(map[trace.Stack]*start),
		goroutines: newLiving(),
	}
}

func (c *collector) event(ev *trace.Event) {
	switch ev.Kind() {
	case trace.EventSync:
		clear(c.starts) // their stacks are of the generation that ends
		c.last4 = [4]startOf{}
		return
	case trace.EventStateTransition:
		c.seen(ev.Time())
		c.transition(ev, c.last)
	case trace.EventRangeBegin:
		c.seen(ev.Time())
		c.begin(ev)
	case trace.EventRangeEnd:
		c.seen(ev.Time())
		c.end(ev)
	}
}

func (c *collector) seen(at trace.Time) {
	c.last = at
	if !c.started {
		c.started, c.first = true, at
	}
}

const (
	markPhase = "GC concurrent mark phase"
	readStop  = "stop-the-world (read mem stats)"
	gcStops   = "stop-the-world (GC "
)

func (c *collector) begin(ev *trace.Event) {
	switch name := ev.Range().Name; {
	case name == markPhase:
		c.collecting, c.since = nil, ev.Time()
		if kind, stack := forced(ev.Stack()); kind != "" {
			c.collecting = c.hit(kind, stack, ev.Time())
		}
	case name == readStop:
		if stack := userFrames(ev.Stack()); len(stack) > 0 {
			c.stops[ev.Goroutine()] = stop{c.hit(Reads, stack, ev.Time()), ev.Time()}
		}
	case strings.HasPrefix(name, gcStops) && c.collecting != nil:
		c.stops[ev.Goroutine()] = stop{c.collecting, ev.Time()}
	}
}

func (c *collector) end(ev *trace.Event) {
	r := ev.Range()
	switch {
	case r.Name == markPhase:
		if c.collecting != nil {
			c.collecting.Waited += time.Duration(ev.Time() - c.since)
		}
		c.collecting = nil
	case strings.HasPrefix(r.Name, "stop-the-world") && r.Scope.Kind == trace.ResourceGoroutine:
		id := r.Scope.Goroutine()
		if s, ok := c.stops[id]; ok {
			s.site.Stopped += time.Duration(ev.Time() - s.at)
			delete(c.stops, id)
		}
	}
}

// hit counts an event of the kind at the first frame of stack.
func (c *collector) hit(kind Kind, stack []Frame, at trace.Time) *Site {
	s := c.site(kind, stack, at)
	c.again(s, at)
	return s
}

// again counts an event at the site.
func (c *collector) again(s *Site, at trace.Time) {
	s.Count++
	s.Last = time.Duration(at - c.first)
}

// site returns the site of the first frame of stack, which counts nothing yet
// where at is the first that is seen of it.
func (c *collector) site(kind Kind, stack []Frame, at trace.Time) *Site {
	k := siteKey{kind, stack[0]}
	s := c.sites[k]
	if s == nil {
		s = &Site{Kind: kind, Frame: stack[0], Stack: stack, First: time.Duration(at - c.first)}
		c.sites[k] = s
		for _, f := range stack {
			c.out.saw(f)
		}
	}
	return s
}

// forced returns the kind of a collection that the program asked for, and the
// stack of who did; "" where the runtime did. FreeOSMemory calls what GC does.
func forced(s trace.Stack) (Kind, []Frame) {
	kind := Kind("")
	for f := range s.Frames() {
		switch {
		case f.Func == "runtime.GC" && kind == "":
			kind = Collections
		case strings.EqualFold(f.Func, "runtime/debug.FreeOSMemory"):
			kind = Releases
		}
	}
	if kind == "" {
		return "", nil
	}
	stack := userFrames(s)
	if len(stack) == 0 {
		return "", nil
	}
	return kind, stack
}

// maxFrames bounds how much of a stack is kept.
const maxFrames = 16

// userFrames returns the frames outside of the runtime, the innermost first.
func userFrames(s trace.Stack) []Frame {
	var out []Frame
	for f := range s.Frames() {
		if len(out) == 0 && (strings.HasPrefix(f.Func, "runtime.") || strings.HasPrefix(f.Func, "runtime/debug.")) {
			continue
		}
		out = append(out, Frame{f.Func, f.File, int(f.Line)})
		if len(out) == maxFrames {
			break
		}
	}
	return out
}

// transition sees a change of state at a time. Each question to ev copies it.
func (c *collector) transition(ev *trace.Event, at trace.Time) {
	t := ev.StateTransition()
	switch t.Resource.Kind {
	case trace.ResourceProc:
		from, to := t.Proc()
		c.threads.proc(ev.Thread(), at, from, to)
	case trace.ResourceGoroutine:
		from, to := t.Goroutine()
		switch {
		case to == trace.GoRunning:
			c.runs(t.Resource.Goroutine(), ev.Thread(), at)
		case from == trace.GoNotExist && to == trace.GoRunnable:
			c.created(t.Resource.Goroutine(), ev, t.Stack)
		case from == trace.GoRunning && to == trace.GoNotExist:
			c.threads.ended(ev.Thread(), at, c.goroutines.end(t.Resource.Goroutine()))
		}
	}
}

// runs sees a goroutine run on a thread.
func (c *collector) runs(id trace.GoID, on trace.ThreadID, at trace.Time) {
	back, fresh := c.threads.runs(on, at)
	if back != nil {
		c.sites[siteKey{Threads, back.frame}].Count--
	}
	if !fresh || c.goroutines.start(id) == nil {
		return
	}
	for _, st := range c.threads.gone(on, at) {
		c.hit(Threads, []Frame{st.frame}, at)
	}
}

// created sees a goroutine begin. One that no goroutine made is the callback of
// a timer (time/sleep.go, goFunc, which the scheduler calls).
func (c *collector) created(id trace.GoID, ev *trace.Event, stack trace.Stack) {
	st := c.startAt(stack)
	c.goroutines.begin(id, st)
	if st.system || ev.Goroutine() != trace.NoGoroutine {
		return
	}
	now := ev.Time()
	if st.timer == nil {
		st.timer = c.site(Timers, []Frame{st.frame}, now)
	}
	c.again(st.timer, now)
	if now-st.at > trace.Time(time.Millisecond) {
		st.at, st.burst = now, 0
	}
	st.burst++
	st.timer.Burst = max(st.timer.Burst, st.burst)
}

// startOf is a start function and a stack of it, in the present generation.
type startOf struct {
	stack trace.Stack
	st    *start
}

// startAt returns the function that the stack of a new goroutine begins in.
func (c *collector) startAt(stack trace.Stack) *start {
	for i := range c.last4 {
		if e := &c.last4[i]; e.st != nil && e.stack == stack {
			return e.st
		}
	}
	st := c.starts[stack]
	if st == nil {
		st = &start{}
		for f := range stack.Frames() {
			st.frame = Frame{f.Func, f.File, int(f.Line)}
		}
		c.out.saw(st.frame)
		st.system = st.frame.Func == "" || strings.HasPrefix(st.frame.Func, "runtime.")
		c.starts[stack] = st
	}
	c.last4[c.next4%len(c.last4)] = startOf{stack, st}
	c.next4++
	return st
}

func (c *collector) finish() *Recording {
	c.out.Duration = time.Duration(c.last - c.first)
	for _, s := range c.sites {
		if s.Count == 0 {
			continue // threads that were not gone after all
		}
		c.out.Sites = append(c.out.Sites, s)
	}
	c.out.sort()
	return c.out
}

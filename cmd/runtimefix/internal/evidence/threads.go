package evidence

import (
	"time"

	"golang.org/x/exp/trace"
)

// threads tells which threads ended because their goroutine did while it was
// locked to them (runtime/proc.go, goexit0 and mexit). A trace has no event for
// that. But a thread is made only when none is idle (startm asks mget first): when
// a new one begins to work, a thread that has given its processor up behind the
// end of a goroutine, and still exists, would have been taken in its stead. So
// such a thread is gone. The last few of a trace stay unknown: the count is a
// lower bound.
type threads struct {
	all map[trace.ThreadID]*thread
	// ending are threads whose goroutine ended and which may be gone, each once.
	ending []*thread
	// recent are the threads asked for last: few work at a time, and there is a
	// question for most events.
	recent [8]struct {
		id trace.ThreadID
		th *thread
	}
}

type thread struct {
	born   trace.Time // its first event
	idle   bool       // it gave its processor up
	since  trace.Time // it did so
	start  *start     // of the goroutine that ended on it, nil when something ran since
	gone   *start     // the same once the thread counts as gone
	fresh  bool       // nothing has run on it yet, and it began by taking a processor
	worked bool       // it had a processor
	listed bool       // it is among those ending
}

func newThreads() threads { return threads{all: make(map[trace.ThreadID]*thread)} }

func (t *threads) thread(id trace.ThreadID, now trace.Time) *thread {
	r := &t.recent[id&7]
	if r.id == id && r.th != nil {
		return r.th
	}
	th := t.all[id]
	if th == nil {
		th = &thread{born: now}
		t.all[id] = th
	}
	r.id, r.th = id, th
	return th
}

// proc sees the thread take or give up a processor.
func (t *threads) proc(id trace.ThreadID, now trace.Time, from, to trace.ProcState) {
	if id == trace.NoThread {
		return
	}
	th := t.thread(id, now)
	if th.born == now && !th.worked {
		th.fresh = from == trace.ProcIdle && to == trace.ProcRunning
	}
	th.idle, th.since, th.worked = to == trace.ProcIdle, now, true
}

// settle is how long a thread may take from giving its processor up to being
// among the idle ones, and a new one from being asked for to its first event: on a
// busy machine each waits for its turn.
const settle = trace.Time(10 * time.Millisecond)

// runs sees the thread run a goroutine. It returns the start function that counted
// as gone with the thread, which was wrong then, and whether the thread is new.
func (t *threads) runs(id trace.ThreadID, now trace.Time) (back *start, fresh bool) {
	if id == trace.NoThread {
		return nil, false
	}
	th := t.thread(id, now)
	if th.start == nil && th.gone == nil && !th.fresh {
		th.idle = false
		return nil, false // it went on, as nearly always
	}
	back, fresh = th.gone, th.fresh
	th.start, th.gone, th.idle, th.fresh = nil, nil, false, false
	return back, fresh
}

// gone returns the start functions of the threads that are gone, since the thread
// id, which now runs its first goroutine, had to be made. That goroutine is one
// that the trace saw begin: for an older one a thread may be woken that is locked
// to it, which is not taken from the idle ones.
func (t *threads) gone(id trace.ThreadID, now trace.Time) (out []*start) {
	born := t.thread(id, now).born
	kept := t.ending[:0]
	for _, e := range t.ending {
		switch {
		case e.start == nil: // it runs something else
			e.listed = false
		case e.idle && e.since+settle < born:
			out = append(out, e.start)
			e.start, e.gone, e.listed = nil, e.start, false
		default:
			kept = append(kept, e)
		}
	}
	t.ending = kept
	return out
}

// ended sees a goroutine end on the thread; st is nil for one older than the trace.
func (t *threads) ended(id trace.ThreadID, now trace.Time, st *start) {
	if id == trace.NoThread || st == nil || st.system {
		return
	}
	th := t.thread(id, now)
	th.start = st
	if !th.listed {
		t.ending, th.listed = append(t.ending, th), true
	}
}

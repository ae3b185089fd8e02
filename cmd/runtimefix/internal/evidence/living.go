package evidence

import "golang.org/x/exp/trace"

// living holds the start of each goroutine that lives. Numbers are handed out
// one after the other and most goroutines are short-lived: those of late are found
// without hashing, the others in a map.
type living struct {
	late [1 << 12]struct {
		id trace.GoID
		st *start
	}
	old map[trace.GoID]*start
}

func newLiving() *living { return &living{old: make(map[trace.GoID]*start)} }

// begin notes that the goroutine begins in st.
func (g *living) begin(id trace.GoID, st *start) {
	e := &g.late[uint64(id)%uint64(len(g.late))]
	if e.st != nil && e.id != id {
		g.old[e.id] = e.st
	}
	e.id, e.st = id, st
}

// start returns where the goroutine began, nil when that is not known.
func (g *living) start(id trace.GoID) *start {
	if e := &g.late[uint64(id)%uint64(len(g.late))]; e.st != nil && e.id == id {
		return e.st
	}
	return g.old[id]
}

// end forgets the goroutine and returns where it began, nil when that is not known.
func (g *living) end(id trace.GoID) *start {
	e := &g.late[uint64(id)%uint64(len(g.late))]
	if e.st != nil && e.id == id {
		st := e.st
		e.st = nil
		return st
	}
	st := g.old[id]
	if st != nil {
		delete(g.old, id)
	}
	return st
}

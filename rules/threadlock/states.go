package threadlock

// A state is what may hold at one point of a function.
type state struct {
	count    int  // how often the thread was locked since the function began: 0, 1, or 2 and more
	deferred int  // how many unlocks are deferred: 0, 1, or 2 and more
	passed   bool // the way here passed a lock
	undone   bool // one of two locks was undone
}

// most is how far locks and deferred unlocks are counted.
const most = 2

// left is how often the thread is still locked when the function ends now.
func (s state) left() int { return s.count - s.deferred }

// held reports whether a function that ends now leaves the thread locked.
func (s state) held() bool { return s.left() > 0 }

// states is a set of states, a bit each.
type states uint64

func stateOf(s state) states {
	i := (s.count*(most+1) + s.deferred) * 4
	if s.undone {
		i += 2
	}
	if s.passed {
		i++
	}
	return 1 << i
}

// each calls f for every member of the set and joins the results.
func (s states) each(f func(state) states) states {
	var out states
	for i := range (most + 1) * (most + 1) * 4 {
		if s&(1<<i) != 0 {
			out |= f(state{i / 4 / (most + 1), i / 4 % (most + 1), i&1 != 0, i&2 != 0})
		}
	}
	return out
}

// only returns the members for which keep holds.
func (s states) only(keep func(state) bool) states {
	return s.each(func(x state) states {
		if keep(x) {
			return stateOf(x)
		}
		return 0
	})
}

// held returns the members in which a function that ends now leaves the thread
// locked.
func (s states) held() states { return s.only(state.held) }

// undone returns the members in which one of two locks is undone and the other is
// not.
func (s states) undone() states {
	return s.held().only(func(x state) bool { return x.undone || x.count > 1 && x.deferred > 0 })
}

// grown returns the members of s in which the thread is locked more often than
// in all members of entry, deferred unlocks taken into account.
func (s states) grown(entry states) states {
	before := 0
	entry.each(func(x state) states { before = max(before, x.left()); return 0 })
	return s.only(func(x state) bool { return x.left() > before })
}

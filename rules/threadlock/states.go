package threadlock

// A state is what may hold at one point of a function.
type state struct {
	count    int  // how often the thread was locked since the function began: 0, 1, or 2 and more
	deferred bool // an unlock is deferred
	passed   bool // the way here passed a lock
}

// held reports whether a function that ends now leaves the thread locked.
func (s state) held() bool { return s.count > 1 || s.count == 1 && !s.deferred }

// states is a set of states, a bit each.
type states uint16

func stateOf(s state) states {
	i := s.count * 4
	if s.deferred {
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
	for i := range 12 {
		if s&(1<<i) != 0 {
			out |= f(state{i / 4, i&2 != 0, i&1 != 0})
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

// grown returns the members of s in which the thread is locked more often than
// in all members of entry, deferred unlocks taken into account.
func (s states) grown(entry states) states {
	most := 0
	entry.each(func(x state) states { most = max(most, x.count); return 0 })
	return s.only(func(x state) bool { return x.count > most && !(x.deferred && x.count == most+1) })
}

package evidence

import (
	"cmp"
	"fmt"
	"slices"
)

// level sums up a profile of goroutines. An alert on their number stands in another
// function than those that they begin in: all of them are what it is about.
func (r *Recording) level() (Item, bool) {
	x := Item{Form: r.Form, Kind: Goroutines, File: r.File, Ranks: true}
	if r.Leaks {
		x.Kind, x.Ranks = Leaks, len(r.Sites) == 0
	} else if len(r.Sites) == 0 || r.Sites[0].Kind != Goroutines {
		return Item{}, false
	}
	for _, s := range r.Sites {
		x.Count += s.Count
	}
	if len(r.Sites) > 0 {
		most := slices.MaxFunc(r.Sites, func(a, b *Site) int { return cmp.Compare(a.Count, b.Count) })
		x.most = fmt.Sprintf("%d of them began in %s", most.Count, most.Func)
	}
	return x, true
}

// level says it for people.
func (i Item) level() string {
	what, goroutines := "", "goroutines"
	if i.Kind == Leaks {
		what = " that nothing can wake"
	}
	switch i.Count {
	case 0:
		return "no goroutine" + what
	case 1:
		goroutines = "goroutine"
	}
	return fmt.Sprintf("%d %s%s: %s", i.Count, goroutines, what, i.most)
}

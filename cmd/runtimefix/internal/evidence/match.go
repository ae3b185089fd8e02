package evidence

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Item is what one recording says of one finding.
type Item struct {
	Form      Form
	Kind      Kind
	File      string // the recording's name
	Count     int
	PerSecond float64 // 0 where the recording has no duration
	Seconds   float64 // for which all stood still or somebody waited
	Once      bool    // one phase that is short beside the recording
	Moved     bool    // the line differs: the program was built from other source
	Ranks     bool    // it only ranks: a profile
	total     time.Duration
	burst     int
	within    time.Duration // the start of the recording that all happened in, 0 when it went on
	most      string        // the function that most of the goroutines began in
}

// Text says it for people, without the recording's name.
func (i Item) Text() string {
	text := fmt.Sprintf("%d %s", i.Count, i.Kind)
	if i.Count == 1 {
		text = "1 " + strings.TrimSuffix(string(i.Kind), "s")
	}
	if i.Kind == Threads {
		text = fmt.Sprintf("%d goroutines that ended locked, each with its thread", i.Count)
	}
	if i.Kind == Timers {
		text = fmt.Sprintf("%d callbacks of timers, up to %d within a millisecond", i.Count, i.burst)
	}
	if i.Kind == Goroutines || i.Kind == Leaks {
		return i.level()
	}
	if i.total > 0 && i.PerSecond > 0 {
		text += fmt.Sprintf(" in %s, %s a second", short(i.total), number(i.PerSecond))
	}
	if i.Seconds > 0 && i.Count > 0 {
		text += fmt.Sprintf(", %s each", short(time.Duration(i.Seconds/float64(i.Count)*float64(time.Second))))
	}
	if i.within > 0 && i.Count > 1 {
		text += fmt.Sprintf(", all within the first %s", short(i.within))
	}
	if i.Moved {
		text += "; the line has moved since"
	}
	return text
}

// Verdict says what follows from it: confirmed, seen once, or a rank.
func (i Item) Verdict() string {
	switch {
	case i.Ranks:
		return "ranked"
	case i.Once:
		return "seen once"
	}
	return "confirmed"
}

// short writes a duration with two digits or so.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.0f µs", float64(d)/1e3)
}

// number writes a rate with two significant digits or so.
func number(x float64) string {
	if x >= 10 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2g", math.Round(x*100)/100)
}

// Match returns what the recordings say of each finding, by index. A site belongs
// to one finding: that of its rule in the same function nearest to its line.
func (t *Tree) Match(findings []rewrite.Found, recs []*Recording) [][]Item {
	out := make([][]Item, len(findings))
	places := make([]place, len(findings))
	for i, f := range findings {
		places[i] = t.place(f.Pos, f.Source)
	}
	for _, rec := range recs {
		level, isLevel := rec.level()
		for i, f := range findings {
			if isLevel && f.Rule == Goroutines.Rule() {
				out[i] = append(out[i], level)
			}
		}
		for _, s := range rec.Sites {
			if isLevel {
				break
			}
			best := nearest(findings, s, func(i int) bool { return places[i].holds(s.Frame) })
			if best < 0 {
				best = nearest(findings, s, func(i int) bool { return t.beyond(places[i], s) })
			}
			if best >= 0 {
				out[best] = append(out[best], item(rec, s, findings[best].Pos.Line))
			}
		}
	}
	for i := range out {
		out[i] = merged(out[i])
	}
	return out
}

// nearest returns the index of the finding of the site's rule at a fitting place
// that is nearest to its line, -1 when there is none.
func nearest(findings []rewrite.Found, s *Site, fits func(int) bool) int {
	best := -1
	for i, f := range findings {
		if about(s.Kind, f.Rule) && fits(i) && (best < 0 || abs(f.Pos.Line-s.Line) < abs(findings[best].Pos.Line-s.Line)) {
			best = i
		}
	}
	return best
}

// about reports whether what happened says something of the rule. A CPU profile
// ranks whatever the rule is.
func about(k Kind, rule string) bool { return k == Samples || k.Rule() == rule }

func item(rec *Recording, s *Site, line int) Item {
	x := Item{
		Form: rec.Form, Kind: s.Kind, File: rec.File, Count: s.Count, PerSecond: s.Rate(rec.Duration), Seconds: s.Cost().Seconds(),
		Once: s.Once(rec.Duration) && s.Kind != Cycles, Moved: line != s.Line && s.Kind != Threads && s.Kind != Timers && s.Kind != Samples && s.Kind != Cycles,
		Ranks: s.Kind == Samples, total: rec.Duration, burst: s.Burst,
	}
	if s.Last > 0 && s.Last < rec.Duration/startUp {
		x.within = s.Last
	}
	return x
}

// startUp is the part of a recording that counts as its start.
const startUp = 10

// merged joins the items of one recording and kind: several lines of a function
// may belong to one finding.
func merged(list []Item) []Item {
	var out []Item
	for _, x := range list {
		i := slices.IndexFunc(out, func(o Item) bool { return o.File == x.File && o.Kind == x.Kind })
		if i < 0 {
			out = append(out, x)
			continue
		}
		o := &out[i]
		o.Count, o.PerSecond, o.Seconds = o.Count+x.Count, o.PerSecond+x.PerSecond, o.Seconds+x.Seconds
		o.Once, o.Moved, o.burst = o.Once && x.Once, o.Moved && x.Moved, max(o.burst, x.burst)
		if o.within != 0 && x.within != 0 {
			o.within = max(o.within, x.within)
		} else {
			o.within = 0
		}
	}
	return out
}

// Cost orders findings by what was measured: those that were seen again and again
// before those seen once, then by the time lost, then by how often.
func Cost(a, b []Item) int {
	ra, rb := rank(a), rank(b)
	return cmp.Or(cmp.Compare(rb.class, ra.class), cmp.Compare(rb.seconds, ra.seconds), cmp.Compare(rb.count, ra.count))
}

// Rank returns how much the evidence makes a finding matter, from 0 to 100: what
// was seen again and again is in the upper half, by the share of time lost.
func Rank(list []Item) float64 {
	r := rank(list)
	var total time.Duration
	for _, x := range list {
		total = max(total, x.total)
	}
	share := 0.0
	if total > 0 {
		share = min(1, r.seconds/total.Seconds())
	}
	return math.Round(float64(r.class)*20 + 20*share)
}

type ranking struct {
	class   int
	seconds float64
	count   int
}

func rank(list []Item) (r ranking) {
	for _, x := range list {
		class := 2
		switch x.Verdict() {
		case "confirmed":
			class = 4
		case "seen once":
			class = 1
		}
		if x.Count == 0 {
			class = 1 // nothing leaked
		}
		r.class = max(r.class, class)
		r.seconds += x.Seconds
		r.count += x.Count
	}
	return r
}

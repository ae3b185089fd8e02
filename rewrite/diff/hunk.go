package diff

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Hunk is one difference between two sequences: elements Old[OldStart:OldEnd]
// give way to New[NewStart:NewEnd]. Indices count from zero, ends are
// exclusive, and either side may be empty, not both.
type Hunk struct {
	OldStart, OldEnd int
	NewStart, NewEnd int
}

// Lines returns the differences between a and b, in lines as SplitLines cuts
// them, in ascending order. Two hunks never touch: at least one equal line lies
// between them.
func Lines(a, b []byte) []Hunk {
	return Sequences(SplitLines(a), SplitLines(b))
}

// SplitLines cuts text after every LF. Each line keeps its LF (and a CR before
// it); only the last may lack one. An empty text has no lines.
func SplitLines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	s := string(text)
	lines := make([]string, 0, bytes.Count(text, []byte("\n"))+1)
	for len(s) > 0 {
		end := len(s)
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			end = i + 1
		}
		lines = append(lines, s[:end])
		s = s[end:]
	}
	return lines
}

// The library compares sequences of runes, so an element becomes a rune. Those
// that do not survive a trip through a string are left out: the surrogates.
const (
	surrogateMin = 0xD800
	surrogateMax = 0xDFFF
	maxDistinct  = utf8.MaxRune + 1 - (surrogateMax - surrogateMin + 1)
)

// Sequences returns a smallest set of differences between two sequences, in
// ascending order. It is the same for the same input on every machine. Where
// the middles that are left without their common ends share more than
// 1,112,064 distinct elements, they come back as one hunk.
func Sequences[T comparable](a, b []T) []Hunk {
	prefix := 0
	for prefix < len(a) && prefix < len(b) && a[prefix] == b[prefix] {
		prefix++
	}
	suffix := 0
	for suffix < len(a)-prefix && suffix < len(b)-prefix && a[len(a)-1-suffix] == b[len(b)-1-suffix] {
		suffix++
	}
	midA, midB := a[prefix:len(a)-suffix], b[prefix:len(b)-suffix]
	if len(midA) == 0 && len(midB) == 0 {
		return nil
	}
	whole := []Hunk{{prefix, len(a) - suffix, prefix, len(b) - suffix}}
	if len(midA) == 0 || len(midB) == 0 {
		return whole
	}

	runesA, runesB, atA, atB, ok := asRunes(midA, midB, prefix)
	if !ok {
		return whole
	}
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0 // any other value makes the result depend on the machine's speed
	var hunks []Hunk
	open := Hunk{OldStart: prefix, NewStart: prefix}
	closeAt := func(oldEnd, newEnd int) {
		if open.OldStart < oldEnd || open.NewStart < newEnd {
			open.OldEnd, open.NewEnd = oldEnd, newEnd
			hunks = append(hunks, open)
		}
	}
	i, j := 0, 0
	for _, d := range dmp.DiffMainRunes(runesA, runesB, false) {
		n := utf8.RuneCountInString(d.Text)
		switch d.Type {
		case diffmatchpatch.DiffDelete:
			i += n
		case diffmatchpatch.DiffInsert:
			j += n
		case diffmatchpatch.DiffEqual:
			for range n {
				closeAt(atA[i], atB[j])
				open.OldStart, open.NewStart = atA[i]+1, atB[j]+1
				i++
				j++
			}
		}
	}
	closeAt(len(a)-suffix, len(b)-suffix)
	return hunks
}

// asRunes returns two sequences as texts for the library, and where in the whole
// each of their runes stands; prefix comes before both. ok is false where they
// share more distinct elements than there are runes.
func asRunes[T comparable](a, b []T, prefix int) (runesA, runesB []rune, atA, atB []int, ok bool) {
	// An element that only one side has can match nothing. Leaving such
	// elements out changes no result, and keeps two long texts without anything
	// in common from costing the square of their length.
	inA := make(map[T]struct{}, len(a))
	for _, v := range a {
		inA[v] = struct{}{}
	}
	runeOf := make(map[T]rune)
	runesB, atB = make([]rune, 0, len(b)), make([]int, 0, len(b))
	for i, v := range b {
		if _, ok := inA[v]; !ok {
			continue
		}
		r, ok := runeOf[v]
		if !ok {
			if len(runeOf) == maxDistinct {
				return nil, nil, nil, nil, false
			}
			r = rune(len(runeOf))
			if r >= surrogateMin {
				r += surrogateMax - surrogateMin + 1
			}
			runeOf[v] = r
		}
		runesB, atB = append(runesB, r), append(atB, prefix+i)
	}
	runesA, atA = make([]rune, 0, len(a)), make([]int, 0, len(a))
	for i, v := range a {
		if r, ok := runeOf[v]; ok {
			runesA, atA = append(runesA, r), append(atA, prefix+i)
		}
	}
	return runesA, runesB, atA, atB, true
}

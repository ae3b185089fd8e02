package about

import "testing"

func TestRemoved(t *testing.T) {
	for _, test := range []struct {
		words   []string
		comment string
		want    bool
	}{
		{nil, "// Give the memory back.", true},
		{nil, "// run the GC", true},
		{nil, "// gcd of both", false},
		{nil, "// carefree", false},
		{nil, "// Then the next one.", false},
		{[]string{"NumCPU"}, "// as numcpu says", true},
		{[]string{"NumCPU"}, "// as configured", false},
	} {
		if got := Removed(test.words...)(test.comment, true); got != test.want {
			t.Errorf("%q about %q: %v", test.comment, test.words, got)
		}
	}
}

// A comment above several statements goes with the first when it names what that does,
// and nothing else.
func TestRemovedBesideOthers(t *testing.T) {
	for comment, want := range map[string]bool{
		"// for multi-cpu scheduling": true,
		"// use all cores":            true,
		"// Force GC.":                true,
		"// free memory":              false, // which the next statement may do, too
		"// collect, then count":      false,
		"// gc, then count":           false,
		"// Use all the cores that the machine has for this": false,
		"// all cores\n// and the pool":                      false,
	} {
		if got := Removed("collect")(comment, false); got != want {
			t.Errorf("%q: %v", comment, got)
		}
	}
}

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
		if got := Removed(test.words...)(test.comment); got != test.want {
			t.Errorf("%q about %q: %v", test.comment, test.words, got)
		}
	}
}

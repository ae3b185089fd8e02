package suggest

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"rules", "explain", "forcedgc", "gctrace", "--tags", "--tests"}
	for in, want := range map[string]string{
		"ruls": "rules", "rulse": "rules", "forcegc": "forcedgc", "forced-gc": "forcedgc", "--tag": "--tags", "--test": "--tests",
		"gctracer": "gctrace", "nosuch": "", "exp": "explain", "--t": "", "ru": "", "x": "", "": "",
	} {
		if got := Nearest(in, words); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestFlag(t *testing.T) {
	known := []string{"--diff", "--format", "--verbose"}
	for in, want := range map[string]string{
		"verbsoe": "; did you mean --verbose?", "dry-run": "; did you mean --diff?", "json": "; did you mean --format json?", "nosuch": "",
		"list": "; did you mean runtimefix rules?", "silent": "",
	} {
		if got := Flag(in, known); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

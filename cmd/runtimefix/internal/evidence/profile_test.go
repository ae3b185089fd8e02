package evidence

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Profiles that a real program records: a warm pool is in that of all goroutines,
// and not in that of those that leaked, which Go 1.27 has.
func TestLeaks(t *testing.T) {
	dir := t.TempDir()
	all, leaked := filepath.Join(dir, "all.pb.gz"), filepath.Join(dir, "leaked.pb.gz")
	cmd := exec.Command("go", "run", ".", all, leaked)
	cmd.Dir = filepath.Join("testdata", "leaking")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	counts := func(path string, kind Kind) map[string]int {
		r, err := Read(context.Background(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Leaks != (kind == Leaks) {
			t.Errorf("%s: leaks %v", filepath.Base(path), r.Leaks)
		}
		got := make(map[string]int)
		for _, s := range r.Sites {
			if s.Kind != kind {
				t.Errorf("%s: kind %s", filepath.Base(path), s.Kind)
			}
			got[s.Name()] += s.Count
		}
		return got
	}
	if got := counts(all, Goroutines); got["warm"] != 149 || got["ask"] != 20 {
		t.Errorf("goroutines: %v", got)
	}
	if _, err := os.Stat(leaked); err != nil {
		t.Skip("this Go has no goroutineleak profile")
	}
	if got := counts(leaked, Leaks); got["warm"] != 0 || got["ask"] != 20 {
		t.Errorf("leaks: %v", got)
	}
}

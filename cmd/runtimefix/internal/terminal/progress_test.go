package terminal

import (
	"bytes"
	"testing"
	"time"
)

// In a log of CI what a long run is at stands on lines of its own, until the run
// is over; elsewhere nothing does.
func TestProgressLog(t *testing.T) {
	for ci, want := range map[string]string{
		"true":  "runtimefix: after 25 s: type-checking: a\\x1bb\nruntimefix: after 25 s: rules\n",
		"false": "",
		"":      "",
	} {
		t.Setenv("CI", ci)
		var out bytes.Buffer
		p := NewProgress(&out)
		p.start = time.Now().Add(-25 * time.Second)
		p.logged() // nothing to say yet
		p.Stage("type-checking: a\x1bb")
		p.logged()
		p.Stage("rules")
		p.logged()
		p.Clear()
		p.logged()
		if out.String() != want {
			t.Errorf("CI=%s: %q, want %q", ci, out.String(), want)
		}
	}
}

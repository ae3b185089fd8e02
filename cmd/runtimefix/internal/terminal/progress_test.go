package terminal

import (
	"bytes"
	"testing"
	"time"

	"github.com/creack/pty"
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

// On a terminal one line says what a run of more than a second is at, and is gone
// when that is over.
func TestProgressOnTerminal(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	p := NewProgress(tty)
	p.Stage("loading") // nobody has waited yet
	p.start = time.Now().Add(-2 * time.Second)
	p.Stage("reading a.trace: 3 MiB")
	p.Clear()
	p.Stage("over")
	want := "\r\x1b[Kreading a.trace: 3 MiB ...\r\x1b[K"
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		b := make([]byte, 256)
		n, err := master.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b[:n]...)
	}
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

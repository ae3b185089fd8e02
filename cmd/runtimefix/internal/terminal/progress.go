package terminal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
)

// logInterval is the time between two lines of progress in a log of CI.
const logInterval = 10 * time.Second

// A Progress shows on a terminal what a run of more than a second is at, and says it
// in the log of a CI run (CI is set) from time to time: some take a run that is
// silent for long for dead.
type Progress struct {
	w     io.Writer
	log   io.Writer // of CI, nil on a terminal and elsewhere
	start time.Time
	mu    sync.Mutex
	shown bool
	text  string
	timer *time.Timer
}

// NewProgress begins to show what a run is at on w, which is standard error as a rule.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{start: time.Now()}
	if Is(w) {
		p.w = w
		p.timer = time.AfterFunc(time.Second, p.show)
	} else if ci := os.Getenv("CI"); ci != "" && ci != "0" && ci != "false" {
		p.log = w
		p.mu.Lock() // logged uses the timer
		defer p.mu.Unlock()
		p.timer = time.AfterFunc(logInterval, p.logged)
	}
	return p
}

// logged writes a line, and again after a while.
func (p *Progress) logged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log == nil {
		return // it is over
	}
	if p.text != "" {
		fmt.Fprintln(p.log, printable.Text(fmt.Sprintf("runtimefix: after %d s: %s", int(time.Since(p.start).Seconds()), p.text)))
	}
	p.timer.Reset(logInterval)
}

// Stage says what the run is at from now on.
func (p *Progress) Stage(text string) {
	p.mu.Lock()
	p.text = text
	p.mu.Unlock()
	if p.w != nil && time.Since(p.start) > time.Second {
		p.show()
	}
}

func (p *Progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil && p.text != "" {
		fmt.Fprintf(p.w, "\r\x1b[K%s ...", p.text)
		p.shown = true
	}
}

// Clear ends it and leaves nothing on the terminal.
func (p *Progress) Clear() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.w, p.log = nil, nil
}

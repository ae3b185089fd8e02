package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth returns the number of columns of the terminal w, 0 when it is
// none.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil || width < 40 {
		return 0 // too narrow to break at words
	}
	return width
}

// useColor decides whether output to w is coloured. NO_COLOR, when not empty,
// turns off what nobody asked for by name (https://no-color.org); FORCE_COLOR
// and CLICOLOR_FORCE turn it on where w is no terminal, as CI logs are none
// (https://force-color.org, https://bixense.com/clicolors).
func useColor(mode string, w io.Writer) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	for _, name := range []string{"FORCE_COLOR", "CLICOLOR_FORCE"} {
		if v := os.Getenv(name); v != "" && v != "0" && v != "false" {
			return true
		}
	}
	return os.Getenv("CLICOLOR") != "0" && os.Getenv("FORCE_COLOR") != "0" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

// logInterval is the time between two lines of progress in a log of CI.
const logInterval = 10 * time.Second

// progress shows on a terminal what a run of more than a second is at, and says it
// in the log of a CI run (CI is set) from time to time: some take a run that is
// silent for long for dead.
type progress struct {
	w     io.Writer
	log   io.Writer // of CI, nil on a terminal and elsewhere
	start time.Time
	mu    sync.Mutex
	shown bool
	text  string
	timer *time.Timer
}

func newProgress(w io.Writer) *progress {
	p := &progress{start: time.Now()}
	if isTerminal(w) {
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
func (p *progress) logged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log == nil {
		return // it is over
	}
	if p.text != "" {
		writeText(p.log, "runtimefix: after %d s: %s", int(time.Since(p.start).Seconds()), p.text)
	}
	p.timer.Reset(logInterval)
}

func (p *progress) stage(text string) {
	p.mu.Lock()
	p.text = text
	p.mu.Unlock()
	if p.w != nil && time.Since(p.start) > time.Second {
		p.show()
	}
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil && p.text != "" {
		fmt.Fprintf(p.w, "\r\x1b[K%s ...", p.text)
		p.shown = true
	}
}

func (p *progress) clear() {
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

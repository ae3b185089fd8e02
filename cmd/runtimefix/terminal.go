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

// useColor decides whether output to w is coloured. NO_COLOR, when not empty,
// turns off what nobody asked for by name (https://no-color.org).
func useColor(mode string, w io.Writer) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

// progress shows on a terminal what a run of more than a second is at.
type progress struct {
	w     io.Writer
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
	}
	return p
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
	p.w = nil
}

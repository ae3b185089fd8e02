// Package terminal answers what the terminal of a run can show, and shows what the
// run is at.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width returns the number of columns of the terminal w, 0 when it is none.
func Width(w io.Writer) int {
	if !Is(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil || width < 40 {
		return 0 // too narrow to break at words
	}
	return width
}

// Color decides whether output to w is coloured: mode is always, never or auto. NO_COLOR, when not empty,
// turns off what nobody asked for by name (https://no-color.org); FORCE_COLOR
// and CLICOLOR_FORCE turn it on where w is no terminal, as CI logs are none
// (https://force-color.org, https://bixense.com/clicolors).
func Color(mode string, w io.Writer) bool {
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
	return os.Getenv("CLICOLOR") != "0" && os.Getenv("FORCE_COLOR") != "0" && os.Getenv("TERM") != "dumb" && Is(w)
}

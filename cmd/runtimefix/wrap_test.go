package main

import (
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
)

// On a terminal long lines are broken at words, safe and unsafe fixes have
// colours of their own, and no word is lost.
func TestTerminal(t *testing.T) {
	bin := program(t)
	sampleDir(t)
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	plain, _ := exec.Command(bin).Output()
	show := func(width uint16) string {
		t.Helper()
		cmd := exec.Command(bin)
		tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: width})
		if err != nil {
			t.Skip(err)
		}
		defer tty.Close()
		out, _ := io.ReadAll(tty) // the terminal ends with an error
		cmd.Wait()
		return strings.ReplaceAll(string(out), "\r\n", "\n")
	}
	shown := show(60)
	if !strings.Contains(shown, "\x1b[32mfix (safe):\x1b[0m") {
		t.Errorf("no colours in\n%q", shown)
	}
	// What a slow run showed meanwhile is erased.
	text := regexp.MustCompile(`(?m)^.*\x1b\[K`).ReplaceAllString(shown, "")
	text = regexp.MustCompile(`\r|\x1b\[[0-9;]*m`).ReplaceAllString(text, "")
	findings, _, _ := strings.Cut(text, "\n2 findings: ") // the commands below it stay whole
	for line := range strings.Lines(findings) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 60 && !strings.Contains(line, " | ") {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	words := strings.Join(strings.Fields(text), " ")
	if want := strings.Join(strings.Fields(string(plain)), " "); !strings.Contains(words, want) {
		t.Errorf("the words differ:\n%s\nwithout a terminal:\n%s", words, want)
	}
	if !strings.Contains(text, "\n      ") {
		t.Errorf("no line is broken:\n%s", text)
	}
	// Where it would make no sense lines stay whole.
	if narrow := show(20); !strings.Contains(narrow, "each call waits for a whole collection that the pacer") {
		t.Errorf("broken for a terminal of 20 columns:\n%s", narrow)
	}
}

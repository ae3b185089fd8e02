package main

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
)

var update = flag.Bool("update", false, "write docs/run.svg")

// pictureArgs is the command line of the picture in the README.
var pictureArgs = []string{"-C", "thumbnails", "--rules", "threadlock,gctrace,publicpprof"}

// TestPicture checks that the picture in the README shows what the command
// shows on a terminal:
//
//	go test ./cmd/runtimefix -run TestPicture -update
func TestPicture(t *testing.T) {
	const columns = 120
	cmd := exec.Command(program(t), pictureArgs...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 60, Cols: columns})
	if err != nil {
		t.Skip(err)
	}
	defer tty.Close()
	out, _ := io.ReadAll(tty) // the terminal ends with an error
	cmd.Wait()
	screen := strings.ReplaceAll(string(out), "\r\n", "\n")
	// The progress, where the machine was slow.
	screen = regexp.MustCompile(`\r\x1b\[K[^\n\r]*\r\x1b\[K`).ReplaceAllString(screen, "")
	got := picture("$ runtimefix "+strings.Join(pictureArgs, " ")+"\n"+screen, columns)
	path := filepath.Join("docs", "run.svg")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/run.svg is not what the command shows (%v): run go test ./cmd/runtimefix -run TestPicture -update\n%s", err, screen)
	}
}

var (
	sgr = regexp.MustCompile(`\x1b\[(\d*)m`)
	// The styles of the report, by the number of the sequence.
	styles = map[string]string{"1": `font-weight="bold" fill="#ffffff"`, "31": `fill="#ff7b72"`, "32": `fill="#7ee787"`, "33": `fill="#e3b341"`, "36": `fill="#79c0ff"`}
)

// picture draws what a terminal shows.
func picture(screen string, columns int) []byte {
	const width, height, margin = 8.4, 19, 16 // of a letter at 14 px, of a line
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	var b bytes.Buffer
	w, h := int(float64(columns)*width)+2*margin, len(lines)*height+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="runtimefix in a terminal">`+"\n", w, h, w, h)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>`+"\n")
	fmt.Fprintf(&b, `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#c9d1d9" xml:space="preserve">`+"\n")
	style := ""
	for i, line := range lines {
		line = expandTabs(line)
		fmt.Fprintf(&b, `<text x="%d" y="%d">`, margin, margin+14+i*height)
		for line != "" {
			m := sgr.FindStringSubmatchIndex(line)
			text := line
			if m != nil {
				text = line[:m[0]]
			}
			if text != "" {
				fmt.Fprintf(&b, "<tspan %s>%s</tspan>", style, html.EscapeString(text))
			}
			if m == nil {
				break
			}
			style, line = styles[line[m[2]:m[3]]], line[m[1]:]
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// expandTabs replaces tabs by blanks up to every eighth column.
func expandTabs(line string) string {
	var b strings.Builder
	column := 0
	for i := 0; i < len(line); {
		if m := sgr.FindStringIndex(line[i:]); m != nil && m[0] == 0 {
			b.WriteString(line[i : i+m[1]])
			i += m[1]
			continue
		}
		c, size := utf8.DecodeRuneInString(line[i:])
		n := 1
		if c == '\t' {
			n = 8 - column%8
			b.WriteString(strings.Repeat(" ", n))
		} else {
			b.WriteRune(c)
		}
		column += n
		i += size
	}
	return b.String()
}

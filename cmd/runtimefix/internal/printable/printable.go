// Package printable makes text that others wrote fit for a terminal and for the
// log of a CI system: names of files, source lines, comments and what the go
// command says may hold sequences that move the cursor, colour the rest or look
// like a command to the system that reads the log.
package printable

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// isControl reports whether c steers a terminal or the direction of the text
// around it: C0 and DEL, C1, the line and paragraph separators, and the
// bidirectional controls, which make a line read as another one.
func isControl(c rune) bool {
	return c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x061c || c == 0x200e || c == 0x200f ||
		c >= 0x2028 && c <= 0x202e || c >= 0x2066 && c <= 0x2069
}

// escape writes control characters but those of keep as Go does in a string
// literal, bytes that are no UTF-8 as \x and their number, and breaks the words
// by which GitHub's and Azure's runners know a command anywhere in a line.
func escape(s, keep string) string {
	plain := utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return isControl(c) && !strings.ContainsRune(keep, c) }) < 0
	if plain && !strings.Contains(s, "##[") && !strings.Contains(s, "##vso[") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case isControl(c) && !strings.ContainsRune(keep, c):
			b.WriteString(escaped(c))
		case strings.HasPrefix(s[i:], "##[") || strings.HasPrefix(s[i:], "##vso["):
			b.WriteString(`\x23`)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func escaped(c rune) string {
	switch c {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	if c < 0x80 {
		return fmt.Sprintf(`\x%02x`, c)
	}
	return fmt.Sprintf(`\u%04x`, c)
}

// Line returns s as one line of printable text. Tabs stay.
func Line(s string) string { return escape(s, "\t") }

// Text returns s as printable text of several lines. Those behind the first are
// indented, and none reads as a workflow command, which may be indented, too.
func Text(s string) string {
	s = escape(strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\r\n", "\n"), "\t\n")
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if i > 0 {
			lines[i] = "    " + Start(line)
		}
	}
	return strings.Join(lines, "\n")
}

// Start returns a line of printable text that can stand at the start of a line:
// a workflow command, which begins with two colons, loses the first.
func Start(line string) string {
	rest := strings.TrimLeft(line, " \t")
	if !strings.HasPrefix(rest, "::") {
		return line
	}
	return line[:len(line)-len(rest)] + `\x3a` + rest[1:]
}

// Path returns a file name as one line of printable text that can stand at the
// start of a line.
func Path(s string) string {
	if strings.HasPrefix(strings.TrimLeft(s, " \t"), "::") {
		s = "./" + s
	}
	return escape(s, "")
}

// JSON returns the JSON text data without characters that steer a terminal and
// without commands to a runner: both can stand in its strings only, where an
// escape means the same.
func JSON(data []byte) []byte {
	data = bytes.ReplaceAll(data, []byte("##["), []byte(`#\u0023[`))
	data = bytes.ReplaceAll(data, []byte("##vso["), []byte(`#\u0023vso[`))
	if bytes.IndexFunc(data, isOdd) < 0 {
		return data
	}
	var b bytes.Buffer
	for _, c := range string(data) {
		if isOdd(c) {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.Bytes()
}

// isOdd reports whether c is a control character that the JSON encoder leaves.
func isOdd(c rune) bool { return c >= 0x7f && isControl(c) }

// File returns the content of a file for a reader, not for a program: its lines
// keep their ends.
func File(data []byte) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	for i, line := range lines {
		end := len(line)
		for _, c := range []byte("\n\r") {
			if end > 0 && line[end-1] == c {
				end--
			}
		}
		lines[i] = append([]byte(Line(string(line[:end]))), line[end:]...)
	}
	return bytes.Join(lines, nil)
}

package diff

import (
	"fmt"
	"strings"
)

// quote returns name as git writes it in a header: within double quotes and
// with the escapes of C if it holds a control character, a quote, a backslash
// or a byte outside ASCII, else as it is.
func quote(name string) string {
	plain := true
	for i := range len(name) {
		if c := name[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
		}
	}
	if plain {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		c := name[i]
		if k := strings.IndexByte("\a\b\t\n\v\f\r\"\\", c); k >= 0 {
			b.WriteByte('\\')
			b.WriteByte(`abtnvfr"\`[k])
		} else if c < ' ' || c >= 0x7f {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// endName ends a name on a --- or +++ line. Readers take a blank in an unquoted
// name for the start of a time stamp, unless a tab follows the name.
func endName(quoted string) string {
	if strings.ContainsRune(quoted, ' ') && quoted[0] != '"' {
		return quoted + "\t"
	}
	return quoted
}

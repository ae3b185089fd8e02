// Package hcl splits files of HCL (Nomad, Terraform) into tokens.
package hcl

import (
	"bytes"
	"strings"

	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// Token is a token of HCL: a word, a string with its quotes, a here-document,
// a line break, or a character of punctuation. Comments are none.
type Token struct {
	Kind byte // 'w', 's', 'h', '\n' or the character itself
	At   span.Span
	Text string
}

// Tokens splits src, a file of HCL; nil where it does not read like one.
func Tokens(src []byte) []Token {
	var out []Token
	for i := 0; i < len(src); {
		c := src[i]
		end := i + 1
		kind := c
		switch {
		case c == ' ' || c == '\t' || c == '\r' || i == 0 && bytes.HasPrefix(src, []byte("\xef\xbb\xbf")):
			i++
			if c == 0xef {
				i += 2
			}
			continue
		case c == '#' || bytes.HasPrefix(src[i:], []byte("//")):
			i = len(bytes.TrimSuffix(src[:span.LineEnd(src, i)], []byte("\n")))
			continue
		case bytes.HasPrefix(src[i:], []byte("/*")):
			n := bytes.Index(src[i+2:], []byte("*/"))
			if n < 0 {
				return nil
			}
			i += n + 4
			continue
		case c == '"':
			if end = stringEnd(src, i); end < 0 {
				return nil
			}
			kind = 's'
		case bytes.HasPrefix(src[i:], []byte("<<")):
			if end = heredocEnd(src, i); end < 0 {
				return nil
			}
			kind = 'h'
		case IsWordByte(c):
			for end < len(src) && (IsWordByte(src[end]) || src[end] == '.') {
				end++
			}
			kind = 'w'
		}
		out = append(out, Token{kind, span.Span{Off: i, End: end}, string(src[i:end])})
		i = end
	}
	return out
}

// IsWordByte reports whether c may be part of a word.
func IsWordByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// stringEnd returns the end of the string that begins at i, -1 where it has none
// on its line. Templates in it may hold strings of their own.
func stringEnd(src []byte, i int) int {
	depth := 0
	for j := i + 1; j < len(src) && src[j] != '\n'; j++ {
		switch {
		case src[j] == '\\':
			j++
		case (src[j] == '$' || src[j] == '%') && j+1 < len(src) && src[j+1] == '{':
			depth, j = depth+1, j+1
		case src[j] == '}' && depth > 0:
			depth--
		case src[j] == '"' && depth > 0:
			end := stringEnd(src, j)
			if end < 0 {
				return -1
			}
			j = end - 1
		case src[j] == '"':
			return j + 1
		}
	}
	return -1
}

// heredocEnd returns the end of the here-document that begins at i: behind its
// closing mark.
func heredocEnd(src []byte, i int) int {
	eol := span.LineEnd(src, i)
	mark := strings.TrimPrefix(strings.TrimSpace(string(src[i+2:eol])), "-")
	if mark == "" || strings.ContainsAny(mark, " \t") {
		return -1
	}
	for off := eol; off < len(src); {
		end := span.LineEnd(src, off)
		if string(bytes.TrimSpace(src[off:end])) == mark {
			return off + len(bytes.TrimRight(src[off:end], " \t\r\n"))
		}
		off = end
	}
	return -1
}

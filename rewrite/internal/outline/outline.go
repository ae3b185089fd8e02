// Package outline reads single Go files without types: what they declare, without what
// their functions do, and what they use of a package.
package outline

import (
	"go/scanner"
	"go/token"
)

// Of returns src with spaces in place of the bodies of its functions and methods, so
// that all else stands where it stood; names reports which identifiers occur in all
// of src. ok is false where src is not read as Go to its end.
func Of(src []byte, name func(string)) (out []byte, ok bool) {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(src))
	ok = true
	s.Init(file, src, func(token.Position, string) { ok = false }, 0)
	out = append([]byte(nil), src...)
	var (
		prev  = token.SEMICOLON
		depth int  // of brackets of all kinds
		head  bool // in the declaration of a function, in front of its body
		body  = -1 // offset of the body's brace
	)
	for {
		pos, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return out, ok && depth == 0 && body < 0
		case token.IDENT:
			name(lit)
		case token.FUNC:
			// One that is no declaration stands behind something else.
			head = head || depth == 0 && prev == token.SEMICOLON
		case token.SEMICOLON:
			head = head && depth > 0 // one without a body ends here
		case token.LPAREN, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACK:
			depth--
		case token.LBRACE:
			if head && depth == 0 && prev != token.STRUCT && prev != token.INTERFACE {
				head, body = false, file.Offset(pos)
			}
			depth++
		case token.RBRACE:
			depth--
			if depth == 0 && body >= 0 {
				blank(out[body : file.Offset(pos)+1])
				body = -1
			}
		}
		prev = tok
	}
}

// blank puts spaces in place of all but the ends of lines.
func blank(text []byte) {
	for i, b := range text {
		if b != '\n' && b != '\r' {
			text[i] = ' '
		}
	}
}

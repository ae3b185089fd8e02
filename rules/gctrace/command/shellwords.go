package command

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// ShellWords lists what a script consists of, without layout and comments, but
// for the nodes in skip and the values of GODEBUG.
func ShellWords(f *syntax.File, skip map[syntax.Node]bool) []string {
	var out []string
	syntax.Walk(f, func(n syntax.Node) bool {
		if n == nil {
			return true
		}
		if b, ok := n.(*syntax.BinaryCmd); ok {
			if !skip[n] {
				out = append(out, b.Op.String())
			}
			return true
		}
		if skip[n] {
			return false
		}
		switch n := n.(type) {
		case *syntax.File, *syntax.Stmt, *syntax.Comment, *syntax.CallExpr:
		case *syntax.Assign:
			out = append(out, "assign")
			if n.Name != nil && n.Name.Value == "GODEBUG" {
				out = append(out, "GODEBUG")
				return false
			}
		case *syntax.Word:
			if strings.HasPrefix(Operand(wordText(n)), "GODEBUG=") {
				out = append(out, "word GODEBUG")
				return false
			}
			out = append(out, "word")
		case *syntax.Lit:
			out = append(out, "lit "+n.Value)
		case *syntax.SglQuoted:
			out = append(out, "quoted "+n.Value)
		case *syntax.Redirect:
			out = append(out, "redirect "+n.Op.String())
		default:
			out = append(out, fmt.Sprintf("%T", n))
		}
		return true
	})
	return out
}

// wordText returns the text of a word without its quotes and what needs expansion.
func wordText(w *syntax.Word) string {
	var b strings.Builder
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Word, *syntax.DblQuoted:
			return true
		case *syntax.Lit:
			b.WriteString(n.Value)
		case *syntax.SglQuoted:
			b.WriteString(n.Value)
		}
		return false
	})
	return b.String()
}

package campaign

import (
	"go/scanner"
	"go/token"
	"strings"
)

// Shape returns what is alike in patches that do the same at different places:
// the removed and added lines, with names and literals replaced in the order in
// which they come up. Names that say what a fix is about, those of packages and
// of what is exported, stay.
func Shape(patch string) string {
	var b strings.Builder
	names := make(map[string]string)
	for line := range strings.Lines(patch) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) == 0 || line[0] != '-' && line[0] != '+' || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") {
			continue
		}
		text := normal(line[1:], names)
		if text == "" {
			continue // a blank line
		}
		b.WriteString(line[:1] + text + "\n")
	}
	return b.String()
}

// normal returns the tokens of a line, apart by blanks.
func normal(line string, names map[string]string) string {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", -1, len(line)), []byte(line), func(token.Position, string) {}, 0)
	var out []string
	before := token.ILLEGAL
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		switch {
		case tok == token.SEMICOLON && lit == "\n":
			continue
		case tok == token.IDENT && !token.IsExported(lit) && !plain[lit]:
			if names[lit] == "" {
				names[lit] = "x" + strings.Repeat("'", len(names))
			}
			lit = names[lit]
		case tok == token.INT || tok == token.FLOAT || tok == token.CHAR || tok == token.STRING && before != token.IMPORT && !strings.Contains(lit, "/"):
			lit = tok.String()
		case lit == "":
			lit = tok.String()
		}
		out = append(out, lit)
		before = tok
	}
	return strings.Join(out, " ")
}

// plain are lower-case names that mean the same everywhere.
var plain = map[string]bool{
	"runtime": true, "debug": true, "signal": true, "context": true, "metrics": true, "http": true, "pprof": true, "os": true, "syscall": true, "time": true, "log": true,
	"nil": true, "true": true, "false": true, "err": true, "error": true, "append": true, "len": true, "string": true, "int": true, "uint64": true, "byte": true,
}

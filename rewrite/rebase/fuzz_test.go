package rebase

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/dave/dst"
)

// seeds are files in layouts of all kinds.
var seeds = []string{
	"package p\n\nfunc f() {\n\ta()\n\tb()\n}\n",
	"package p\r\nfunc f() {\r\n  a( ) ; b( );\r\n\r\n  /* x\r\n y */ c( ) // z \r\n}",
	"\ufeffpackage p;import (\"a\";\"b\")\nfunc f(){a();b()};func g(){if (x) {a()};for ;; {b()}}",
	"package p\n//go:noinline\n// F does.\nfunc F( ) {\n  switch x { case 1: a(); case 2: b() }\n  return\n}\n",
	"//go:build  linux\n\npackage p\n/*\n#include <a.h>\n*/\nimport \"C\"\n//line x.go:1\nvar x = `a\r\n  b`;var y = []int{ 1,2, }\n",
	"package p\ntype t struct { a int;  b, c string `x` /* d */ }\nfunc (t)m(){x:for{break x};go func(){ a( ) }()}\n",
	"package p\n// \xff\nvar s = \"\xfe\"\nfunc f() { a(\"\\xff\"); b() }\n",
}

// fuzzEdits are changes of a tree; each says what it does by its code.
var fuzzEdits = []func(list []dst.Stmt, i int) []dst.Stmt{
	func(list []dst.Stmt, i int) []dst.Stmt { return append(list[:i:i], list[i+1:]...) },
	func(list []dst.Stmt, i int) []dst.Stmt {
		call := &dst.ExprStmt{X: &dst.CallExpr{Fun: dst.NewIdent("added")}}
		return append(list[:i:i], append([]dst.Stmt{call}, list[i:]...)...)
	},
	func(list []dst.Stmt, i int) []dst.Stmt {
		loop := &dst.ForStmt{Body: &dst.BlockStmt{List: []dst.Stmt{list[i]}}}
		loop.Decs.Before, loop.Decs.After = dst.EmptyLine, dst.NewLine
		list[i] = loop
		return list
	},
	func(list []dst.Stmt, i int) []dst.Stmt {
		list[i].Decorations().Start.Prepend("// added")
		list[i].Decorations().Before = dst.NewLine
		return list
	},
	func(list []dst.Stmt, i int) []dst.Stmt { return list[:i] },
}

// FuzzRebase edits one statement of a file, whatever its layout.
func FuzzRebase(f *testing.F) {
	for _, seed := range seeds {
		for i := range fuzzEdits {
			f.Add([]byte(seed), byte(i), byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, orig []byte, edit, at byte) {
		before, err := renderSafely(orig, nil)
		if err != nil {
			return
		}
		if out, exact, err := Rebase(orig, before, before); err != nil || !exact || !bytes.Equal(out, orig) {
			t.Fatalf("no change: exact %v, err %v\norig %q\nout  %q", exact, err, orig, out)
		}
		after, err := renderSafely(orig, func(file *dst.File) {
			var lists []*[]dst.Stmt
			dst.Inspect(file, func(n dst.Node) bool {
				if b, ok := n.(*dst.BlockStmt); ok && len(b.List) > 0 {
					lists = append(lists, &b.List)
				}
				return true
			})
			if len(lists) > 0 {
				list := lists[int(at)%len(lists)]
				*list = fuzzEdits[int(edit)%len(fuzzEdits)](*list, int(at)%len(*list))
			}
		})
		if err != nil {
			return
		}
		checkRebase(t, orig, before, after)
		checkRebase(t, orig, after, before)
	})
}

// FuzzRebaseTexts takes any three texts.
func FuzzRebaseTexts(f *testing.F) {
	for i, seed := range seeds {
		f.Add([]byte(seed), []byte(seeds[(i+1)%len(seeds)]), []byte(seeds[(i+2)%len(seeds)]))
		f.Add([]byte(seed), []byte(seed), []byte(seeds[(i+1)%len(seeds)]))
	}
	f.Fuzz(checkRebase)
}

func checkRebase(t *testing.T, orig, before, after []byte) {
	out, exact, err := Rebase(orig, before, after)
	if err != nil {
		if scan(after).illegal == 0 {
			t.Fatal(err)
		}
		return
	}
	content, _ := bytes.CutPrefix(out, bom)
	if !bytes.Equal(before, after) && !sameTokens(scan(content), scan(after)) {
		// Only what the printer moves or drops may differ.
		printed, err := renderSafely(content, nil)
		if err != nil || !exact || !sameTokens(scan(printed), scan(after)) {
			t.Fatalf("exact %v, err %v\norig   %q\nbefore %q\nafter  %q\nout    %q", exact, err, orig, before, after, out)
		}
	}
}

// renderSafely is render for texts that the syntax tree's library does not cope with.
func renderSafely(src []byte, edit func(*dst.File)) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return render(src, edit)
}

package main

import (
	"context"
	"go/ast"
	"os"
	"path/filepath"
	"testing"
)

// TestMutants breaks right code and expects every bug to be found and repaired,
// and makes right code look wrong and expects no fix.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command for every mutator")
	}
	// What the rules do not do yet; whoever mends one deletes its line.
	known := map[string]string{
		"signalexit: NotifyContext to Notify and Exit": "found, not repaired: main waits for another context",
	}
	root, err := filepath.Abs("../../testdata/corpus/seeds")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutators {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			mutants, err := runMutator(context.Background(), root, m)
			if err != nil {
				t.Fatal(err)
			}
			if len(mutants) == 0 {
				t.Fatal("nothing to mutate: the seeds have no function for it")
			}
			for _, got := range mutants {
				switch fault := got.fault(); {
				case fault != "" && known[m.name] == "":
					t.Errorf("%s in %s: %s", got.Func, got.Path, fault)
				case fault != "":
					t.Logf("%s in %s: %s (known: %s)", got.Func, got.Path, fault, known[m.name])
				}
			}
		})
	}
}

// TestUnlockAtEnd shows what a mutant is: one function, changed in one way.
func TestUnlockAtEnd(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a.go")
	const before = `package a

import "runtime"

func f(n int) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if n > 1 {
		return 1
	}
	return n
}
`
	const want = `package a

import "runtime"

func f(n int) int {
	runtime.LockOSThread()
	if n > 1 {
		return 1
	}
	runtime.UnlockOSThread()
	return n
}
`
	if err := os.WriteFile(path, []byte(before), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := readMutantFile(root, path)
	if err != nil {
		t.Fatal(err)
	}
	if !unlockAtEnd(f, f.syntax.Decls[1].(*ast.FuncDecl)) {
		t.Fatal("no mutant")
	}
	got, err := f.result()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got:\n%s", got)
	}
}

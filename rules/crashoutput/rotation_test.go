package crashoutput_test

import (
	"context"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/crashoutput"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// A package of the module that nothing leads to from here moves the file away:
// another program does, started before this one.
func TestMovedByAnotherPackage(t *testing.T) {
	const mover = `package ship

import "os"

// Away moves the file of the last run away.
func Away(dir string) error { return os.Rename("panic-report.txt", dir+"/panic-report.txt") }
`
	files := map[string][]byte{
		"go.mod": []byte("module example.com/kept\n\ngo 1.24\n"),
		"main.go": []byte(`package main

import (
	"log"
	"os"
	"runtime/debug"
)

func main() {
	f, err := os.Create("/srv/panic-report.txt")
	if err != nil {
		log.Fatal(err)
	}
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		log.Fatal(err)
	}
	f.Close()
}
`),
	}
	for _, test := range []struct {
		name string
		more string
		want int
	}{{"moved", mover, 0}, {"not moved", "package ship\n", 1}} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			files["ship/ship.go"] = []byte(test.more)
			ruletest.WriteTree(t, dir, files)
			res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}}, []*rewrite.Finder{crashoutput.Rule.Finder()})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Findings) != test.want {
				t.Errorf("got %d findings, want %d: %v", len(res.Findings), test.want, res.Findings)
			}
		})
	}
}

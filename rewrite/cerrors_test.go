package rewrite_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

// cNames are packages that use what this machine's C does not have, in all the ways
// in which a name without a type looks wrong.
const cNames = `-- consts/consts.go --
package consts

// #include <stdlib.h>
import "C"

type Class uint8

const (
	Audio Class = C.CLASS_AUDIO
	Video Class = C.CLASS_VIDEO
	Other       = Class(C.CLASS_OTHER)
	Width       = C.WIDTH
)

var names = map[Class]string{
	Audio: "audio",
	Video: "video",
	Other: "other",
}

func (c Class) String() string {
	switch c {
	case Audio:
		return names[c]
	case Video, Other:
		return "" + names[c]
	}
	return ""
}
-- kinds/kinds.go --
package kinds

// #include <stdlib.h>
import "C"

type Kind C.kind_t

type handle struct {
	c *C.handle_t
	n int
}

const (
	One Kind = C.KIND_ONE
	Two Kind = C.KIND_TWO
)

var sizes = [C.COUNT]int{One: 1, Two: 2}

type Sized [C.COUNT]byte
-- kinds/use.go --
package kinds

func (k Kind) Int() int { return int(k) }

func (h *handle) ok() bool { return h.c.field == One && h.n > 0 }

func f(k Kind) Kind {
	switch k {
	case One:
		return Kind(2)
	case Two:
		return Kind(int32(1))
	}
	k++
	names := map[Kind]string{One: "one", Two: "two"}
	println(names[k], sizes[k], uint8(k)<<One, -k, len(Sized{}))
	for i := range k {
		println(i)
	}
	return k | One
}
-- use/use.go --
package use

import (
	"example.com/m/consts"
	"example.com/m/kinds"
	"runtime"
)

var classes = map[consts.Class]int{consts.Audio: 1, consts.Video: 2}

func F() uint8 {
	runtime.GC()
	return uint8(kinds.One) + consts.Width + uint8(classes[consts.Other])
}
`

// What C.x has no type for is no error; what is one nevertheless is told.
func TestErrorsOfC(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip(err)
	}
	t.Setenv("CGO_ENABLED", "1")
	gc := "-- %/gc.go --\npackage %" + collects
	archive := goMod + cNames + strings.ReplaceAll(gc, "%", "consts") + strings.ReplaceAll(gc, "%", "kinds")
	refused := "consts/consts.go:9:16: could not determine what C.CLASS_AUDIO refers to: checked without C types\n" +
		"kinds/kinds.go:18:14: could not determine what C.COUNT refers to: checked without C types\n"
	dir, _ := tree(t, archive)
	if got := problems(run(t, dir, deleteGC), dir); got != refused {
		t.Errorf("problems:\n%s", got)
	}
	// A package that is not asked for is named by those that import it.
	res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}, Patterns: []string{"./use"}, Admit: rewrite.Safe, Fix: true}, []*rewrite.Finder{deleteGC})
	if err != nil {
		t.Fatal(err)
	}
	want := "consts/consts.go:9:16: could not determine what C.CLASS_AUDIO refers to: what imports example.com/m/consts is checked without its C types\n" +
		"kinds/kinds.go:18:14: could not determine what C.COUNT refers to: what imports example.com/m/kinds is checked without its C types\n"
	if got := problems(res, dir); got != want || changed(res, dir) != "use/use.go" {
		t.Errorf("changed %s, problems:\n%s", changed(res, dir), got)
	}

	// What is wrong whatever C says, is told.
	wrong := "-- %/wrong.go --\npackage %\n\nfunc wrong(n int) string {\n\tvar s string = 1\n\tif n {\n\t\tnope()\n\t}\n\treturn s + n\n}\n"
	dir, _ = tree(t, archive+strings.ReplaceAll(wrong, "%", "kinds"))
	got := problems(run(t, dir, deleteGC), dir)
	for _, want := range []string{
		"kinds/wrong.go:4:17: cannot use 1 (untyped int constant) as string value in variable declaration\n",
		"kinds/wrong.go:5:5: non-boolean condition in if statement\n", "kinds/wrong.go:6:3: undefined: nope\n", "kinds/wrong.go:8:9: invalid operation: s + n (mismatched types string and int)\n",
		"consts/consts.go:9:16: could not determine what C.CLASS_AUDIO refers to: checked without C types\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("problems lack %q:\n%s", want, got)
		}
	}
	if strings.Count(got, "\n") != 5 {
		t.Errorf("problems:\n%s", got)
	}
}

// The compiler knows C where it is there, and says nothing of the tests.
func TestErrorsOfCompiledC(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip(err)
	}
	t.Setenv("CGO_ENABLED", "1")
	dir, _ := tree(t, goMod+`-- x.go --
package m

// #include <stdlib.h>
import "C"

const (
	OK  uint8 = C.EXIT_SUCCESS
	Bad uint8 = C.EXIT_FAILURE
)

var names = map[uint8]string{OK: "ok", Bad: "bad"}
-- gc.go --
package m`+collects+`-- x_test.go --
package m

import "runtime"

var keys = map[uint8]bool{OK: true, Bad: true}

var text string = 1

var collect = runtime.GC
`)
	if got := problems(run(t, dir, deleteGC), dir); got != "x_test.go:7:19: cannot use 1 (untyped int constant) as string value in variable declaration\n" {
		t.Errorf("problems:\n%s", got)
	}
}

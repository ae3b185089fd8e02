package threadlock

import (
	"go/parser"
	"go/token"
	"testing"
)

func TestMayLeak(t *testing.T) {
	for _, c := range []struct {
		src  string
		leak bool
	}{
		{`func f() { runtime.LockOSThread(); defer runtime.UnlockOSThread(); g() }`, false},
		{`func f() { go func() { runtime.LockOSThread(); defer runtime.UnlockOSThread(); g() }() }`, false},
		{`func f() { switch { case x: rt.LockOSThread(); defer rt.UnlockOSThread(); g() } }`, false},
		{`func init() { runtime.LockOSThread() }`, false},
		{`func f() { for range 3 { func() { runtime.LockOSThread(); defer runtime.UnlockOSThread(); g() }() } }`, false},
		{`func f() { for range 3 { runtime.LockOSThread(); defer runtime.UnlockOSThread(); g() } }`, true},
		{`func f() { for { if x { runtime.LockOSThread(); defer runtime.UnlockOSThread(); g() } } }`, true},
		{`func f() { runtime.LockOSThread(); g(); runtime.UnlockOSThread() }`, true},
		{`func f() { runtime.LockOSThread(); x := g(); defer runtime.UnlockOSThread(); use(x) }`, true},
		{`func f() { runtime.LockOSThread(); defer runtime.UnlockOSThread(); runtime.LockOSThread() }`, true},
		{`func f() { runtime.LockOSThread(); defer runtime.UnlockOSThread(); runtime.UnlockOSThread() }`, true},
		{`func f() { lock := runtime.LockOSThread; lock() }`, true},
		{`func (x T) init() { runtime.LockOSThread() }`, true},
		{`var lock = runtime.LockOSThread`, true},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package p\n"+c.src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := mayLeak(f); got != c.leak {
			t.Errorf("%s: %v", c.src, got)
		}
	}
}

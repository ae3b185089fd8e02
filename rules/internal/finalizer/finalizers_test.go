package finalizer

import (
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// Registrations are found by the type of the object, across packages, through
// interfaces, type parameters and functions that hand a parameter on.
func TestFinalizers(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a/a.go": `package a

import rt "runtime"

type Plain struct{ fd *int }
type List[T any] struct{ head *T }
type Cleaned struct{ fd *int }
type Tracked struct{ fd *int }
type Erased struct{ fd *int }
type Wrapped struct{ fd *int }
type None struct{ fd *int }

func New() *Plain {
	p := &Plain{}
	rt.SetFinalizer(p, (*Plain).Close)
	return p
}

func (p *Plain) Close() { rt.SetFinalizer(p, nil) }

func newList[T any]() *List[T] {
	l := &List[T]{}
	rt.SetFinalizer(l, func(*List[T]) {})
	return l
}

func clean(c *Cleaned) { rt.AddCleanup(c, func(int) {}, 1) }

func track[T any](x *T) { rt.SetFinalizer(x, func(*T) {}) }

func erase(x any) { rt.SetFinalizer(x, func(*Erased) {}) }

func Wrap(x any) { rt.SetFinalizer(x, func(any) {}) }

var _ = track[Tracked]

var setFinalizer = rt.SetFinalizer

type Through struct{ fd *int }

func through(x *Through) { setFinalizer(x, func(*Through) {}) }

type hooks struct{ register func(any, any) }

var std = hooks{register: rt.SetFinalizer}

type Hooked struct{ fd *int }

func hooked(x *Hooked) { std.register(x, func(*Hooked) {}) }

type Owned struct{ fd *int }

type registry struct{}

func (registry) own(x any, free func()) { outer(x, func(any) { free() }) }

func outer(x any, end func(any)) { rt.SetFinalizer(x, end) }

func owned(o *Owned) { registry{}.own(o, func() {}) }
`,
		"b/b.go": `package b

import "example.com/m/a"

func f(w *a.Wrapped) { a.Wrap(w) }
`,
	})
	f := Of(s)
	scope := s.Package("example.com/m/a").Types.Scope()
	for name, want := range map[string]int{"Plain": 1, "List": 1, "Cleaned": 1, "Erased": 1, "Wrapped": 1, "Through": 1, "Hooked": 1, "Owned": 1, "None": 0, "Tracked": 0} {
		if got := len(f.Of(scope.Lookup(name).Type())); got != want {
			t.Errorf("%s: %d registrations, want %d", name, got, want)
		}
	}
	if got := len(f.Clears(scope.Lookup("Plain").Type())); got != 1 {
		t.Errorf("Plain is cleared %d times, want once", got)
	}
	var keys []string
	for _, x := range f.All {
		keys = append(keys, FinalizedKey(x.Elem))
	}
	want := "example.com/m/a.Plain example.com/m/a.Plain example.com/m/a.List example.com/m/a.Cleaned  example.com/m/a.Erased example.com/m/a.Wrapped  example.com/m/a.Through example.com/m/a.Hooked example.com/m/a.Owned "
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("registrations of\n%q, want\n%q", got, want)
	}
	for _, x := range f.Of(scope.Lookup("Owned").Type()) {
		if len(x.Runs) != 2 {
			t.Errorf("Owned: %d functions may run, want those of both calls", len(x.Runs))
		}
	}
	for _, name := range []string{"Through", "Hooked"} {
		if x := f.Of(scope.Lookup(name).Type())[0]; !x.Indirect {
			t.Errorf("%s: the registration is not told to be indirect", name)
		}
	}
}

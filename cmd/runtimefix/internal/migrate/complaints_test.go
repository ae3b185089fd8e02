package migrate

import (
	"errors"
	"slices"
	"testing"
)

// What the go command says is the same in each run: not the order of packages, not
// the names of directories, not the C compiler's command line.
func TestComplaints(t *testing.T) {
	one := "go: note\n# m/b\n./b/b.go:3:4: undefined: b\n\tother\n# m/a\nvet: a/a.go:1:2: x\n/usr/bin/gcc -m64 -o $WORK/b002/exe/a.out /tmp/go-link-123/go.o\n" +
		"/usr/bin/ld: /tmp/go-link-123/000005.o: in /work/one/a/a.c\nexit status 1\n"
	two := "go: note\nvet: a/a.go:7:2: x\n/usr/bin/gcc -m64 -o $WORK/b003/exe/a.out /tmp/go-link-77/go.o\n" +
		"/usr/bin/ld: /tmp/go-link-77/000005.o: in /other/one/a/a.c\nb/b.go:9:4: undefined: b\n\tother\n"
	want := []string{"/usr/bin/ld: $WORK/000005.o: in ./a/a.c", "b/b.go: undefined: b", "other", "go: note", "vet: a/a.go: x"}
	if got := complaints(one, nil, "/work/one", nil); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := complaints(two, nil, "/other/one", nil); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := complaints("# m\n", errors.New("killed"), "/m", nil); !slices.Equal(got, []string{"killed"}) {
		t.Errorf("%q", got)
	}
}

package leftout

import (
	"fmt"
	"testing"
)

func TestFor(t *testing.T) {
	for _, c := range []struct{ path, src, want string }{
		{"a_windows.go", "package p", "windows/amd64 [] true"},
		{"a_darwin.go", "package p", "darwin/arm64 [] true"},
		{"a_linux_s390x.go", "package p", "linux/s390x [] true"},
		{"a.go", "// Copyright\n\n//go:build ignore\n\npackage p", " [] false"},
		{"a.go", "//go:build e2e && windows\npackage p", "windows/amd64 [e2e] true"},
		{"a.go", "//go:build e2e && slow\npackage p", " [e2e slow] true"},
		{"a.go", "//go:build e2e || windows\npackage p", "windows/amd64 [] true"},
		{"a.go", "//go:build !given\npackage p", " [] false"},
		{"a.go", "//go:build linux && windows\npackage p", " [] false"},
		{"a_plan9.go", "//go:build !amd64\npackage p", " [] false"},
	} {
		f, ok := For("/x/"+c.path, []byte(c.src), Build{"linux", "amd64", []string{"given"}})
		if got := fmt.Sprintf("%s %v %v", f.Platform, f.Tags, ok); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.path, c.src, got, c.want)
		}
	}
}

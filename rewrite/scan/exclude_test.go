package scan

import (
	"strings"
	"testing"
)

// A file that is left out says what would include it.
func TestExcluded(t *testing.T) {
	for _, tt := range []struct{ name, src, reason, platform, tags string }{
		{"x.go", "package p\n", "", "", ""},
		{"x_windows.go", "package p\n", "name is for another platform", "windows/amd64", ""},
		{"x.go", "//go:build darwin || freebsd\n\npackage p\n", "build constraint", "darwin/arm64", ""},
		{"x.go", "//go:build !linux\n\npackage p\n", "build constraint", "darwin/arm64", ""},
		{"x.go", "//go:build integration && linux\n\npackage p\n", "build constraint", "", "integration"},
		{"x.go", "//go:build e2e && a\n\npackage p\n", "build constraint", "", "e2e"}, // a is given
		{"x.go", "//go:build e2e && windows\n\npackage p\n", "build constraint", "windows/amd64", "e2e"},
		{"x.go", "//go:build ignore\n\npackage main\n", "build constraint", "", "ignore"},
		{"x.go", "//go:build !a\n\npackage p\n", "build constraint", "", ""},
		{"x.go", "//go:build cgo\n\npackage p\n", "build constraint", "", ""},
		{"x.go", "package p\n\nimport \"C\"\n", "it needs cgo", "", ""},
	} {
		c := &Config{GOOS: "linux", GOARCH: "amd64", Tags: []string{"a"}}
		x := c.excluded("/m/"+tt.name, []byte(tt.src))
		if x == nil {
			x = &Exclusion{}
		}
		if !strings.Contains(x.Reason, tt.reason) || (x.Reason == "") != (tt.reason == "") || x.Platform != tt.platform || strings.Join(x.Tags, ",") != tt.tags {
			t.Errorf("%s, %q: %+v, want %s, platform %q, tags %q", tt.name, tt.src, *x, tt.reason, tt.platform, tt.tags)
		}
	}
}

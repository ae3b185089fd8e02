package scan

import (
	"bytes"
	"go/build"
	"go/build/constraint"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Exclusion says why the platform or the tags leave a file out of the build, and
// what would include it.
type Exclusion struct {
	Reason string
	// Platform is a GOOS/GOARCH pair for which the file is built, "" where the
	// platform is not what leaves it out.
	Platform string
	// Tags are the build tags that the file asks for, none where it asks for none
	// that are missing.
	Tags []string
}

// ports are the platforms that may be suggested, likely ones first.
var ports = []string{
	"linux/amd64", "darwin/arm64", "windows/amd64", "linux/arm64", "linux/386", "linux/arm", "freebsd/amd64", "darwin/amd64", "windows/arm64", "windows/386",
	"netbsd/amd64", "openbsd/amd64", "dragonfly/amd64", "solaris/amd64", "illumos/amd64", "aix/ppc64", "android/arm64", "ios/arm64", "js/wasm", "wasip1/wasm",
	"plan9/amd64", "linux/riscv64", "linux/ppc64le", "linux/s390x", "linux/loong64", "linux/mips64", "linux/mips",
}

// excluded says why the platform or the tags leave the file out, nil when they
// include it.
func (c *Config) excluded(path string, data []byte) *Exclusion {
	if c.includes(path, data) {
		if !c.CgoEnabled && bytes.Contains(data, []byte(`import "C"`)) {
			return &Exclusion{Reason: "it needs cgo, which is off"}
		}
		return nil
	}
	x := &Exclusion{Reason: "its build constraint is not met by " + c.GOOS + "/" + c.GOARCH + tagList(c.Tags)}
	if !c.includes(path, []byte("package p\n")) {
		x.Reason = "its name is for another platform than " + c.GOOS + "/" + c.GOARCH
	}
	if x.Platform = c.port(path, data); x.Platform != "" {
		return x
	}
	more := *c
	for _, tag := range wantedTags(data) {
		if !slices.Contains(c.Tags, tag) {
			x.Tags = append(x.Tags, tag)
		}
	}
	more.Tags = slices.Concat(c.Tags, x.Tags)
	if !more.includes(path, data) {
		x.Platform = more.port(path, data)
	}
	return x
}

// port returns a platform for which the tags include the file, "" when there is
// none.
func (c *Config) port(path string, data []byte) string {
	other := *c
	for _, p := range ports {
		other.GOOS, other.GOARCH, _ = strings.Cut(p, "/")
		if other.includes(path, data) {
			return p
		}
	}
	return ""
}

// includes reports whether the platform and the tags include the file. One that
// is no Go is taken for included: its errors are to be seen.
func (c *Config) includes(path string, data []byte) bool {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.BuildTags, ctx.CgoEnabled = c.GOOS, c.GOARCH, c.Tags, c.CgoEnabled
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	dir, name := filepath.Split(path)
	ok, err := ctx.MatchFile(dir, name)
	return err != nil || ok
}

// wantedTags returns the tags that the file's build constraint asks for, without
// those that say what platform, toolchain or cgo setting it is for.
func wantedTags(data []byte) []string {
	var out []string
	var walk func(x constraint.Expr, not bool)
	walk = func(x constraint.Expr, not bool) {
		switch x := x.(type) {
		case *constraint.NotExpr:
			walk(x.X, !not)
		case *constraint.AndExpr:
			walk(x.X, not)
			walk(x.Y, not)
		case *constraint.OrExpr:
			walk(x.X, not)
			walk(x.Y, not)
		case *constraint.TagExpr:
			if !not && !isPlatform(x.Tag) && !slices.Contains(out, x.Tag) {
				out = append(out, x.Tag)
			}
		}
	}
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "package ") {
			break
		}
		if constraint.IsGoBuild(text) {
			if x, err := constraint.Parse(text); err == nil {
				walk(x, false)
			}
		}
	}
	return out
}

// isPlatform reports whether the go command sets the tag itself.
func isPlatform(tag string) bool {
	return tag == "cgo" || tag == "unix" || tag == "gc" || tag == "gccgo" || strings.HasPrefix(tag, "go1.") ||
		slices.ContainsFunc(ports, func(p string) bool { return slices.Contains(strings.Split(p, "/"), tag) })
}

func tagList(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return " with tags " + strings.Join(tags, ",")
}

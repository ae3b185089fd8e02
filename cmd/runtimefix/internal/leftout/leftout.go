// Package leftout says which flags would include a file that the platform or
// the build tags of a run leave out.
package leftout

import (
	"bytes"
	"go/build"
	"go/build/constraint"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// platforms are those that are tried, the more common ones first.
var platforms = []string{
	"linux/amd64", "darwin/arm64", "windows/amd64", "linux/arm64", "freebsd/amd64", "openbsd/amd64", "netbsd/amd64",
	"dragonfly/amd64", "solaris/amd64", "illumos/amd64", "js/wasm", "wasip1/wasm", "android/arm64", "ios/arm64", "aix/ppc64", "plan9/amd64",
	"linux/386", "linux/arm", "linux/ppc64le", "linux/ppc64", "linux/s390x", "linux/riscv64", "linux/loong64", "linux/mips64le", "linux/mips64",
	"linux/mipsle", "linux/mips", "windows/386", "windows/arm64", "darwin/amd64", "freebsd/arm64", "freebsd/386", "freebsd/arm",
}

// Platforms returns the platforms that are known, the more common ones first.
func Platforms() []string { return slices.Clone(platforms) }

// Build is what a run builds for.
type Build struct {
	GOOS, GOARCH string
	Tags         []string
}

// Flags are what would include a file: another platform, more tags, or both.
type Flags struct {
	Platform string
	Tags     []string
}

// For returns what would include the file at path with the content src; ok is
// false where no platform and no tags do.
func For(path string, src []byte, b Build) (flags Flags, ok bool) {
	here := b.GOOS + "/" + b.GOARCH
	for _, extra := range append([][]string{nil}, tagSets(src)...) {
		if includes(path, src, here, append(slices.Clone(b.Tags), extra...)) {
			return Flags{Tags: extra}, true
		}
		for _, p := range platforms {
			if includes(path, src, p, append(slices.Clone(b.Tags), extra...)) {
				return Flags{Platform: p, Tags: extra}, true
			}
		}
	}
	return Flags{}, false
}

// includes reports whether a build for the platform with tags takes the file.
func includes(path string, src []byte, platform string, tags []string) bool {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, _ = strings.Cut(platform, "/")
	ctx.BuildTags, ctx.CgoEnabled = tags, true
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
	ok, err := ctx.MatchFile(filepath.Split(path))
	return ok && err == nil
}

// tagSets returns the sets of tags to be tried: each tag of the file's
// constraint alone, then all.
func tagSets(src []byte) [][]string {
	var all []string
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			break
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		expr, err := constraint.Parse(line)
		if err != nil {
			break
		}
		expr.Eval(func(tag string) bool {
			if !builtin(tag) && !slices.Contains(all, tag) {
				all = append(all, tag)
			}
			return false
		})
		// Eval stops where the result is certain: ask the other way, too.
		expr.Eval(func(tag string) bool {
			if !builtin(tag) && !slices.Contains(all, tag) {
				all = append(all, tag)
			}
			return true
		})
	}
	var out [][]string
	for _, tag := range all {
		out = append(out, []string{tag})
	}
	if len(all) > 1 {
		out = append(out, all)
	}
	return out
}

// builtin reports whether the tag is none to be set: the go command sets it, or
// leaves out what has it by convention (with "ignore" set the standard library
// does not load).
func builtin(tag string) bool {
	if tag == "ignore" || tag == "unix" || tag == "cgo" || tag == "gc" || tag == "gccgo" || strings.HasPrefix(tag, "go1.") {
		return true
	}
	for _, p := range platforms {
		goos, goarch, _ := strings.Cut(p, "/")
		if tag == goos || tag == goarch {
			return true
		}
	}
	return false
}

package scan

import (
	"bytes"
	"go/build"
	"io"
	"path/filepath"
	"strings"
)

// excluded says why the platform or the tags leave the file out, "" when they
// include it.
func (c *Config) excluded(path string, data []byte) string {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.BuildTags, ctx.CgoEnabled = c.GOOS, c.GOARCH, c.Tags, c.CgoEnabled
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	dir, name := filepath.Split(path)
	if ok, err := ctx.MatchFile(dir, name); err == nil && !ok {
		ctx.OpenFile = func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("package p\n")), nil
		}
		if ok, err := ctx.MatchFile(dir, name); err == nil && !ok {
			return "its name is for another platform than " + c.GOOS + "/" + c.GOARCH
		}
		return "its build constraint is not met by " + c.GOOS + "/" + c.GOARCH + tagList(c.Tags)
	}
	if !c.CgoEnabled && bytes.Contains(data, []byte(`import "C"`)) {
		return "it needs cgo, which is off"
	}
	return ""
}

func tagList(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return " with tags " + strings.Join(tags, ",")
}

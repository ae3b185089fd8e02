package settings

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

func TestOf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "a.go": "package m\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mine := &Settings{Handlers: []*regexp.Regexp{regexp.MustCompile("^on[A-Z]"), regexp.MustCompile(`^Bus\.`)}}
	for _, cfg := range []rewrite.Config{{Dir: dir}, {Dir: dir, Settings: mine}} {
		s, err := rewrite.Load(context.Background(), cfg, "./...")
		if err != nil {
			t.Fatal(err)
		}
		got := Of(s)
		if cfg.Settings == nil && (got == nil || got.Handlers != nil) || cfg.Settings != nil && got != mine {
			t.Errorf("settings %v of %v", got, cfg.Settings)
		}
	}
	for name, want := range map[string]bool{"onMessage": true, "Bus.handle": true, "once": false, "": false} {
		if got := Match(mine.Handlers, name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

package rewrite_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, data string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(data), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("plain", "old", 0o751)
	put("target", "old", 0o644)
	if err := os.Symlink("target", path("link")); err != nil {
		t.Skip(err)
	}
	put("readonly", "old", 0o444)
	put("moved", "edited meanwhile", 0o644)
	put("partner", "old", 0o644)

	change := func(name string, group int) rewrite.Change {
		return rewrite.Change{Path: path(name), Old: []byte("old"), New: []byte("new"), Group: group}
	}
	written, failed := rewrite.Write([]rewrite.Change{
		change("plain", 1), change("link", 2), change("target", 2), change("readonly", 3), change("moved", 4), change("partner", 4), change("gone", 5),
	})

	var got []string
	for _, c := range written {
		got = append(got, filepath.Base(c.Path))
	}
	if s := strings.Join(got, " "); s != "plain link target" {
		t.Errorf("written: %s", s)
	}
	var msgs []string
	for _, p := range failed {
		msgs = append(msgs, filepath.Base(p.Pos.Filename)+": "+strings.ReplaceAll(p.Message, dir, "DIR"))
	}
	want := []string{
		"readonly: not written: is read-only",
		"moved: not written: changed since it was read; run again",
		"partner: not written, because a file that belongs to the same fix is not: DIR/moved",
		"gone: not written: no such file or directory",
	}
	if strings.Join(msgs, "\n") != strings.Join(want, "\n") {
		t.Errorf("failed:\n%s\nwant\n%s", strings.Join(msgs, "\n"), strings.Join(want, "\n"))
	}
	for name, data := range map[string]string{"plain": "new", "target": "new", "readonly": "old", "moved": "edited meanwhile", "partner": "old"} {
		b, err := os.ReadFile(path(name))
		if err != nil || string(b) != data {
			t.Errorf("%s: %q, %v; want %q", name, b, err, data)
		}
	}
	if info, err := os.Lstat(path("link")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
	if info, err := os.Stat(path("plain")); err != nil || info.Mode().Perm() != 0o751 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 6 {
		t.Errorf("left behind: %v", entries)
	}
}

package diff_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite/diff"
)

func numbered(n int, change func(i int, line string) string) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(change(i, fmt.Sprintf("line %d\n", i)))
	}
	return []byte(b.String())
}

func same(_ int, line string) string { return line }

func every(k int, to string) func(int, string) string {
	return func(i int, line string) string {
		if i%k == k/2 {
			return to
		}
		return line
	}
}

// cases are changes that git apply and patch must both carry out exactly.
var cases = []struct {
	name  string
	files []diff.File
}{
	{"one line", []diff.File{{Path: "a.go", Old: []byte("a\nb\nc\n"), New: []byte("a\nB\nc\n")}}},
	{"insert first", []diff.File{{Path: "a.go", Old: []byte("a\nb\n"), New: []byte("x\na\nb\n")}}},
	{"insert last", []diff.File{{Path: "a.go", Old: []byte("a\nb\n"), New: []byte("a\nb\nx\n")}}},
	{"delete first and last", []diff.File{{Path: "a.go", Old: numbered(30, same), New: numbered(30, func(i int, l string) string {
		if i == 0 || i == 29 {
			return ""
		}
		return l
	})}}},
	{"hunks that share context", []diff.File{{Path: "a.go", Old: numbered(40, same), New: numbered(40, every(7, "x\n"))}}},
	{"hunks one line too far apart", []diff.File{{Path: "a.go", Old: numbered(40, same), New: numbered(40, every(8, "x\n"))}}},
	{"lines look like headers", []diff.File{{Path: "a.go", Old: []byte("-- a/x\n@@ -1 +1 @@\ndiff --git a/x b/x\n"), New: []byte("++ b/x\n\\ No newline at end of file\n@@ -1 +1 @@\n")}}},
	{"no final newline before", []diff.File{{Path: "a.go", Old: []byte("a\nb"), New: []byte("a\nb\n")}}},
	{"no final newline after", []diff.File{{Path: "a.go", Old: []byte("a\nb\n"), New: []byte("a\nb")}}},
	{"no final newline both, last changes", []diff.File{{Path: "a.go", Old: []byte("a\nb"), New: []byte("a\nc")}}},
	{"no final newline both, first changes", []diff.File{{Path: "a.go", Old: []byte("a\nb"), New: []byte("c\nb")}}},
	{"append after no final newline", []diff.File{{Path: "a.go", Old: []byte("a"), New: []byte("a\nb")}}},
	{"CRLF", []diff.File{{Path: "a.go", Old: []byte("a\r\nb\r\nc\r\n"), New: []byte("a\r\nB\r\nc\r\n")}}},
	{"CRLF to LF", []diff.File{{Path: "a.go", Old: []byte("a\r\nb\r\n"), New: []byte("a\nb\n")}}},
	{"CRLF without final newline", []diff.File{{Path: "a.go", Old: []byte("a\r\nb\r"), New: []byte("a\r\nc\r")}}},
	{"lone CR", []diff.File{{Path: "a.go", Old: []byte("a\rb\nc\r\rd\n"), New: []byte("a\rx\nc\r\rd\n")}}},
	{"byte order mark", []diff.File{{Path: "a.go", Old: []byte("\ufeffa\nb\n"), New: []byte("\ufeffx\nb\n")}}},
	{"invalid UTF-8", []diff.File{{Path: "a.go", Old: []byte("a\xff\xfe\nb\xc3\n\xed\xa0\x80\n"), New: []byte("a\xff\xfd\nb\xc3\n\xed\xa0\x81\n")}}},
	{"empty to something", []diff.File{{Path: "a.go", Old: nil, New: []byte("a\nb\n")}}},
	{"something to empty", []diff.File{{Path: "a.go", Old: []byte("a\nb\n"), New: nil}}},
	{"blank lines", []diff.File{{Path: "a.go", Old: []byte("\n\n\na\n\n"), New: []byte("\n\na\n\n\n")}}},
	{"trailing blanks", []diff.File{{Path: "a.go", Old: []byte("a \n\t\nb\n"), New: []byte("a\n \nb\n")}}},
	{"deletion", []diff.File{{Path: "a.go", Old: []byte("a\nb\n"), Deleted: true, Mode: 0o644}}},
	{"deletion of an executable", []diff.File{{Path: "a.sh", Old: []byte("a\nb"), Deleted: true, Mode: 0o755}}},
	{"deletion of an empty file", []diff.File{{Path: "a.go", Deleted: true, Mode: 0o644}}},
	{"executable stays one", []diff.File{{Path: "a.sh", Old: []byte("a\n"), New: []byte("b\n"), Mode: 0o755}}},
	{"name with spaces", []diff.File{{Path: "my dir/a b.go", Old: []byte("a\n"), New: []byte("b\n")}}},
	{"name with spaces goes away", []diff.File{{Path: "my dir/a b.go", Old: []byte("a\n"), Deleted: true, Mode: 0o644}}},
	{"name not ASCII", []diff.File{{Path: "größe/日本.go", Old: []byte("a\n"), New: []byte("b\n")}}},
	{"name not UTF-8", []diff.File{{Path: "x\xff.go", Old: []byte("a\n"), New: []byte("b\n")}}},
	{"name with quote and backslash", []diff.File{{Path: `a"b\c 'd'.go`, Old: []byte("a\n"), New: []byte("b\n")}}},
	{"name with control characters", []diff.File{{Path: "a\tb\nc\rd\x01\x7f.go", Old: []byte("a\n"), New: []byte("b\n")}}},
	{"several files", []diff.File{
		{Path: "a.go", Old: []byte("a\n"), New: []byte("b\n")},
		{Path: "same.go", Old: []byte("a\n"), New: []byte("a\n")},
		{Path: "gone.go", Old: []byte("a\n"), Deleted: true, Mode: 0o644},
		{Path: "z b.go", Old: []byte("a"), New: []byte("b")},
		{Path: "q\".go", Old: numbered(100, same), New: numbered(100, every(30, ""))},
	}},
	{"more than 55296 distinct lines", []diff.File{{Path: "a.go", Old: numbered(100_000, same), New: numbered(100_000, func(i int, l string) string {
		switch {
		case i == 0:
			return l + "new\n"
		case i == 54_321 || i == 60_000:
			return ""
		case i == 99_999:
			return "last\n"
		}
		return l
	})}}},
	{"100k lines, nothing in common", []diff.File{{Path: "a.go", Old: numbered(100_000, same), New: numbered(100_000, func(i int, l string) string { return "x" + l })}}},
}

// TestToolsApply has git and patch apply what Unified wrote.
func TestToolsApply(t *testing.T) {
	for _, tool := range []struct {
		name  string
		steps [][]string
	}{
		{"git", [][]string{{"git", "init", "-q"}, {"git", "apply", "--check", "-"}, {"git", "apply", "-"}}},
		{"patch", [][]string{{"patch", "-p1", "-F0", "--binary", "--no-backup-if-mismatch"}}},
	} {
		t.Run(tool.name, func(t *testing.T) {
			if _, err := exec.LookPath(tool.name); err != nil {
				t.Skipf("%s is not installed: %v", tool.name, err)
			}
			for _, tc := range cases {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					applyWith(t, tool.steps, tc.files)
				})
			}
		})
	}
}

func applyWith(t *testing.T, steps [][]string, files []diff.File) {
	dir := t.TempDir()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		mode := f.Mode
		if mode == 0 {
			mode = 0o644
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Old, mode); err != nil {
			t.Skipf("the file system does not take the name: %v", err)
		}
	}
	patch := diff.Unified(files, diff.Options{})
	for _, step := range steps {
		cmd := exec.Command(step[0], step[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		cmd.Stdin = strings.NewReader(string(patch))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s\n%.2000s", strings.Join(step, " "), err, out, patch)
		}
		for _, complaint := range []string{"offset", "fuzz", "has type"} {
			if strings.Contains(string(out), complaint) {
				t.Errorf("%s says:\n%s", strings.Join(step, " "), out)
			}
		}
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if f.Deleted {
			if !os.IsNotExist(err) {
				t.Errorf("%q is still there (%v)", f.Path, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(f.New) {
			t.Errorf("%q:\ngot  %.300q\nwant %.300q", f.Path, got, f.New)
		}
	}
}

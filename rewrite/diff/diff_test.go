package diff_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite/diff"
)

func TestUnified(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		files      []diff.File
	}{
		{"nothing changes", "", []diff.File{{Path: "a.go", Old: []byte("a\n"), New: []byte("a\n")}}},
		{"context and position", `diff --git a/x/a.go b/x/a.go
--- a/x/a.go
+++ b/x/a.go
@@ -3,7 +3,6 @@
 line 2
 line 3
 line 4
-line 5
 line 6
 line 7
 line 8
`, []diff.File{{Path: "x/a.go", Old: numbered(20, same), New: []byte(strings.Replace(string(numbered(20, same)), "line 5\n", "", 1))}}},
		{"names", "diff --git \"a/\\303\\244\\t.go\" \"b/\\303\\244\\t.go\"\n--- \"a/\\303\\244\\t.go\"\n+++ \"b/\\303\\244\\t.go\"\n@@ -0,0 +1 @@\n+x\n" +
			"diff --git a/a b.go b/a b.go\n--- a/a b.go\t\n+++ b/a b.go\t\n@@ -1,2 +0,0 @@\n-x\n-y\n\\ No newline at end of file\n",
			[]diff.File{{Path: "ä\t.go", New: []byte("x\n")}, {Path: "a b.go", Old: []byte("x\ny")}}},
		{"deletion", "diff --git a/a.go b/a.go\ndeleted file mode 100755\n--- a/a.go\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
			[]diff.File{{Path: "a.go", Old: []byte("x\n"), Mode: 0o755, Deleted: true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(diff.Unified(tc.files, diff.Options{})); got != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tc.want)
			}
		})
	}
}

func TestUnifiedColor(t *testing.T) {
	const (
		head = "\x1b[1mdiff --git a/a.go b/a.go\x1b[m\n\x1b[1m--- a/a.go\x1b[m\n\x1b[1m+++ b/a.go\x1b[m\n"
	)
	for _, tc := range []struct{ name, old, new, want string }{
		{"changed word", "a\n\tx := time.Tick(d)\n", "a\n\tx := time.NewTicker(d)\n",
			head + "\x1b[36m@@ -1,2 +1,2 @@\x1b[m\n a\n\x1b[31m-\tx := time.Tick(d)\x1b[m\n\x1b[32m+\tx := time.\x1b[7mNew\x1b[27mTick\x1b[7mer\x1b[27m(d)\x1b[m\n"},
		{"too different", "abcdef\n", "uvwxyz\n",
			head + "\x1b[36m@@ -1 +1 @@\x1b[m\n\x1b[31m-abcdef\x1b[m\n\x1b[32m+uvwxyz\x1b[m\n"},
		{"not in pairs", "return f(a)\n", "x := f(a)\nreturn x\n",
			head + "\x1b[36m@@ -1 +1,2 @@\x1b[m\n\x1b[31m-return f(a)\x1b[m\n\x1b[32m+x := f(a)\x1b[m\n\x1b[32m+return x\x1b[m\n"},
		{"invalid UTF-8", "f(\"\xff\", a)\n", "f(\"\xff\", b)\n",
			head + "\x1b[36m@@ -1 +1 @@\x1b[m\n\x1b[31m-f(\"\xff\", a)\x1b[m\n\x1b[32m+f(\"\xff\", b)\x1b[m\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := string(diff.Unified([]diff.File{{Path: "a.go", Old: []byte(tc.old), New: []byte(tc.new)}}, diff.Options{Color: true}))
			if got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want []diff.Hunk
	}{
		{"", "", nil},
		{"a\n", "a\n", nil},
		{"a\n", "a", []diff.Hunk{{0, 1, 0, 1}}},
		{"", "a\nb\n", []diff.Hunk{{0, 0, 0, 2}}},
		{"a\nb\nc\nd\n", "a\nc\nx\nd\n", []diff.Hunk{{1, 2, 1, 1}, {3, 3, 2, 3}}},
		{"a\n\nb\n\n", "a\n\nx\n\nb\n\n", []diff.Hunk{{2, 2, 2, 4}}},
		{"a\na\na\n", "b\na\nc\na\na\nd\n", []diff.Hunk{{0, 0, 0, 1}, {1, 1, 2, 3}, {3, 3, 5, 6}}},
	} {
		if got := diff.Lines([]byte(tc.a), []byte(tc.b)); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("Lines(%q, %q) = %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
}

// TestSequencesManyDistinct goes beyond what runes can number.
func TestSequencesManyDistinct(t *testing.T) {
	const n = 1_200_000
	a, b := make([]int, n+2), make([]int, n+2)
	for i := range n {
		a[i+1], b[i+1] = i, i
	}
	a[0], b[0] = -1, -2
	a[n+1], b[n+1] = -3, -4
	want := []diff.Hunk{{0, n + 2, 0, n + 2}}
	if got := diff.Sequences(a, b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// FuzzUnified applies each diff with a reader that takes nothing on trust.
func FuzzUnified(f *testing.F) {
	for _, tc := range cases {
		for _, file := range tc.files {
			if len(file.Old)+len(file.New) < 10_000 {
				f.Add(file.Path, file.Old, file.New)
			}
		}
	}
	f.Fuzz(func(t *testing.T, path string, old, new []byte) {
		patch := string(diff.Unified([]diff.File{{Path: path, Old: old, New: new}}, diff.Options{}))
		got, err := apply(patch, string(old))
		if err != "" || got != string(new) {
			t.Fatalf("applied: %q (%s), want %q\n%s", got, err, new, patch)
		}
		diff.Unified([]diff.File{{Path: path, Old: old, New: new}}, diff.Options{Color: true})
	})
}

// apply carries out the diff of one file on old, strictly: positions, context
// and counts must fit. It returns what is wrong, or "".
func apply(patch, old string) (string, string) {
	if patch == "" {
		return old, ""
	}
	lines := strings.SplitAfter(patch, "\n")
	if lines[len(lines)-1] != "" {
		return "", "does not end in a newline"
	}
	lines = lines[:len(lines)-1]
	if len(lines) < 4 || !strings.HasPrefix(lines[0], "diff --git ") || !strings.HasPrefix(lines[1], "--- ") || !strings.HasPrefix(lines[2], "+++ ") {
		return "", "header"
	}
	lines = lines[3:]
	from := strings.SplitAfter(old, "\n")
	if from[len(from)-1] == "" {
		from = from[:len(from)-1]
	}
	var out strings.Builder
	at, outLines := 0, 0
	for len(lines) > 0 {
		fields := strings.Fields(lines[0])
		if len(fields) != 4 || fields[0] != "@@" || fields[3] != "@@" {
			return "", "no @@ line: " + lines[0]
		}
		lines = lines[1:]
		oldStart, oldLen, ok1 := parseRange(fields[1], "-")
		newStart, newLen, ok2 := parseRange(fields[2], "+")
		if !ok1 || !ok2 || oldStart < at || oldStart > len(from) {
			return "", "range"
		}
		for ; at < oldStart; at++ {
			out.WriteString(from[at])
			outLines++
		}
		if outLines != newStart {
			return "", "start in the new file"
		}
		for oldLen > 0 || newLen > 0 {
			if len(lines) == 0 {
				return "", "too short"
			}
			line := lines[0]
			lines = lines[1:]
			sign, text := line[0], line[1:]
			if len(lines) > 0 && lines[0] == "\\ No newline at end of file\n" {
				text = strings.TrimSuffix(text, "\n")
				lines = lines[1:]
			}
			if sign == ' ' || sign == '-' {
				if at == len(from) || from[at] != text {
					return "", "does not fit: " + line
				}
				at++
				oldLen--
			}
			if sign == ' ' || sign == '+' {
				out.WriteString(text)
				outLines++
				newLen--
			}
		}
		if oldLen != 0 || newLen != 0 {
			return "", "counts"
		}
	}
	for ; at < len(from); at++ {
		out.WriteString(from[at])
	}
	return out.String(), ""
}

// parseRange reads "-3,7" and returns how many lines come before it and how
// many it holds.
func parseRange(s, sign string) (before, n int, ok bool) {
	s, ok = strings.CutPrefix(s, sign)
	start, length, found := strings.Cut(s, ",")
	n = 1
	var err1, err2 error
	before, err1 = strconv.Atoi(start)
	if found {
		n, err2 = strconv.Atoi(length)
	}
	if n > 0 {
		before--
	}
	return before, n, ok && err1 == nil && err2 == nil
}

func BenchmarkUnified(b *testing.B) {
	old := numbered(5_000, same)
	for _, bc := range []struct {
		name string
		new  []byte
	}{
		{"one change", numbered(5_000, every(5_000, "x\n"))},
		{"100 changes", numbered(5_000, every(50, "x\n"))},
		{"all changes", numbered(5_000, every(1, "x\n"))},
	} {
		b.Run(bc.name, func(b *testing.B) {
			files := []diff.File{{Path: "a.go", Old: old, New: bc.new}}
			b.SetBytes(int64(len(old)))
			for b.Loop() {
				diff.Unified(files, diff.Options{})
			}
		})
	}
}

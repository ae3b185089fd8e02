package span

import (
	"strings"
	"testing"
)

// of returns the range of the first occurrence of part.
func of(text, part string) Span {
	i := strings.Index(text, part)
	return Span{i, i + len(part)}
}

func aboutIt(comment string) bool { return strings.Contains(comment, "trace") }

// Lines go with the comments about them, and leave no two blank lines.
func TestCutLines(t *testing.T) {
	for _, test := range []struct{ src, cut, want string }{
		{"a\nX\nb\n", "X", "a\nb\n"},
		{"a\n# the trace\nX\nb\n", "X", "a\nb\n"},
		{"a\n# other\nX\nb\n", "X", "a\n# other\nb\n"},
		{"a\n# TODO trace\nX\nb\n", "X", "a\n# TODO trace\nb\n"},
		{"#! trace\nX\nb\n", "X", "#! trace\nb\n"},
		{"a\n\nX\n\nb\n", "X", "a\n\nb\n"},
		{"X\n\nb\n", "X", "b\n"},
		{"a\n\nX\n", "X", "a\n"},
		{"a\n\nX", "X", "a\n"},
		{"a\r\n\r\nX\r\n\r\nb\r\n", "X", "a\r\n\r\nb\r\n"},
		{"a\nX1\nX2\nb\n", "X1\nX2", "a\nb\n"},
	} {
		s := CutLines([]byte(test.src), of(test.src, test.cut), "#", aboutIt)
		if got := string(Spliced([]byte(test.src), []TextEdit{{Span: s}})); got != test.want {
			t.Errorf("%q without %q: %q, want %q", test.src, test.cut, got, test.want)
		}
	}
}

// An item leaves the keyword and the others as they are.
func TestDropItem(t *testing.T) {
	for _, test := range []struct {
		src, items, drop, want string
	}{
		{"ENV a=1 X b=2\n", "a=1 X b=2", "X", "ENV a=1 b=2\n"},
		{"ENV X b=2\n", "X b=2", "X", "ENV b=2\n"},
		{"ENV a=1 X\n", "a=1 X", "X", "ENV a=1\n"},
		{"ENV a=1 \\\n    X \\\n    b=2\n", "a=1 X b=2", "X", "ENV a=1 \\\n    b=2\n"},
		{"ENV a=1 \\\n    # trace\n    X \\\n    b=2\n", "a=1 X b=2", "X", "ENV a=1 \\\n    b=2\n"},
		{"ENV a=1 \\\n    X\n", "a=1 X", "X", "ENV a=1\n"},
		{"ENV X \\\n    b=2\n", "X b=2", "X", "ENV b=2\n"},
		{"ENV X \\\n    # kept\n    b=2\n", "X b=2", "X", "ENV \\\n    # kept\n    b=2\n"},
	} {
		var items []Span
		at := -1
		for i, w := range strings.Fields(test.items) {
			items = append(items, of(test.src, w))
			if w == test.drop {
				at = i
			}
		}
		edits := DropItem([]byte(test.src), of(test.src, "ENV"), items, at, "#", aboutIt)
		if got := string(Spliced([]byte(test.src), edits)); got != test.want {
			t.Errorf("%q without %s: %q, want %q", test.src, test.drop, got, test.want)
		}
	}
}

func TestPlainValue(t *testing.T) {
	for raw, want := range map[string]string{"a=1": "a=1", `"a=1"`: "a=1", "'a'": "a", `"`: "-", `a"b"`: "-", `a\ b`: "-", "`x`": "-", "": ""} {
		s, ok := PlainValue(raw)
		got := "-"
		if ok {
			got = raw[s.Off:s.End]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

// A text of several pieces is cut out of the file piece by piece.
func TestFileText(t *testing.T) {
	src := "RUN a \\\n  bc\n"
	whole := WholeText([]byte(src), Span{0, 6})
	if whole.Text != "RUN a " || whole.File(Span{4, 5}) != (Span{4, 5}) {
		t.Errorf("%+v", whole)
	}
	joined := FileText{Text: "a bc", Offs: []int{4, 5, 10, 11}}
	if got := joined.File(Span{0, 4}); got != (Span{4, 12}) {
		t.Errorf("range %v", got)
	}
	if got := string(Spliced([]byte(src), joined.Cut(Span{1, 4}))); got != "RUN a\\\n  \n" {
		t.Errorf("cut: %q", got)
	}
	if got := joined.At(Span{2, 4}); got.Text != "bc" || got.File(Span{2, 2}) != (Span{12, 12}) || got.File(Span{0, 0}) != (Span{10, 10}) {
		t.Errorf("%+v", got)
	}
}

package printable

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		f        func(string) string
		in, want string
	}{
		{Line, "täglich\tx", "täglich\tx"},
		{Line, "a\x1b[31mb\x07\r\nc\x7f", `a\x1b[31mb\x07\r\nc\x7f`},
		{Line, "\u009b31m \u202e \u2066 \u2028", `\u009b31m \u202e \u2066 \u2028`},
		{Line, "\x9b31m\xff", `\x9b31m\xff`},
		{Line, "// ##[error]x ##vso[task] ##", `// \x23#[error]x \x23#vso[task] ##`},
		{Line, "###[x", `#\x23#[x`},
		{Text, "one\r\n::error::two\n\t ::warning::three\n", "one\n    \\x3a:error::two\n    \t \\x3a:warning::three"},
		{Text, "a\rb", `a\rb`},
		{Start, "::error::x", `\x3a:error::x`},
		{Start, " :x ::", " :x ::"},
		{Path, "::error::x.go", "./::error::x.go"},
		{Path, "a\n::error::\t.go", `a\n::error::\t.go`},
	} {
		if got := c.f(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	in := "a\u009b\x7f##[x]##vso[y]\u202e\x1bä"
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	safe := JSON(data)
	want := `"a\u009b\u007f#\u0023[x]#\u0023vso[y]\u202e\u001bä"`
	if string(safe) != want {
		t.Errorf("got %s, want %s", safe, want)
	}
	var back string
	if err := json.Unmarshal(safe, &back); err != nil || back != in {
		t.Errorf("it decodes to %q (%v), want %q", back, err, in)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a\x1b[31mb", "\r\n ::error::x", "##[x", "###vso[", "\u009b\u202e", "\xff\n\t::", "::\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check := func(what, out, keep string) {
			t.Helper()
			for _, c := range out {
				if isControl(c) && !strings.ContainsRune(keep, c) {
					t.Errorf("%s(%q) holds %q: %q", what, s, c, out)
				}
			}
			if !utf8.ValidString(out) || strings.Contains(out, "##[") || strings.Contains(out, "##vso[") {
				t.Errorf("%s(%q): %q", what, s, out)
			}
		}
		check("Line", Line(s), "\t")
		check("Path", Path(s), "")
		text := Text(s)
		check("Text", text, "\t\n")
		for i, line := range strings.Split(text, "\n") {
			if i > 0 && strings.HasPrefix(strings.TrimSpace(line), "::") {
				t.Errorf("Text(%q) has a line that is a command: %q", s, line)
			}
		}
		if strings.HasPrefix(strings.TrimSpace(Path(s)), "::") {
			t.Errorf("Path(%q) begins as a command: %q", s, Path(s))
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(JSON(data), &got); err != nil || got != want {
			t.Errorf("JSON(%s) means %q (%v), want %q", data, got, err, want)
		}
		check("JSON", string(JSON(data)), "")
	})
}

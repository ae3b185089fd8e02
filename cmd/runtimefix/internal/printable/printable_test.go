package printable

import (
	"encoding/json"
	"testing"
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

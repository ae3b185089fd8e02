package ignores

import "testing"

func TestAdd(t *testing.T) {
	one := []Place{{Line: 3, Rules: []string{"r"}}}
	for _, c := range []struct {
		name, src string
		places    []Place
		want      string // "" when it is refused
	}{
		{"a.go", "func f() {\n\tfor {\n\t\tg()\n\t}\n}\n", one, "func f() {\n\tfor {\n\t\t//runtimefix:ignore r why\n\t\tg()\n\t}\n}\n"},
		{"a.go", "// F does.\n\nfunc f() {\n}\n", one, "// F does.\n\nfunc f() { //runtimefix:ignore r why\n}\n"},
		{"a.go", "\r\n{\r\n\tg() // x\r\n}", one, "\r\n{\r\n\t//runtimefix:ignore r why\r\n\tg() // x\r\n}"},
		{"a.go", "x := `\na\nb` + g()\n", one, ""},
		{"a.go", "/*\na\n*/ g()\n", one, ""},
		{"a.go", "\n\nf() /*\n*/\n", one, "\n\n//runtimefix:ignore r why\nf() /*\n*/\n"},
		{"a.go", "\tf()\n\tg()\n\th()\n", []Place{{1, []string{"r", "s"}}, {3, []string{"r"}}}, "\t//runtimefix:ignore r,s why\n\tf()\n\tg()\n\t//runtimefix:ignore r why\n\th()\n"},
		{"Dockerfile", "FROM a\nRUN b\nENV X=1", one, "FROM a\nRUN b\n# runtimefix:ignore r why\nENV X=1"},
		{"Dockerfile", "FROM a\nRUN b \\\nENV X=1", one, ""},
		{"a.yaml", "a:\n- b:\n  - c: 1\n", one, "a:\n- b:\n  # runtimefix:ignore r why\n  - c: 1\n"},
		{"a.yaml", "a: |\n  x\n  c=1\n", one, ""},
		{"a.json", "{\n\n\"a\": 1}\n", one, ""},
		{"a.sh", "a\nb\nexport c\n", one, ""},
		{"a.go", "short\n", one, ""},
	} {
		out, refused := Add(c.name, []byte(c.src), c.places, "why")
		if c.want == "" {
			if len(refused) != len(c.places) || string(out) != c.src {
				t.Errorf("%s %q: got %q, want it refused", c.name, c.src, out)
			}
			continue
		}
		if string(out) != c.want || len(refused) > 0 {
			t.Errorf("%s %q: got %q, want %q; %v refused", c.name, c.src, out, c.want, refused)
		}
	}
}

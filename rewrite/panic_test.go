package rewrite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPanicCostsOnePackage runs a rule that panics on one of three packages: what
// it finds in the others, and what another rule finds in all, stays.
func TestPanicCostsOnePackage(t *testing.T) {
	for name, fail := range map[string]func(*Snapshot){
		"no such thing": func(*Snapshot) { panic("no such thing") },
		"unhashable":    func(s *Snapshot) { Memo(s, []int{1}, func() int { return 1 }) },
	} {
		t.Run(name, func(t *testing.T) { panicCostsOnePackage(t, fail, name) })
	}
}

func panicCostsOnePackage(t *testing.T, fail func(*Snapshot), why string) {
	dir := t.TempDir()
	files := map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n"}
	for _, name := range []string{"a", "b", "c"} {
		files[name+"/x.go"] = "package " + name + "\n\nfunc mark() {}\n\nfunc f() { mark() }\n"
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	finder := func(name string, broken bool) *Finder {
		return &Finder{Name: name, Needs: []Need{{Idents: []string{"mark"}}}, Find: func(s *Snapshot) []Finding {
			var out []Finding
			for _, p := range s.Packages {
				if broken && p.Path == "example.com/m/b" {
					fail(s)
				}
				decl := p.Files[0].AST.Decls[0]
				out = append(out, Finding{Pos: decl.Pos(), End: decl.End(), Message: "mark in " + p.Path})
			}
			return out
		}}
	}
	res, err := Run(context.Background(), Options{Config: Config{Dir: dir}, Fix: true, Admit: Safe}, []*Finder{finder("broken", true), finder("sound", false)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range res.Findings {
		got = append(got, f.Rule+": "+f.Message)
	}
	want := "broken: mark in example.com/m/a\nsound: mark in example.com/m/a\nsound: mark in example.com/m/b\nbroken: mark in example.com/m/c\nsound: mark in example.com/m/c"
	if strings.Join(got, "\n") != want {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if len(res.Internal) != 1 || res.Internal[0].Package != "example.com/m/b" || !strings.Contains(res.Internal[0].Message, "internal error in rule broken: ") ||
		!strings.Contains(res.Internal[0].Message, why) {
		t.Errorf("internal errors %v, want one, of package b", res.Internal)
	}
}

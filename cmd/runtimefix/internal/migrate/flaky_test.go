package migrate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// flakyModule is a module whose test passes (p) and fails (f) as a file of the folder
// SCRIPTS says, a letter a run: with or without, as the constant side is. With
// WHOLE its package fails and the test does not.
var flakyModule = map[string]string{
	"go.mod":  "module example.com/m\n\ngo 1.25\n",
	"side.go": "package m\n\nconst side = \"without\"\n",
	"m_test.go": `package m

import (
	"os"
	"testing"
)

// next takes a letter from the script.
func next() byte {
	file := os.Getenv("SCRIPTS") + "/" + side
	script, err := os.ReadFile(file)
	if err != nil || len(script) == 0 {
		panic("one run too many")
	}
	os.WriteFile(file, script[1:], 0o600)
	return script[0]
}

func TestSometimes(t *testing.T) {
	if os.Getenv("WHOLE") == "" && next() == 'f' {
		t.Error("not this time")
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("WHOLE") != "" && next() == 'f' {
		code = 1
	}
	os.Exit(code)
}
`,
}

func TestSettle(t *testing.T) {
	const test, pkg = "example.com/m TestSometimes", "example.com/m"
	for _, c := range []struct {
		name          string
		without, with string // what the runs do, all of them
		flaky         bool
		whole         string // 1: not the test but its package
	}{
		{"once", "p", "fppp", true, ""},
		{"each time", "p", "ffff", false, ""},
		{"sometimes, and only with the change", "pppp", "ffpp", false, ""},
		{"sometimes, without the change too", "ppfp", "fpfp", true, ""},
		{"the package once", "p", "fppp", true, "1"},
		{"the package each time", "p", "ffff", false, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, scripts := t.TempDir(), t.TempDir()
			for name, text := range flakyModule {
				write(t, filepath.Join(dir, name), text)
			}
			write(t, filepath.Join(scripts, "without"), c.without)
			write(t, filepath.Join(scripts, "with"), c.with)
			t.Setenv("SCRIPTS", scripts)
			t.Setenv("WHOLE", c.whole)
			name, says := test, "the test "+test+" fails"
			if c.whole != "" {
				name, says = pkg, "the tests of "+pkg+" do not run: "
			}

			v, err := NewVerifier(Test, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			ctx := context.Background()
			side := filepath.Join(dir, "side.go")
			overlay := map[string][]byte{side: []byte("package m\n\nconst side = \"with\"\n")}
			scope, err := v.ScopeOf(ctx, []string{side})
			if err != nil {
				t.Fatal(err)
			}
			before, err := v.Check(ctx, scope, nil)
			if err != nil {
				t.Fatal(err)
			}
			after, err := v.Check(ctx, scope, overlay)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Settle(ctx, scope, overlay, before, after); err != nil {
				t.Fatal(err)
			}
			got := Worse(before, after)
			if c.flaky && (len(got) > 0 || len(after.Flaky) != 1 || after.Flaky[0] != name) {
				t.Errorf("blamed: %q, flaky: %q", got, after.Flaky)
			}
			if !c.flaky && (len(got) != 1 || !strings.HasPrefix(got[0], says) || len(after.Flaky) > 0) {
				t.Errorf("blamed: %q, flaky: %q", got, after.Flaky)
			}
			// It ran as often as it had to.
			for _, side := range []string{"without", "with"} {
				if left, _ := os.ReadFile(filepath.Join(scripts, side)); len(left) > 0 {
					t.Errorf("%s the change it was to run %d times more", side, len(left))
				}
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

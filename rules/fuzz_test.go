package rules

import (
	"bytes"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/txtar"
)

// The ways in which FuzzWhole lays out a file otherwise before rules see it.
const (
	crlf = 1 << iota
	bom
	oneLine
	oddComments
	injected
)

// mutate lays src out otherwise; seed says where.
func mutate(src []byte, how uint8, seed uint32) []byte {
	lines := bytes.SplitAfter(src, []byte("\n"))
	pick := func() int {
		seed = seed*1664525 + 1013904223
		return int(seed>>8) % len(lines)
	}
	insert := func(i int, text string) { lines = slices.Insert(lines, i, []byte(text)) }
	if how&injected != 0 {
		for range 3 {
			if i := pick(); bytes.HasSuffix(bytes.TrimSpace(lines[i]), []byte("{")) {
				insert(i+1, []string{"\truntime.GC()\n", "\tdebug.FreeOSMemory() // back to the system\n", "\truntime.LockOSThread()\n"}[pick()%3])
			}
		}
	}
	if how&oddComments != 0 {
		for range 4 {
			i := pick()
			switch line := bytes.TrimRight(lines[i], "\r\n"); pick() % 3 {
			case 0:
				insert(i, "\t\t// odd "+string(rune('a'+i%26))+"\n")
			case 1:
				insert(i, "/* odd\n      one */\n")
			default:
				if !bytes.Contains(line, []byte("`")) {
					lines[i] = append(slices.Clone(line), "   // behind\n"...)
				}
			}
		}
	}
	if how&oneLine != 0 {
		for range 4 {
			i := pick()
			if i+1 < len(lines) && len(bytes.TrimSpace(lines[i])) > 0 && !bytes.Contains(lines[i], []byte("//")) && !bytes.ContainsAny(lines[i], "{(,`") {
				lines[i] = append(bytes.TrimRight(slices.Clone(lines[i]), "\r\n"), "; "...)
				lines[i+1] = bytes.TrimLeft(lines[i+1], "\t")
			}
		}
	}
	out := bytes.Join(lines, nil)
	if how&crlf != 0 {
		out = bytes.ReplaceAll(bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	}
	if how&bom != 0 && !bytes.HasPrefix(out, []byte("\ufeff")) {
		out = append([]byte("\ufeff"), out...)
	}
	return out
}

// unitOf type-checks src, a package of one file; nil where it does not.
func unitOf(src []byte, imp types.Importer) *rewrite.Unit {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "/fuzz/x.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	info := &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue), Instances: make(map[*ast.Ident]types.Instance), Defs: make(map[*ast.Ident]types.Object),
		Uses: make(map[*ast.Ident]types.Object), Implicits: make(map[ast.Node]types.Object), Selections: make(map[*ast.SelectorExpr]*types.Selection),
		Scopes: make(map[ast.Node]*types.Scope), FileVersions: make(map[*ast.File]string),
	}
	conf := types.Config{Importer: imp, GoVersion: "go1.26"}
	pkg, err := conf.Check("fuzz", fset, []*ast.File{f}, info)
	if err != nil {
		return nil
	}
	return &rewrite.Unit{
		Fset: fset, Files: []*ast.File{f}, Types: pkg, Info: info, Inspector: inspector.New([]*ast.File{f}), Sizes: types.SizesFor("gc", "amd64"),
		Module:   &rewrite.Module{Path: "fuzz", GoVersion: "1.26", Main: true},
		ReadFile: func(string) ([]byte, error) { return src, nil },
	}
}

// comments returns how often each comment stands in the parts of src that keep
// reports.
func comments(u *rewrite.Unit, keep func(off int) bool) map[string]int {
	out := make(map[string]int)
	for _, g := range u.Files[0].Comments {
		for _, c := range g.List {
			if keep(u.Fset.PositionFor(c.Pos(), false).Offset) {
				out[strings.Join(strings.Fields(c.Text), " ")]++
			}
		}
	}
	return out
}

// fuzzImports are the packages that an input may import.
var fuzzImports = []string{
	"bufio", "bytes", "context", "database/sql", "encoding/json", "errors", "expvar", "flag", "fmt", "io", "log", "log/slog", "math/rand", "net", "net/http",
	"net/http/httptest", "net/http/pprof", "os", "os/exec", "os/signal", "path/filepath", "reflect", "regexp", "runtime", "runtime/debug", "runtime/metrics",
	"runtime/pprof", "runtime/trace", "slices", "sort", "strconv", "strings", "sync", "sync/atomic", "syscall", "testing", "time", "unsafe",
}

// stdImporter knows fuzzImports: an input that takes more than ten seconds, as it would
// to read packages from source or to run the go command, ends the worker without a word.
func stdImporter(f *testing.F) types.Importer {
	out, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "--"}, fuzzImports...)...).Output()
	if err != nil {
		f.Fatal(err)
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	gc := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
	return importerFunc(func(path string) (*types.Package, error) {
		if !slices.Contains(fuzzImports, path) {
			return nil, errors.New("no such package")
		}
		return gc.Import(path)
	})
}

type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }

// hooks are words that files of the standard library have to hold to be seeds.
var hooks = []string{"runtime.GC()", "FreeOSMemory", "SetFinalizer", "AddCleanup", "LockOSThread", "ReadMemStats", "NumGoroutine", "signal.Notify", "time.After", "time.Tick", "KeepAlive"}

// stdSeeds returns files of the standard library that compile alone and use what
// rules look at.
func stdSeeds(f *testing.F, imp types.Importer) [][]byte {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		f.Fatal(err)
	}
	var out [][]byte
	for _, dir := range []string{"runtime", "runtime/debug", "runtime/pprof", "os/signal", "time", "context", "net/http/pprof", "runtime/testdata/testprog"} {
		paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(goroot)), "src", dir, "*.go"))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if len(src) < 6000 && slices.ContainsFunc(hooks, func(w string) bool { return bytes.Contains(src, []byte(w)) }) && unitOf(src, imp) != nil {
				out = append(out, src)
			}
		}
	}
	return out
}

// goldenSeeds returns the Go files of the golden trees.
func goldenSeeds(f *testing.F) [][]byte {
	trees, err := filepath.Glob("../testdata/rules/*/*.txtar")
	if err != nil || len(trees) == 0 {
		f.Fatal("no golden trees", err)
	}
	var out [][]byte
	for _, path := range trees {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if strings.HasSuffix(file.Name, ".go") && !strings.HasPrefix(file.Name, "want/") && len(file.Data) < 2500 && !bytes.Contains(file.Data, []byte("import \"C\"")) {
				out = append(out, file.Data)
			}
		}
	}
	return out
}

// FuzzWhole runs all rules on the files of the golden trees and of the standard
// library, laid out in other ways: no fix may make what does not compile, lose a
// comment outside of what it changes, or change the line ends, and once all are made
// there is nothing left to fix.
func FuzzWhole(f *testing.F) {
	imp := stdImporter(f)
	for n, src := range append(goldenSeeds(f), stdSeeds(f, imp)...) {
		if n++; n%9 == 0 || !testing.Short() && n%3 == 0 {
			f.Add(src, uint8(n), uint32(n))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, how uint8, seed uint32) {
		src := mutate(data, how, seed)
		u := unitOf(src, imp)
		if u == nil {
			return
		}
		for _, r := range All {
			checkRule(t, r, src, u, imp)
		}
	})
}

// checkRule asserts what FuzzWhole says of each fix of r, and of all one after the
// other.
func checkRule(t *testing.T, r *Rule, src []byte, u *rewrite.Unit, imp types.Importer) {
	fixes := -1 // how many there may still be
	for {
		found, err := u.Find(r.Finder(), rewrite.Unsafe)
		if err != nil {
			t.Fatalf("%s: %v\n%s", r.Name, err, src)
		}
		found = slices.DeleteFunc(found, func(x rewrite.UnitFinding) bool { return x.Fix == nil })
		var out []byte
		var next *rewrite.Unit
		for _, x := range found {
			made, v := checkFix(t, r.Name, src, x, u, imp)
			if next == nil {
				out, next = made, v
			}
		}
		if next == nil {
			return
		}
		if fixes < 0 {
			fixes = 2*len(found) + 2
		}
		if fixes--; fixes < 0 {
			t.Fatalf("%s: its fixes do not end:\n%s", r.Name, src)
		}
		src, u = out, next
	}
}

// checkFix asserts what FuzzWhole says of one fix. It returns the result.
func checkFix(t *testing.T, rule string, src []byte, x rewrite.UnitFinding, u *rewrite.Unit, imp types.Importer) (out []byte, v *rewrite.Unit) {
	at := 0
	for _, e := range x.Edits {
		out = append(append(out, src[at:e.Start]...), e.New...)
		at = e.End
	}
	out = append(out, src[at:]...)
	v = unitOf(out, imp)
	if v == nil {
		t.Fatalf("%s: %s: the result does not compile:\n%s\nof\n%s", rule, x.Fix.Message, out, src)
	}
	kept := comments(u, func(off int) bool {
		return !slices.ContainsFunc(x.Edits, func(e rewrite.TextEdit) bool { return e.Start <= off && off < e.End })
	})
	all := comments(v, func(int) bool { return true })
	for text, n := range kept {
		if all[text] < n {
			t.Fatalf("%s: %s: the comment %q is lost:\n%s\nof\n%s", rule, x.Fix.Message, text, out, src)
		}
	}
	if bytes.Contains(src, []byte("\r\n")) && !bytes.Contains(bytes.ReplaceAll(src, []byte("\r\n"), nil), []byte("\n")) &&
		bytes.Contains(bytes.ReplaceAll(out, []byte("\r\n"), nil), []byte("\n")) {
		t.Fatalf("%s: %s: line ends change:\n%q", rule, x.Fix.Message, out)
	}
	return out, v
}

package rebase

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dave/dst"
)

// TestStandardLibrary spoils the layout of real files, deletes, inserts or wraps
// a statement, and looks at what else has changed: nothing may have.
func TestStandardLibrary(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(goroot)), "src", "*", "*.go"))
	if err != nil || len(files) == 0 {
		t.Skipf("no standard library: %v", err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	const sample = 100
	done := 0
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(src) > 60_000 || !bytes.Contains(src, []byte("func ")) {
			continue
		}
		orig := spoil(src, rng)
		if changeOne(t, name, orig, rng) {
			if done++; done == sample {
				return
			}
		}
	}
	t.Errorf("only %d of %d files", done, sample)
}

// spoil returns src with another layout of the same tokens.
func spoil(src []byte, rng *rand.Rand) []byte {
	s := scan(src)
	indent := []string{"\t", "  ", "   ", "    "}[rng.IntN(4)]
	join, blanks := rng.IntN(2) == 0, rng.IntN(2) == 0
	var b strings.Builder
	for i := 1; i < len(s.toks); i++ {
		prev, next, gap := s.toks[i-1], s.toks[i], s.gap(i)
		comment := prev.tok == token.COMMENT || next.tok == token.COMMENT
		switch {
		case i == 1, comment && prev.text == "end":
		case join && next.semis == 1 && next.newlines == 1 && !comment && !next.isCloser() && next.tok != token.EOF && rng.IntN(20) == 0:
			gap = "; "
		case next.newlines > 0:
			last := strings.LastIndexByte(gap, '\n')
			gap = gap[:last+1] + strings.ReplaceAll(gap[last+1:], "\t", indent)
			if blanks && !comment && rng.IntN(10) == 0 {
				gap = " \t" + gap
			}
			if blanks && !comment && rng.IntN(30) == 0 {
				gap = "\n\n" + gap
			}
		case blanks && rng.IntN(10) == 0 && !comment:
			gap += "  "
		}
		b.WriteString(gap + s.bytes(i))
	}
	out := strings.TrimPrefix(b.String(), "\n")
	switch rng.IntN(4) {
	case 0:
		out = strings.ReplaceAll(out, "\n", "\r\n")
	case 1:
		out = "\ufeff" + out
	case 2:
		out = strings.TrimSuffix(out, "\n")
	}
	return []byte(out)
}

// bodies returns the function bodies of a file in order.
func bodies(file *ast.File) (list []*ast.BlockStmt) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			list = append(list, f.Body)
		}
	}
	return list
}

func dstBodies(file *dst.File) (list []*dst.BlockStmt) {
	for _, d := range file.Decls {
		if f, ok := d.(*dst.FuncDecl); ok && f.Body != nil {
			list = append(list, f.Body)
		}
	}
	return list
}

// changeOne deletes a statement of orig, inserts one or wraps one, and reports
// whether there was one to choose.
func changeOne(t *testing.T, name string, orig []byte, rng *rand.Rand) bool {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, orig, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("%s: %v\n%.1000q", name, err, orig)
	}
	var bs []int
	for i, b := range bodies(file) {
		if len(b.List) > 1 {
			bs = append(bs, i)
		}
	}
	if len(bs) == 0 {
		return false
	}
	nth := bs[rng.IntN(len(bs))]
	body := bodies(file)[nth]
	at := rng.IntN(len(body.List))
	change := []string{"delete", "insert", "wrap"}[rng.IntN(3)]
	before, err := render(orig, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := render(orig, func(f *dst.File) {
		b := dstBodies(f)[nth]
		switch change {
		case "delete":
			b.List = append(b.List[:at:at], b.List[at+1:]...)
		case "wrap":
			outer := &dst.IfStmt{Cond: dst.NewIdent("added"), Body: &dst.BlockStmt{List: []dst.Stmt{b.List[at]}}}
			outer.Decs.Before = b.List[at].Decorations().Before
			outer.Decs.After = b.List[at].Decorations().After
			b.List[at].Decorations().Before = dst.NewLine
			b.List[at].Decorations().After = dst.NewLine
			b.List[at] = outer
		case "insert":
			added := &dst.DeferStmt{Call: &dst.CallExpr{Fun: dst.NewIdent("added")}}
			added.Decs.Before = dst.NewLine
			added.Decs.After = dst.NewLine
			b.List = append(b.List[:at:at], append([]dst.Stmt{added}, b.List[at:]...)...)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, exact, err := Rebase(orig, before, after)
	if err != nil || !exact {
		t.Errorf("%s: %s: exact %v, err %v", name, change, exact, err)
		return true
	}
	if !means(bytes.TrimPrefix(out, bom), scan(after)) {
		t.Errorf("%s: the tokens are others", name)
	}
	// What is not in the gaps beside the statement stays.
	tf := fset.File(file.Pos())
	start, end := tf.Offset(body.List[at].Pos()), tf.Offset(body.List[at].End())
	if change == "insert" {
		end = start
	}
	head, tail := codeBefore(orig, start), codeAfter(orig, end)
	if !bytes.HasPrefix(out, orig[:head]) || !bytes.HasSuffix(out, orig[tail:]) || len(out) < head+len(orig)-tail {
		n := 0
		for n < len(out) && n < len(orig) && out[n] == orig[n] {
			n++
		}
		t.Errorf("%s: %s: bytes around the change differ\norig  %q\nout   %q\n want up to %q from %q", name, change,
			orig[max(0, n-80):min(len(orig), n+200)], out[max(0, n-80):min(len(out), n+200)], orig[max(0, head-20):head], orig[tail:min(len(orig), tail+20)])
	}
	if lineEnds(out, "\r\n") > 0 && lineEnds(out, "\n") != lineEnds(out, "\r\n") {
		t.Errorf("%s: mixed line ends", name)
	}
	return true
}

func lineEnds(text []byte, eol string) int { return bytes.Count(text, []byte(eol)) }

// codeBefore returns the end of the last token before offset that is no comment.
func codeBefore(src []byte, offset int) int {
	end := 0
	for _, t := range codeTokens(src) {
		if t.end <= offset {
			end = t.end
		}
	}
	return end
}

// codeAfter returns the start of the first token at offset or behind it that is
// no comment.
func codeAfter(src []byte, offset int) int {
	for _, t := range codeTokens(src) {
		if t.start >= offset {
			return t.start
		}
	}
	return len(src)
}

// codeTokens returns the tokens of src without comments, at their offsets in it.
func codeTokens(src []byte) (list []tok) {
	content, _ := bytes.CutPrefix(src, bom)
	shift := len(src) - len(content) - 1
	for _, t := range scan(content).toks[1:] {
		if t.tok != token.COMMENT {
			t.start += shift
			t.end += shift
			list = append(list, t)
		}
	}
	return list
}

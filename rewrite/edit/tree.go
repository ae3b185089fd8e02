package edit

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/printer"
	"go/token"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/dave/dst/decorator"
	"github.com/runtimefix/runtimefix/rewrite/load"
	"golang.org/x/mod/modfile"
)

// Trees are the decorated files and the text splices of one round.
type Trees struct {
	s       *load.Snapshot
	files   map[string]*tree
	splices map[string][]splice
	texts   map[string]*load.TextFile
	mods    map[string]*goMod
	claimed []claim // by the edits performed
	near    *Edit   // what windows are around, nil for whole files
}

// tree is one decorated file, or a window of it.
type tree struct {
	f       *load.File
	win     *window   // nil for the whole file
	src     []byte    // what is decorated
	ast     *ast.File // parsed from it
	dec     *decorator.Decorator
	file    *dst.File
	before  []byte // the unmodified tree, rendered
	touched bool
	// anchors say at which place of the original file an inserted identifier
	// that names an import stands, to find what the name means there.
	anchors map[*dst.Ident]token.Pos
	// dropped are the comments that the edits remove on purpose.
	dropped []string
	// last maps a statement to the last one inserted after it.
	last map[dst.Stmt]dst.Stmt
}

type splice struct {
	off, end int
	text     string
}

type goMod struct {
	orig []byte
	file *modfile.File
}

// NewTrees returns no trees yet: a file is decorated when an edit touches it.
func NewTrees(s *load.Snapshot) *Trees {
	return &Trees{
		s:       s,
		files:   make(map[string]*tree),
		splices: make(map[string][]splice),
		texts:   make(map[string]*load.TextFile),
		mods:    make(map[string]*goMod),
	}
}

// NearTo makes ts decorate no more of a file than what e, which other trees of the
// same snapshot recorded, touches and what is around that. Only edits that touch
// the same may be recorded then, and Parts says what they make.
func (ts *Trees) NearTo(e *Edit) { ts.near = e }

// of returns f's decorated tree.
func (ts *Trees) of(f *load.File) (*tree, error) {
	switch {
	case f.Generated:
		return nil, fmt.Errorf("%s is generated", f.Path)
	case f.ReadOnly != "":
		return nil, fmt.Errorf("%s is not changed: %s", f.Path, f.ReadOnly)
	}
	if t := ts.files[f.Path]; t != nil {
		return t, nil
	}
	if out := ts.s.Outside(f.Path); out != "" {
		return nil, errOutside(f.Path, out)
	}
	if ts.near != nil {
		if w := windowOf(f, ts.near.claims, ts.near.ends[f.Path]); len(w.cuts) > 0 {
			if t, err := w.tree(); err == nil {
				ts.files[f.Path] = t
				return t, nil
			}
		}
	}
	t, err := decorate(f, f.AST, f.Src)
	if err != nil {
		return nil, err
	}
	before := load.Memo(ts.s, printedKey{f}, func() printed {
		text, err := t.render()
		return printed{text, err}
	})
	if before.err != nil {
		return nil, fmt.Errorf("%s: rendering: %w", f.Path, before.err)
	}
	t.before = before.text
	ts.files[f.Path] = t
	return t, nil
}

// decorate returns the tree of src, which is f or a window of it and was parsed to
// af.
func decorate(f *load.File, af *ast.File, src []byte) (*tree, error) {
	// The decorator gets no import resolver: pkg.Name stays the selector
	// expression that stands in the file, and the import block stays as it is.
	dec := decorator.NewDecorator(lineTable(f.Path, af, src))
	df, err := dec.DecorateFile(af)
	if err != nil {
		return nil, fmt.Errorf("%s: decorating: %w", f.Path, err)
	}
	return &tree{
		f: f, src: src, ast: af, dec: dec, file: df,
		anchors: make(map[*dst.Ident]token.Pos),
		last:    make(map[dst.Stmt]dst.Stmt),
	}, nil
}

// printed is a file's unmodified tree, rendered: the same for all edits of a
// snapshot.
type printed struct {
	text []byte
	err  error
}

type printedKey struct{ f *load.File }

func errOutside(path, target string) error {
	return fmt.Errorf("%s is not changed: it is a link to %s, outside of the repository", path, target)
}

// lineTable returns a file set that holds the file of af and src alone, at the positions of its tree,
// with the lines as the decorator must see them: it takes a line for blank when
// two line starts are next to each other, which those of a line that holds blanks
// or a carriage return are not, and it measures raw strings without the carriage
// returns in them. Line directives do not count.
func lineTable(path string, af *ast.File, src []byte) *token.FileSet {
	fset := token.NewFileSet()
	start := int(af.FileStart)
	tf := fset.AddFile(path, start, len(src))
	inRaw := make(map[int]bool) // offsets of line ends in raw strings
	if bytes.IndexByte(src, '\r') >= 0 {
		ast.Inspect(af, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || !strings.HasPrefix(lit.Value, "`") {
				return true
			}
			for i := int(lit.Pos()) - start + 1; i < len(src) && src[i] != '`'; i++ {
				inRaw[i] = src[i] == '\n'
			}
			return true
		})
	}
	lines := []int{0}
	for i, c := range src {
		if c != '\n' || inRaw[i] {
			continue
		}
		if last := lines[len(lines)-1]; last > 0 && len(bytes.TrimSpace(src[last:i])) == 0 {
			lines[len(lines)-1] = i
		}
		if i+1 < len(src) {
			lines = append(lines, i+1)
		}
	}
	tf.SetLines(lines)
	return fset
}

// render prints the tree in gofmt's layout. Unlike format.Node it leaves the
// order of the imports alone.
func (t *tree) render() ([]byte, error) {
	fset, af, err := decorator.RestoreFile(t.file)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	cfg := printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}
	if err := cfg.Fprint(&buf, fset, af); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// note marks the identifiers in n that name imports as standing at pos.
func (t *tree) note(n dst.Node, pos token.Pos) {
	t.touched = true
	dst.Inspect(n, func(n dst.Node) bool {
		if id, ok := n.(*dst.Ident); ok && id.Path != "" {
			if _, seen := t.anchors[id]; !seen {
				t.anchors[id] = pos
			}
		}
		return true
	})
}

// list returns the statement list that holds stmt, and the index of its twin
// in it. A labeled statement stands for the statement it labels.
func (t *tree) list(stmt ast.Stmt) (list *[]dst.Stmt, i int, err error) {
	cur, ok := t.f.Pkg.Cursor(stmt)
	if !ok {
		return nil, 0, fmt.Errorf("%s: the statement is not in the file", t.pos(stmt))
	}
	parent := cur.Parent()
	for {
		if _, ok := parent.Node().(*ast.LabeledStmt); !ok {
			break
		}
		cur, parent = parent, parent.Parent()
	}
	switch p := t.dec.Dst.Nodes[parent.Node()].(type) {
	case *dst.BlockStmt:
		list = &p.List
	case *dst.CaseClause:
		list = &p.Body
	case *dst.CommClause:
		list = &p.Body
	default:
		return nil, 0, fmt.Errorf("%s: the statement is in no list", t.pos(stmt))
	}
	twin, _ := t.dec.Dst.Nodes[cur.Node()].(dst.Stmt)
	i = slices.Index(*list, twin)
	if i < 0 {
		return nil, 0, fmt.Errorf("%s: the statement is gone", t.pos(stmt))
	}
	return list, i, nil
}

func (t *tree) pos(n ast.Node) token.Position { return t.f.Pkg.Snapshot().Position(n.Pos()) }

func (t *tree) insert(stmt ast.Stmt, new []dst.Stmt, after bool) error {
	if len(new) == 0 {
		return nil
	}
	list, i, err := t.list(stmt)
	if err != nil {
		return err
	}
	anchor := (*list)[i]
	pos := stmt.Pos()
	if after {
		pos = stmt.End()
	}
	for _, n := range new {
		t.note(n, pos)
	}
	spaceOut(new)
	if !after {
		// Comments above the anchor stay with it; the blank line above goes
		// above the new statements.
		new[0].Decorations().Before = anchor.Decorations().Before
		anchor.Decorations().Before = dst.NewLine
		*list = slices.Insert(*list, i, new...)
		return nil
	}
	prev := anchor
	if l := t.last[anchor]; l != nil {
		if j := slices.Index(*list, l); j >= 0 {
			i, prev = j, l
		}
	}
	last := new[len(new)-1]
	last.Decorations().After = prev.Decorations().After
	// Comments on lines of their own behind the last statement of a list stay
	// at the end of the list.
	if same, below := splitEnd(prev.Decorations().End); len(below) > 0 {
		prev.Decorations().End = same
		appendBelow(&last.Decorations().End, below)
	}
	prev.Decorations().After = dst.NewLine
	*list = slices.Insert(*list, i+1, new...)
	t.last[anchor] = last
	return nil
}

// spaceOut puts each statement on a line of its own, keeping blank lines that
// the statements bring with them between them.
func spaceOut(list []dst.Stmt) {
	for i, n := range list {
		d := n.Decorations()
		if d.Before == dst.None || i == 0 {
			d.Before = dst.NewLine
		}
		if d.After == dst.None || i == len(list)-1 {
			d.After = dst.NewLine
		}
	}
}

func (t *tree) replace(old ast.Node, new dst.Node) error {
	twin := t.dec.Dst.Nodes[old]
	if twin == nil {
		return fmt.Errorf("%s: %T has no twin", t.pos(old), old)
	}
	t.note(new, old.Pos())
	nd, od := new.Decorations(), twin.Decorations()
	nd.Before, nd.After = od.Before, od.After
	nd.Start = append(slices.Clone(od.Start), nd.Start...)
	nd.End = append(slices.Clone(nd.End), od.End...)
	if !replaceNode(t.file, twin, new) {
		return fmt.Errorf("%s: %T is gone", t.pos(old), old)
	}
	t.dec.Dst.Nodes[old] = new
	return nil
}

func (t *tree) replaceStmt(old ast.Stmt, new []dst.Stmt) error {
	if len(new) == 0 {
		return t.delete(old, nil)
	}
	list, i, err := t.list(old)
	if err != nil {
		return err
	}
	for _, n := range new {
		t.note(n, old.Pos())
	}
	spaceOut(new)
	od := (*list)[i].Decorations()
	first, last := new[0].Decorations(), new[len(new)-1].Decorations()
	first.Before = od.Before
	first.Start = append(slices.Clone(od.Start), first.Start...)
	last.After = od.After
	last.End = append(slices.Clone(last.End), od.End...)
	t.dec.Dst.Nodes[old] = new[0]
	*list = slices.Replace(*list, i, i+1, new...)
	return nil
}

func (t *tree) addBefore(decl ast.Decl, decls []dst.Decl) error {
	twin, _ := t.dec.Dst.Nodes[decl].(dst.Decl)
	i := slices.Index(t.file.Decls, twin)
	if i < 0 {
		return fmt.Errorf("%s: the declaration is gone", t.pos(decl))
	}
	for _, d := range decls {
		t.note(d, decl.Pos())
		d.Decorations().Before, d.Decorations().After = dst.EmptyLine, dst.EmptyLine
	}
	t.file.Decls = slices.Insert(t.file.Decls, i, decls...)
	return nil
}

// splice records a text edit.
func (ts *Trees) splice(t *load.TextFile, off, end int, text string) {
	ts.texts[t.Path] = t
	ts.splices[t.Path] = append(ts.splices[t.Path], splice{off, end, text})
}

func (ts *Trees) editGoMod(s *load.Snapshot, path string, f func(*modfile.File) error) error {
	m := ts.mods[path]
	if m == nil {
		data, err := s.Read(path)
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		mf, err := modfile.Parse(path, data, nil)
		if err != nil {
			return fmt.Errorf("parsing %s: %w", path, err)
		}
		if !bytes.Equal(modfile.Format(mf.Syntax), data) {
			return fmt.Errorf("%s is not in the go command's format; run go mod edit -fmt first", path)
		}
		m = &goMod{orig: data, file: mf}
		ts.mods[path] = m
	}
	if err := f(m.file); err != nil {
		return err
	}
	m.file.Cleanup()
	return nil
}

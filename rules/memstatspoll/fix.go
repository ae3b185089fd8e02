package memstatspoll

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// fixes returns the fixes of the reading, or says why there is none.
func (r *memReading) fixes() ([]*rewrite.Fix, string) {
	var fixes []*rewrite.Fix
	if a := r.pauseAlert(); a != nil {
		fixes = append(fixes, a.fix())
	}
	src := r.sources()
	if why := metricMissing(src.metrics, r.file.Version()); why != "" {
		return nil, why
	}
	if !src.gc && len(src.metrics) == 0 {
		return nil, "the fields that are read are constant"
	}
	pl, why := r.place()
	if why != "" {
		return nil, why
	}
	fix := &rewrite.Fix{
		Safety: rewrite.Safe,
		Apply:  func(e *rewrite.Edit) error { return r.apply(e, src, pl) },
	}
	switch {
	case len(src.metrics) == 0:
		fix.Message = "read debug.GCStats, which has the same numbers and stops nothing"
	case src.gc:
		fix.Message = "read runtime/metrics and debug.GCStats, one after the other; they stop nothing"
	default:
		fix.Message = "read runtime/metrics, which stops nothing"
	}
	if names := r.fieldNames(func(u memUse) bool { return u.field.lags && u.name != "GCCPUFraction" }); names != "" {
		fix.Safety = rewrite.Unsafe
		fix.Message += "; " + names + " then lack" + plural(names) + " what the processors' allocation caches hold"
	}
	if names := r.fieldNames(func(u memUse) bool { return u.name == "GCCPUFraction" }); names != "" {
		fix.Safety = rewrite.Unsafe
		fix.Message += "; GCCPUFraction then is the quotient of three metrics"
	}
	return append(fixes, fix), ""
}

// plural returns the ending of a verb behind a list of names.
func plural(names string) string {
	if strings.Contains(names, " and ") {
		return ""
	}
	return "s"
}

// memSources are the readers that replace a reading.
type memSources struct {
	metrics []string // in order of first use
	gc      bool     // debug.ReadGCStats is among them
}

func (r *memReading) sources() memSources {
	var src memSources
	all := true // ReadGCStats has everything
	for _, u := range r.uses {
		src.gc = src.gc || u.field.gc != "" && len(u.field.metrics) == 0
		all = all && (u.field.gc != "" || u.field.constant != "")
	}
	src.gc = src.gc || all && slices.ContainsFunc(r.uses, func(u memUse) bool { return u.field.gc != "" })
	for _, u := range r.uses {
		if src.gc && u.field.gc != "" {
			continue
		}
		for _, m := range u.field.metrics {
			if !slices.Contains(src.metrics, m) {
				src.metrics = append(src.metrics, m)
			}
		}
	}
	return src
}

// memPlace says where the replacement of the variable is declared.
type memPlace struct {
	// before is the statement before which the declaration moves: the loop, so
	// that all its turns share what is read into. Nil where it stays.
	before ast.Stmt
	name   string // "" where a new one must be found
}

// place decides where the replacement is declared.
func (r *memReading) place() (memPlace, string) {
	stay := memPlace{name: r.v.Name()}
	if r.shared() {
		if len(r.reads) != 1 {
			return stay, "the variable outlives the function and is read into in several places"
		}
		at, _ := r.pkg.Cursor(r.reads[0].stmt)
		stmt := r.reads[0].stmt
		if loop, ok := ownLoop(at); ok && syntax.InList(loop) {
			stmt = loop.Node().(ast.Stmt)
		}
		return memPlace{before: stmt, name: r.freeFor(stmt)}, ""
	}
	if r.decl == nil {
		return stay, "the variable is declared in an unusual place"
	}
	at, _ := r.pkg.Cursor(r.decl)
	loop, ok := ownLoop(at)
	if !ok || !syntax.InList(loop) || r.grouped() || r.captured(loop.Node()) {
		return stay, ""
	}
	stmt := loop.Node().(ast.Stmt)
	return memPlace{before: stmt, name: r.freeFor(stmt)}, ""
}

// ownLoop returns the loop of the same function around cur.
func ownLoop(cur inspector.Cursor) (inspector.Cursor, bool) {
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch c.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return c, true
		}
		return inspector.Cursor{}, false
	}
	return inspector.Cursor{}, false
}

// grouped reports whether the variable is one of a group of declarations.
func (r *memReading) grouped() bool { return r.gen != nil && len(r.gen.Specs) > 1 }

// captured reports whether a function literal within n uses the variable that
// is declared outside of the literal.
func (r *memReading) captured(n ast.Node) bool {
	within := func(at ast.Node) bool {
		c, _ := r.pkg.Cursor(at)
		for lit := range c.Enclosing((*ast.FuncLit)(nil)) {
			if n.Pos() <= lit.Node().Pos() && lit.Node().End() <= n.End() {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(r.uses, func(u memUse) bool { return within(u.node) }) ||
		slices.ContainsFunc(r.reads, func(m memRead) bool { return within(m.stmt) })
}

// freeFor returns the variable's name if it can be declared before stmt, ""
// where something else there has it.
func (r *memReading) freeFor(stmt ast.Stmt) string {
	c, _ := r.pkg.Cursor(stmt)
	block := c.Parent()
	name := r.v.Name()
	for x := range block.Preorder((*ast.Ident)(nil)) {
		id := x.Node().(*ast.Ident)
		if id.Name != name {
			continue
		}
		if obj := r.pkg.Info.ObjectOf(id); obj == r.v {
			continue
		} else if v, ok := obj.(*types.Var); ok && v.IsField() {
			continue
		}
		if sel, ok := x.Parent().Node().(*ast.SelectorExpr); ok && sel.Sel == id {
			continue
		}
		return ""
	}
	// Parameters share the scope of a function's body.
	for _, n := range []ast.Node{block.Node(), block.Parent().Node()} {
		if scope := r.pkg.Info.Scopes[funcType(n)]; scope != nil && scope.Lookup(name) != nil && scope.Lookup(name) != r.v {
			return ""
		}
	}
	return name
}

// funcType returns the type of the function n, which holds the scope of its
// parameters and body; other nodes are returned as they are.
func funcType(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return n.Type
	case *ast.FuncLit:
		return n.Type
	}
	return n
}

// apply replaces the reading by those of src.
func (r *memReading) apply(e *rewrite.Edit, src memSources, pl memPlace) error {
	name := pl.name
	var within ast.Node = r.file.AST
	mixed := src.gc && len(src.metrics) > 0
	if name == "" || mixed {
		within = syntax.TakeTurn(e, r.file, r.at)
	}
	if name == "" {
		name = r.file.FreeName(within, "memStats", "stats", "samples")
	}
	gc := name // the name of the debug.GCStats
	if mixed {
		gc = r.file.FreeName(within, "gc", "gcStats")
	}
	durations := r.durations()
	if !mixed && src.gc && pl.before == nil {
		e.Replace(r.typ, rewrite.Use("runtime/debug", "GCStats"))
	} else {
		r.declare(e, src, pl, name, gc)
	}
	for _, read := range r.reads {
		switch {
		case !src.gc:
			e.Replace(read.call, rewrite.Expr("metrics.Read($m)", rewrite.Holes{"m": name}))
		case mixed:
			e.ReplaceStmt(read.stmt, rewrite.Stmts("metrics.Read($m)\ndebug.ReadGCStats(&$gc)", rewrite.Holes{"m": name, "gc": gc})...)
		default:
			e.Replace(read.call, rewrite.Expr("debug.ReadGCStats($p)", rewrite.Holes{"p": r.address(pl, gc)}))
		}
	}
	r.applyUses(e, src, pl, name, gc, durations)
	for _, typ := range durations {
		if typ != nil {
			e.Replace(typ, rewrite.Use("time", "Duration"))
		}
	}
	return nil
}

// applyUses replaces the uses of the reading's fields by expressions of the
// samples called name and the GCStats called gc.
func (r *memReading) applyUses(e *rewrite.Edit, src memSources, pl memPlace, name, gc string, durations map[*types.Var]ast.Expr) {
	mixed := src.gc && len(src.metrics) > 0
	helpers := make(map[string]string)
	for _, u := range r.uses {
		h := u.helper
		if h != "" && helpers[h] == "" {
			helpers[h] = r.helper(e, memHelpers[h])
		}
		var x dst.Expr
		switch {
		case u.field.constant != "":
			x = rewrite.Expr(u.field.constant, nil)
		case src.gc && u.field.gc != "":
			text := u.field.gc
			if u.duration || durations != nil && u.name == "PauseTotalNs" {
				text = "$s.PauseTotal"
			}
			p := dst.Expr(&dst.UnaryExpr{Op: token.AND, X: dst.NewIdent(gc)})
			if !mixed {
				p = r.address(pl, gc)
			}
			holes := rewrite.Holes{"s": gc, "p": p, "helper": helpers[h]}
			if u.index != nil {
				holes["i"] = r.asInt(e, u.index)
			}
			x = rewrite.Expr(text, holes)
		case h == "GCCPUFraction":
			var args []dst.Expr
			for _, m := range u.field.metrics {
				args = append(args, rewrite.Expr(fmt.Sprintf("$m[%d].Value", slices.Index(src.metrics, m)), rewrite.Holes{"m": name}))
			}
			x = rewrite.Expr("$helper($args)", rewrite.Holes{"helper": helpers[h], "args": args})
		default:
			x = r.sum(u, src, name)
		}
		e.Replace(u.node, x)
	}
}

// address returns the pointer to the GCStats called name that has the place of
// the variable.
func (r *memReading) address(pl memPlace, name string) dst.Expr {
	if r.pointer && !r.shared() {
		return dst.NewIdent(name)
	}
	return &dst.UnaryExpr{Op: token.AND, X: dst.NewIdent(name)}
}

// asInt returns x as an int.
func (r *memReading) asInt(e *rewrite.Edit, x ast.Expr) dst.Expr {
	if t := r.pkg.Info.TypeOf(x); types.Identical(types.Default(t), types.Typ[types.Int]) {
		return e.Clone(x)
	}
	return rewrite.Expr("int($x)", rewrite.Holes{"x": e.Clone(x)})
}

// sum returns the sum of the metrics that the use stands for.
func (r *memReading) sum(u memUse, src memSources, name string) dst.Expr {
	var terms []string
	for _, m := range u.field.metrics {
		terms = append(terms, fmt.Sprintf("$m[%d].Value.Uint64()", slices.Index(src.metrics, m)))
	}
	text := strings.Join(terms, " + ")
	if u.field.conv != "" {
		text = u.field.conv + "(" + text + ")"
	} else if len(terms) > 1 {
		switch u.at.Parent().Node().(type) {
		case *ast.BinaryExpr, *ast.UnaryExpr:
			text = "(" + text + ")"
		}
	}
	return rewrite.Expr(text, rewrite.Holes{"m": name})
}

// samples returns the expression that makes the samples of src.
func samples(names []string) string {
	if len(names) == 1 {
		return "[]metrics.Sample{{Name: " + strconv.Quote(names[0]) + "}}"
	}
	var b strings.Builder
	b.WriteString("[]metrics.Sample{\n")
	for _, n := range names {
		b.WriteString("{Name: " + strconv.Quote(n) + "},\n")
	}
	b.WriteString("}")
	return b.String()
}

// declare puts the declarations of what is read into in the place of the
// variable's.
func (r *memReading) declare(e *rewrite.Edit, src memSources, pl memPlace, name, gc string) {
	holes := rewrite.Holes{"m": name, "gc": gc}
	var decls []dst.Stmt
	if len(src.metrics) > 0 {
		decls = rewrite.Stmts("$m := "+samples(src.metrics), holes)
	}
	if src.gc {
		text := "var $gc debug.GCStats"
		if len(src.metrics) == 0 && r.pointer && !r.shared() {
			text = "$gc := new(debug.GCStats)"
		}
		decls = append(decls, rewrite.Stmts(text, holes)...)
	}
	switch {
	case r.shared():
		r.undeclare(e)
		e.InsertBefore(pl.before, decls...)
	case pl.before != nil:
		moved := e.CloneStmts(r.decl)
		if len(moved) == 1 {
			first := decls[0].Decorations()
			first.End = append(first.End, moved[0].Decorations().End...)
		}
		e.Delete(r.decl, about.Removed())
		e.InsertBefore(pl.before, decls...)
	case r.grouped():
		value := rewrite.Expr(samples(src.metrics), nil)
		e.Modify(r.spec, func(n dst.Node) error {
			spec := n.(*dst.ValueSpec)
			spec.Type, spec.Values = nil, []dst.Expr{value}
			return nil
		})
		e.InsertAfter(r.decl, decls[1:]...)
	default:
		e.ReplaceStmt(r.decl, decls...)
	}
}

// undeclare removes the declaration of the field, or of the package.
func (r *memReading) undeclare(e *rewrite.Edit) {
	if r.field != nil {
		r.holder.DropField(e, r.field)
		return
	}
	if !r.grouped() {
		e.DeleteDecl(r.gen)
		return
	}
	i := slices.IndexFunc(r.gen.Specs, func(s ast.Spec) bool { return s == r.spec })
	e.Drops(r.spec.Doc, r.spec.Comment)
	e.Modify(r.gen, func(n dst.Node) error {
		gen := n.(*dst.GenDecl)
		gen.Specs = slices.Delete(gen.Specs, i, i+1)
		if i == 0 {
			gen.Specs[0].Decorations().Before = dst.NewLine
		}
		gen.Specs[len(gen.Specs)-1].Decorations().After = dst.NewLine
		return nil
	})
}

// helper returns the name of a helper, which it adds when the package has none.
func (r *memReading) helper(e *rewrite.Edit, h memHelper) string {
	for _, name := range h.names {
		if fn, ok := r.pkg.Types.Scope().Lookup(name).(*types.Func); ok &&
			types.TypeString(fn.Type(), func(p *types.Package) string { return p.Path() }) == h.signature {
			return name
		}
	}
	name := r.pkg.FreePackageName(h.names...)
	e.AddDecls(r.file, rewrite.Decls(strings.ReplaceAll(h.decl, "$name", name), nil)...)
	// Another reading of the package waits until the helper is there.
	for _, f := range r.pkg.Files {
		if !f.Test && !f.Generated {
			e.Modify(f.AST.Name, func(dst.Node) error { return nil })
			break
		}
	}
	return name
}

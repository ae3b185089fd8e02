package publicpprof

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

// bindToLoopback changes the host of a listener that is for profiles alone.
func (l *listener) bindToLoopback() *rewrite.Fix {
	host := "localhost"
	if l.Format {
		host = "127.0.0.1"
	}
	return &rewrite.Fix{
		Message: "listen on " + host + "; what it serves can no longer be fetched from other machines",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			s, err := strconv.Unquote(l.Lit.Value)
			if err != nil {
				return err
			}
			at := 0
			switch {
			case l.Bare:
				at = len(s)
			case l.Format:
				before, _, _ := strings.Cut(s, "%")
				at = strings.LastIndexByte(before, ':')
			default:
				at = strings.LastIndexByte(s, ':')
			}
			rest := ":http"
			if at >= 0 && s != "" || l.Bare {
				rest = s[at:]
			}
			e.Replace(l.Lit, &dst.BasicLit{Kind: token.STRING, Value: strconv.Quote(host + rest)})
			return nil
		},
	}
}

// split takes profiles off l, which is public, and the other public listeners of
// its package, and serves them on loopback.
func (p *program) split(l *listener) *rewrite.Fix {
	publics := []*listener{l}
	admin, blind := false, false
	for _, o := range p.others(l) {
		switch {
		case o.Host == web.Loopback || o.optIn() || p.forProfiles(o):
			admin = true
		case o.Host == web.Unknown:
			blind = true
		case o.pkg == l.pkg:
			publics = append(publics, o)
		default:
			blind = true // another package's public listener needs the routes too
		}
	}
	slices.SortFunc(publics, func(a, b *listener) int { return cmp.Compare(a.call.Pos(), b.call.Pos()) })
	closed := p.closed() && !blind
	for _, o := range publics {
		// A variable that holds the default mux may carry routes of its own.
		if o.alias != nil && (len(publics) > 1 || len(p.routes()) > 0) {
			closed = false
		}
	}
	fix := &rewrite.Fix{Safety: rewrite.Unsafe}
	what := "give the public listener a mux of its own"
	if !closed {
		what = "filter profiles out of the public listener"
	}
	fix.Message = what + "; /debug/pprof/ answers 404 there"
	port := 0
	if !admin {
		port = p.freePort(l.pkg)
		fix.Message += fmt.Sprintf(" and is served on localhost:%d", port)
	}
	fix.Apply = func(e *rewrite.Edit) error {
		var err error
		if closed {
			err = p.ownMux(e, publics)
		} else {
			err = filter(e, publics)
		}
		if err != nil || admin {
			return err
		}
		return adminListener(e, publics, port)
	}
	return fix
}

// freePort returns the first port from 6060 on that no literal of the program
// speaks of and no fix for somebody else opens in a program that it is linked
// into; it is kept for the one who asks.
func (p *program) freePort(who any) int {
	for port := 6060; ; port++ {
		if !p.speaksOf(strconv.Itoa(port)) && !slices.ContainsFunc(p.g.opened, func(o opened) bool {
			return o.port == port && o.who != who && slices.ContainsFunc(o.roots, func(q *rewrite.Package) bool { return slices.Contains(p.roots, q) })
		}) {
			p.g.opened = append(p.g.opened, opened{port, who, p.roots})
			return port
		}
	}
}

// opened is a port on which a fix starts to listen.
type opened struct {
	port  int
	who   any                // the package of a listener, or what is exposed
	roots []*rewrite.Package // that are linked with it
}

// speaksOf reports whether a literal of the program has the text.
func (p *program) speaksOf(text string) bool {
	for _, q := range p.g.s.Packages {
		if !p.in[q.Path] {
			continue
		}
		for c := range q.Inspector.Root().Preorder((*ast.BasicLit)(nil)) {
			if strings.Contains(c.Node().(*ast.BasicLit).Value, text) {
				return true
			}
		}
	}
	return false
}

// ownMux moves the routes from the default mux to one that the listeners serve.
func (p *program) ownMux(e *rewrite.Edit, publics []*listener) error {
	l := publics[0]
	if l.alias != nil {
		e.Replace(l.alias, rewrite.Expr("http.NewServeMux()", nil))
		return nil
	}
	// Whatever names the mux.
	var sites []ast.Node
	for _, r := range p.routes() {
		sites = append(sites, r.call)
	}
	for _, o := range publics {
		if o.targetExpr != nil {
			sites = append(sites, o.targetExpr)
		} else if o.server != nil {
			sites = append(sites, o.server)
		} else {
			sites = append(sites, o.call)
		}
	}
	name, err := declareMux(e, l, sites)
	if err != nil {
		return err
	}
	for _, r := range p.routes() {
		if r.mux != nil {
			e.Replace(r.mux, dst.NewIdent(name))
			continue
		}
		e.Replace(r.call.Fun, &dst.SelectorExpr{X: dst.NewIdent(name), Sel: dst.NewIdent(r.name)})
	}
	for _, o := range publics {
		o.setHandler(e, dst.NewIdent(name))
	}
	return nil
}

// declareMux declares the mux: in the function that holds all sites, before the
// first of them, or else in the package.
func declareMux(e *rewrite.Edit, l *listener, sites []ast.Node) (name string, err error) {
	body, first := commonBody(l.pkg, sites)
	if body != nil {
		var free []string
		for _, n := range []string{"mux", "publicMux", "httpMux"} {
			if l.pkg.Types.Scope().Lookup(n) == nil && !importsAs(l.file, n) {
				free = append(free, n)
			}
		}
		if len(free) == 0 {
			free = []string{"publicServeMux"}
		}
		name = l.file.FreeName(body, free...)
		e.InsertBefore(first, rewrite.Stmts("$mux := http.NewServeMux()", rewrite.Holes{"mux": name})...)
		return name, nil
	}
	name = l.pkg.FreePackageName("publicMux", "httpMux", "publicServeMux")
	var before ast.Decl
	for _, d := range l.file.AST.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		for _, s := range sites {
			if before == nil && d.Pos() <= s.Pos() && s.End() <= d.End() {
				before = d
			}
		}
	}
	if before == nil {
		return "", errors.New("no declaration to put the mux before")
	}
	e.AddDeclsBefore(before, rewrite.Decls("// "+name+" serves the public listener; http.DefaultServeMux carries pprof.\nvar $mux = http.NewServeMux()", rewrite.Holes{"mux": name})...)
	return name, nil
}

// commonBody returns the body of the one function that holds all sites, and its
// first statement that holds one; nil when there is no such function.
func commonBody(p *rewrite.Package, sites []ast.Node) (*ast.BlockStmt, ast.Stmt) {
	var decl *ast.FuncDecl
	var first ast.Stmt
	for _, s := range sites {
		c, ok := p.Cursor(s)
		if !ok {
			return nil, nil
		}
		var in *ast.FuncDecl
		for d := range c.Enclosing((*ast.FuncDecl)(nil)) {
			in = d.Node().(*ast.FuncDecl)
		}
		if in == nil || decl != nil && in != decl {
			return nil, nil
		}
		decl = in
		for _, st := range decl.Body.List {
			if st.Pos() <= s.Pos() && s.End() <= st.End() && (first == nil || st.Pos() < first.Pos()) {
				first = st
			}
		}
	}
	if decl == nil || first == nil {
		return nil, nil
	}
	return decl.Body, first
}

// importsAs reports whether f imports something under the name.
func importsAs(f *rewrite.File, name string) bool {
	return syntax.ImportNamed(f, name) != nil
}

// setHandler makes the listener serve x.
func (l *listener) setHandler(e *rewrite.Edit, x dst.Expr) {
	if l.targetExpr != nil {
		e.Replace(l.targetExpr, x)
		return
	}
	if l.server == nil {
		e.InsertBefore(statement(l.at), rewrite.Stmts("$srv.Handler = $x", rewrite.Holes{"srv": e.Clone(l.holder), "x": x})...)
		return
	}
	e.Modify(l.server, func(n dst.Node) error {
		lit := n.(*dst.CompositeLit)
		kv := &dst.KeyValueExpr{Key: dst.NewIdent("Handler"), Value: x}
		at := 0
		for i, elt := range lit.Elts {
			if k, ok := elt.(*dst.KeyValueExpr); ok {
				if id, ok := k.Key.(*dst.Ident); ok && id.Name == "Addr" {
					at = i + 1
				}
			}
		}
		if len(lit.Elts) > 0 {
			near := lit.Elts[max(at-1, 0)].Decorations()
			if near.Before != dst.None || near.After != dst.None {
				kv.Decs.Before, kv.Decs.After = dst.NewLine, dst.NewLine
			}
		}
		lit.Elts = append(lit.Elts[:at], append([]dst.Expr{kv}, lit.Elts[at:]...)...)
		return nil
	})
}

const filterDecl = `// $name serves mux but answers 404 for what net/http/pprof registered on it.
func $name(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); strings.Contains(pattern, "/debug/pprof/") {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}`

// filter wraps the default mux that the listeners serve.
func filter(e *rewrite.Edit, publics []*listener) error {
	name := filterIn(e, publics[0].file)
	for _, o := range publics {
		if o.alias != nil {
			o.setHandler(e, rewrite.Expr("$f($mux)", rewrite.Holes{"f": name, "mux": e.Clone(o.targetExpr)}))
			continue
		}
		o.setHandler(e, rewrite.Expr("$f(http.DefaultServeMux)", rewrite.Holes{"f": name}))
	}
	return nil
}

// filterIn returns the name of the filter in the package of file, declared there where
// the package has none.
func filterIn(e *rewrite.Edit, file *rewrite.File) string {
	name := "withoutPprof"
	if fn, ok := file.Pkg.Types.Scope().Lookup(name).(*types.Func); !ok || !isFilter(fn) {
		name = file.Pkg.FreePackageName(name, "withoutProfiles")
		e.AddDecls(file, rewrite.Decls(strings.ReplaceAll(filterDecl, "$name", name), nil)...)
	}
	return name
}

// isFilter reports whether fn has the filter's signature.
func isFilter(fn *types.Func) bool {
	return types.TypeString(fn.Type(), nil) == "func(mux *net/http.ServeMux) net/http.Handler"
}

// adminListener serves the default mux on loopback, whichever of the public
// listeners the program comes to.
func adminListener(e *rewrite.Edit, publics []*listener, port int) error {
	l := publics[0]
	stmt := statement(l.at)
	if stmt == nil {
		return errors.New("the listener is started outside of a function")
	}
	for _, o := range publics[1:] {
		if stmt = before(l.pkg, stmt, o.call); stmt == nil {
			break
		}
	}
	if decl := syntax.EnclosingDecl(l.at); l.pkg.Name == "main" && decl != nil && calledTwice(l.pkg, decl) {
		stmt = nil
	}
	var main *ast.FuncDecl
	if stmt == nil {
		// Have: listeners in several functions, or one that is started twice.
		for _, f := range l.pkg.Files {
			for _, d := range f.AST.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok && fd.Recv == nil && fd.Name.Name == "main" && l.pkg.Name == "main" && fd.Body != nil {
					main, l = fd, &listener{file: f}
				}
			}
		}
		if main == nil {
			return errors.New("public listeners are started in several functions")
		}
	}
	start := rewrite.Stmts(`go func() {
	$println(http.ListenAndServe($addr, nil)) // pprof
}()`, rewrite.Holes{
		"println": println(l.file),
		"addr":    loopback(port),
	})
	if main != nil {
		e.Prepend(main.Body, start...)
		return nil
	}
	e.InsertBefore(stmt, start...)
	return nil
}

// calledTwice reports whether the program names the function in more than one
// place.
func calledTwice(p *rewrite.Package, decl *ast.FuncDecl) bool {
	fn, ok := p.Info.Defs[decl.Name].(*types.Func)
	return ok && len(p.Snapshot().Refs(rewrite.ObjectKey(fn))) > 1
}

// before returns stmt or the innermost statement around it after which, in the
// same list, the program comes to other, or that holds it; nil when there is
// none in the function.
func before(p *rewrite.Package, stmt ast.Stmt, other ast.Node) ast.Stmt {
	c, ok := p.Cursor(stmt)
	for ; ok && c.Node() != nil; c = c.Parent() {
		if _, isDecl := c.Node().(*ast.FuncDecl); isDecl {
			return nil
		}
		s, isStmt := c.Node().(ast.Stmt)
		if !isStmt || !syntax.InList(c) {
			continue
		}
		if list := c.Parent().Node(); list.Pos() <= other.Pos() && other.End() <= list.End() {
			return s
		}
	}
	return nil
}

// statement returns the statement of a list that holds the node at c: the
// outermost loop of its function when it is in one, the go statement when the
// function is a goroutine's.
func statement(c inspector.Cursor) ast.Stmt {
	var found ast.Stmt
	inner := true
	for ; c.Node() != nil; c = c.Parent() {
		switch c.Node().(type) {
		case *ast.FuncLit:
			g, ok := c.Parent().Parent().Node().(*ast.GoStmt)
			if !ok || g.Call != c.Parent().Node() {
				return found
			}
			c, inner = c.Parent().Parent(), true
		case *ast.FuncDecl, *ast.File:
			return found
		}
		s, ok := c.Node().(ast.Stmt)
		if !ok || !syntax.InList(c) {
			continue
		}
		_, isFor := s.(*ast.ForStmt)
		_, isRange := s.(*ast.RangeStmt)
		if inner || isFor || isRange {
			found, inner = s, false
		}
	}
	return found
}

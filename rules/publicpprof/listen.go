package publicpprof

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

// listener is a call that serves http.DefaultServeMux.
type listener struct {
	pkg  *rewrite.Package
	file *rewrite.File
	call *ast.CallExpr
	at   inspector.Cursor // at call

	web.Address
	// targetExpr stands for the default mux: nil, http.DefaultServeMux or a
	// variable that holds it. It is nil where a server's Handler is not set.
	targetExpr ast.Expr
	// alias is the expression http.DefaultServeMux that the variable at
	// targetExpr holds; routed reports whether the variable is used for more
	// than the listener.
	alias  ast.Expr
	routed bool
	// server is the literal that lacks a Handler.
	server *ast.CompositeLit
}

// target returns the expression that names the default mux, nil when it is
// served by default.
func (l *listener) target() ast.Expr {
	if l.alias != nil {
		return l.alias
	}
	return l.targetExpr
}

// listeners returns the calls in non-test files that serve http.DefaultServeMux.
func listeners(s *rewrite.Snapshot) []*listener {
	var out []*listener
	add := func(c rewrite.Call, addr web.Address, handler ast.Expr, server *ast.CompositeLit) {
		if c.File.Test || c.Pkg.Module == nil || !c.Pkg.Module.Main {
			return
		}
		l := &listener{pkg: c.Pkg, file: c.File, call: c.Call, at: c.At, Address: addr, server: server}
		if handler != nil {
			if !l.serves(handler) {
				return
			}
			l.server = nil
		}
		out = append(out, l)
	}
	for c := range s.Calls("net/http", "ListenAndServe", "ListenAndServeTLS") {
		if n := len(c.Call.Args); n == 2 || n == 4 {
			add(c, web.AddressOf(c.Pkg, c.Call.Args[0]), c.Call.Args[n-1], nil)
		}
	}
	for c := range s.Calls("net/http", "Serve", "ServeTLS") {
		if n := len(c.Call.Args); n == 2 || n == 4 {
			add(c, web.ListenedOn(c.Pkg, c.Call.Args[0]), c.Call.Args[1], nil)
		}
	}
	for _, r := range s.Refs("(*net/http.Server).ListenAndServe", "(*net/http.Server).ListenAndServeTLS", "(*net/http.Server).Serve", "(*net/http.Server).ServeTLS") {
		at, ok := r.Call()
		sel, isSel := r.Expr().Node().(*ast.SelectorExpr)
		if !ok || !isSel || r.File.Generated {
			continue
		}
		c := rewrite.Call{Ref: r, Call: at.Node().(*ast.CallExpr), At: at}
		srv, ok := web.ServerOf(r.Pkg, sel.X)
		if !ok {
			continue
		}
		addr := web.AddressOf(r.Pkg, srv.Addr)
		if strings.HasPrefix(r.Obj.Name(), "Serve") && len(c.Call.Args) > 0 {
			addr = web.ListenedOn(r.Pkg, c.Call.Args[0])
		} else if srv.Addr == nil {
			addr = web.Address{Host: web.Public, Where: `":http"`}
		}
		add(c, addr, srv.Handler, srv.Lit)
	}
	return out
}

// serves reports whether handler serves http.DefaultServeMux: it is nil, that
// mux, a variable that holds it, or a call with it among the arguments. It
// notes which expression stands for the mux.
func (l *listener) serves(handler ast.Expr) bool {
	p := l.pkg
	handler = ast.Unparen(handler)
	if p.Info.Types[handler].IsNil() || isDefaultMux(p, handler) {
		l.targetExpr = handler
		return true
	}
	switch h := handler.(type) {
	case *ast.Ident:
		if def := syntax.Definition(p, h); def != nil && isDefaultMux(p, def.Value) {
			l.targetExpr, l.alias, l.routed = h, ast.Unparen(def.Value), !def.Alone
			return true
		}
	case *ast.CallExpr:
		if guards(p, h) {
			return false
		}
		for _, a := range h.Args {
			if a = ast.Unparen(a); !p.Info.Types[a].IsNil() && l.serves(a) {
				return true
			}
		}
	}
	return false
}

// isDefaultMux reports whether x is http.DefaultServeMux.
func isDefaultMux(p *rewrite.Package, x ast.Expr) bool {
	var id *ast.Ident
	switch x := ast.Unparen(x).(type) {
	case *ast.SelectorExpr:
		id = x.Sel
	case *ast.Ident:
		id = x
	default:
		return false
	}
	obj := p.Info.Uses[id]
	return obj != nil && obj.Pkg() != nil && rewrite.ObjectKey(obj) == "net/http.DefaultServeMux"
}

var guardName = regexp.MustCompile(`(?i)auth|restrict|private|pprof|allow|deny|login`)

// guards reports whether a wrapper of the default mux keeps strangers away from
// profiles: its name says so, or its body speaks of their path.
func guards(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	if fn == nil {
		return false
	}
	if guardName.MatchString(fn.Name()) {
		return true
	}
	for _, f := range p.Files {
		for _, d := range f.AST.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok && p.Info.Defs[fd.Name] == fn {
				return strings.Contains(f.Text(fd), "/debug/pprof")
			}
		}
	}
	return false
}

var (
	opsName   = regexp.MustCompile(`(?i)p?prof|debug|admin|diag|metric|telemetr|monitor|internal|stats|health|probe|instrument|inspect|trac(e|ing)|prom`)
	pprofName = regexp.MustCompile(`(?i)pprof|profil|debug`)
)

// optIn reports whether the address is not known but asked for by a name that
// says what is served there.
func (l *listener) optIn() bool {
	if l.Host != web.Unknown && !l.Told {
		return false
	}
	if opsName.MatchString(syntax.FuncName(l.at)) {
		return true
	}
	if opsName.MatchString(l.pkg.Name) {
		return true
	}
	return l.Expr != nil && namesOps(l.pkg, l.Expr, 0)
}

// aside reports whether the listener is beside the program's main business: in
// a goroutine of its own, or under a condition on its address.
func (l *listener) aside() bool {
	for c := range l.at.Enclosing((*ast.GoStmt)(nil), (*ast.IfStmt)(nil)) {
		n, ok := c.Node().(*ast.IfStmt)
		if !ok {
			return true
		}
		given := make(map[types.Object]bool)
		ast.Inspect(n.Cond, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				given[l.pkg.Info.Uses[id]] = true
			}
			return true
		})
		found := false
		if l.Expr != nil {
			ast.Inspect(l.Expr, func(n ast.Node) bool {
				id, ok := n.(*ast.Ident)
				found = found || ok && l.pkg.Info.Uses[id] != nil && given[l.pkg.Info.Uses[id]]
				return true
			})
		}
		if found {
			return true
		}
	}
	return false
}

// namesOps reports whether a name or a string in x of package p, or where the
// variables in x come from, says that the address is one for operators.
func namesOps(p *rewrite.Package, x ast.Expr, step int) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			found = found || opsName.MatchString(n.Name)
			if found || step == 2*syntax.MaxSteps {
				break
			}
			if def := syntax.Definition(p, n); def != nil {
				found = namesOps(p, def.Value, step+1)
			} else if arg, q := syntax.Argument(p, n); arg != nil {
				found = namesOps(q, arg, step+1)
			}
		case *ast.BasicLit:
			found = found || n.Kind == token.STRING && opsName.MatchString(n.Value)
		}
		return !found
	})
	return found
}

// saysPprof reports whether a constant address or the names around it say that
// the listener is for profiles: port 6060 to 6069 is what the documentation of
// net/http/pprof made customary.
func (l *listener) saysPprof() bool {
	return strings.Contains(l.Where, ":606") || l.namedPprof()
}

// namedPprof reports whether the names in the address or the name of the
// function say that the listener is for profiles.
func (l *listener) namedPprof() bool {
	return pprofName.MatchString(syntax.FuncName(l.at)) || l.Expr != nil && syntax.ContainsNode(l.Expr, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && pprofName.MatchString(id.Name)
	})
}

// platformTags are the build tags that say nothing about the purpose of a file.
const platformTags = " aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos unix" +
	" 386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm cgo gc gccgo purego "

// behindTag reports whether a build tag other than for platforms and versions
// decides about the file.
func behindTag(f *rewrite.File) bool {
	for _, group := range f.AST.Comments {
		if group.Pos() > f.AST.Package {
			break
		}
		for _, c := range group.List {
			if !constraint.IsGoBuild(c.Text) {
				continue
			}
			x, err := constraint.Parse(c.Text)
			if err != nil {
				continue
			}
			custom := false
			x.Eval(func(tag string) bool {
				custom = custom || !strings.Contains(platformTags, " "+tag+" ") && !strings.HasPrefix(tag, "go1")
				return true
			})
			if custom {
				return true
			}
		}
	}
	return false
}

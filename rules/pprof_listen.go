package rules

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/constant"
	"go/token"
	"go/types"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// hostKind says who can reach a listener.
type hostKind int

const (
	unknown hostKind = iota
	loopback
	public
)

// listener is a call that serves http.DefaultServeMux.
type listener struct {
	pkg  *rewrite.Package
	file *rewrite.File
	call *ast.CallExpr
	at   inspector.Cursor // at call

	address
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

// address is what is known about where a listener listens.
type address struct {
	host  hostKind
	where string // the address as it stands in the source; "" when unknown
	// lit is the string that begins with the host and can be changed without
	// changing anything but the listener.
	lit *ast.BasicLit
	// format reports whether lit is a format for fmt.Sprintf, bare that it is
	// the host alone.
	format, bare bool
	// told reports whether the address comes from the command line and the rest
	// is about its default.
	told bool
	expr ast.Expr
}

// listeners returns the calls in non-test files that serve http.DefaultServeMux.
func listeners(s *rewrite.Snapshot) []*listener {
	var out []*listener
	add := func(c rewrite.Call, addr address, handler ast.Expr, server *ast.CompositeLit) {
		if c.File.Test || c.Pkg.Module == nil || !c.Pkg.Module.Main {
			return
		}
		l := &listener{pkg: c.Pkg, file: c.File, call: c.Call, at: c.At, address: addr, server: server}
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
			add(c, addressOf(c.Pkg, c.Call.Args[0]), c.Call.Args[n-1], nil)
		}
	}
	for c := range s.Calls("net/http", "Serve", "ServeTLS") {
		if n := len(c.Call.Args); n == 2 || n == 4 {
			add(c, listenedOn(c.Pkg, c.Call.Args[0]), c.Call.Args[1], nil)
		}
	}
	for _, r := range s.Refs("(*net/http.Server).ListenAndServe", "(*net/http.Server).ListenAndServeTLS", "(*net/http.Server).Serve", "(*net/http.Server).ServeTLS") {
		at, ok := r.Call()
		sel, isSel := r.Expr().Node().(*ast.SelectorExpr)
		if !ok || !isSel || r.File.Generated {
			continue
		}
		c := rewrite.Call{Ref: r, Call: at.Node().(*ast.CallExpr), At: at}
		srv, ok := serverOf(r.Pkg, sel.X)
		if !ok {
			continue
		}
		addr := addressOf(r.Pkg, srv.addr)
		if strings.HasPrefix(r.Obj.Name(), "Serve") && len(c.Call.Args) > 0 {
			addr = listenedOn(r.Pkg, c.Call.Args[0])
		} else if srv.addr == nil {
			addr = address{host: public, where: `":http"`}
		}
		add(c, addr, srv.handler, srv.lit)
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
		if def := definition(p, h); def != nil && isDefaultMux(p, def.value) {
			l.targetExpr, l.alias, l.routed = h, ast.Unparen(def.value), !def.alone
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

// server is what is known about a net/http.Server.
type server struct {
	lit           *ast.CompositeLit // nil when it has none
	addr, handler ast.Expr          // nil when not set
}

// serverOf finds out how the server x is set up. ok is false where that is not
// in sight.
func serverOf(p *rewrite.Package, x ast.Expr) (srv server, ok bool) {
	x = ast.Unparen(x)
	if lit := serverLit(p, x); lit != nil {
		return fromLit(lit)
	}
	var obj types.Object
	switch x := x.(type) {
	case *ast.Ident:
		obj = p.Info.Uses[x]
	case *ast.SelectorExpr:
		obj = p.Info.Uses[x.Sel]
	}
	v, isVar := obj.(*types.Var)
	if !isVar || v.Pkg() != p.Types {
		return server{}, false
	}
	found := 0
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		if p.Info.ObjectOf(id) != v {
			continue
		}
		value, assigned := assignedTo(c)
		if !assigned {
			continue
		}
		found++
		if value != nil {
			lit := serverLit(p, value)
			if lit == nil {
				lit = madeServer(p, value)
			}
			if lit != nil {
				if srv, ok = fromLit(lit); !ok {
					return server{}, false
				}
				continue
			}
			return server{}, false
		}
	}
	if found > 1 || found == 0 && !isServer(v.Type()) {
		return server{}, false
	}
	// Fields that are set later.
	for c := range p.Inspector.Root().Preorder((*ast.AssignStmt)(nil)) {
		a := c.Node().(*ast.AssignStmt)
		for i, l := range a.Lhs {
			sel, isSel := l.(*ast.SelectorExpr)
			if !isSel || baseVar(p, sel.X) != v {
				continue
			}
			if len(a.Lhs) != len(a.Rhs) {
				return server{}, false
			}
			switch sel.Sel.Name {
			case "Handler":
				if srv.handler != nil {
					return server{}, false
				}
				srv.handler = a.Rhs[i]
			case "Addr":
				if srv.addr != nil {
					return server{}, false
				}
				srv.addr = a.Rhs[i]
			}
		}
	}
	return srv, true
}

// madeServer returns the literal that a function of the package returns, when x
// is its only call and the function has no other return.
func madeServer(p *rewrite.Package, x ast.Expr) *ast.CompositeLit {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return nil
	}
	decl := calledHereOnly(p, call)
	if decl == nil {
		return nil
	}
	var lit *ast.CompositeLit
	returns := 0
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			returns++
			if len(n.Results) == 1 {
				lit = serverLit(p, n.Results[0])
			}
		}
		return true
	})
	if returns != 1 {
		return nil
	}
	return lit
}

// baseVar returns the variable or field that x denotes.
func baseVar(p *rewrite.Package, x ast.Expr) types.Object {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return p.Info.Uses[x]
	case *ast.SelectorExpr:
		return p.Info.Uses[x.Sel]
	case *ast.StarExpr:
		return baseVar(p, x.X)
	}
	return nil
}

// assignedTo reports whether the variable or field at c gets a value there; the
// value is nil where it stands alone in a declaration.
func assignedTo(c inspector.Cursor) (value ast.Expr, ok bool) {
	at := c
	if sel, isSel := c.Parent().Node().(*ast.SelectorExpr); isSel && sel.Sel == c.Node() {
		at = c.Parent()
	}
	switch n := at.Parent().Node().(type) {
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if l == at.Node() {
				if len(n.Lhs) == len(n.Rhs) {
					return n.Rhs[i], true
				}
				return n.Rhs[0], true
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if name == at.Node() {
				if i < len(n.Values) {
					return n.Values[i], true
				}
				return nil, true
			}
		}
	case *ast.KeyValueExpr:
		if n.Key == at.Node() {
			return n.Value, true
		}
	}
	return nil, false
}

// serverLit returns the literal when x is http.Server{...} or &http.Server{...}.
func serverLit(p *rewrite.Package, x ast.Expr) *ast.CompositeLit {
	x = ast.Unparen(x)
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.AND {
		x = ast.Unparen(u.X)
	}
	lit, ok := x.(*ast.CompositeLit)
	if !ok || !isServer(p.Info.TypeOf(lit)) {
		return nil
	}
	return lit
}

func isServer(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "net/http" && named.Obj().Name() == "Server"
}

func fromLit(lit *ast.CompositeLit) (srv server, ok bool) {
	srv.lit = lit
	for _, e := range lit.Elts {
		kv, isKV := e.(*ast.KeyValueExpr)
		if !isKV {
			return server{}, false
		}
		key, isIdent := kv.Key.(*ast.Ident)
		if !isIdent {
			return server{}, false
		}
		switch key.Name {
		case "Addr":
			srv.addr = kv.Value
		case "Handler":
			srv.handler = kv.Value
		}
	}
	return srv, true
}

// listenedOn returns the address of a net.Listener.
func listenedOn(p *rewrite.Package, x ast.Expr) address {
	x = ast.Unparen(x)
	if id, ok := x.(*ast.Ident); ok {
		def := definition(p, id)
		if def == nil {
			return address{expr: x}
		}
		x = ast.Unparen(def.value)
	}
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return address{expr: x}
	}
	var network, addr ast.Expr
	switch {
	case (p.IsCall(call, "net", "Listen") || p.IsCall(call, "crypto/tls", "Listen")) && len(call.Args) >= 2:
		network, addr = call.Args[0], call.Args[1]
	case p.IsCall(call, "net", "(*net.ListenConfig).Listen") && len(call.Args) == 3:
		network, addr = call.Args[1], call.Args[2]
	case p.IsCall(call, "crypto/tls", "NewListener") && len(call.Args) == 2:
		return listenedOn(p, call.Args[0])
	default:
		return address{expr: x}
	}
	if s, ok := constString(p, network); ok && strings.HasPrefix(s, "unix") {
		return address{host: loopback, expr: addr}
	} else if !ok {
		return address{expr: addr}
	}
	return addressOf(p, addr)
}

// addressOf finds out what is known about the address x.
func addressOf(p *rewrite.Package, x ast.Expr) address {
	if x == nil {
		return address{}
	}
	a := classify(p, x, 0)
	a.expr = x
	switch {
	case a.told:
		a.where = fmt.Sprintf("%s, by default %s", p.File(x).Text(x), a.where)
	case a.host != unknown && a.where == "":
		a.where = p.File(x).Text(x)
	}
	return a
}

// maxSteps bounds how far an address is followed through variables and
// parameters.
const maxSteps = 3

func classify(p *rewrite.Package, x ast.Expr, step int) address {
	x = ast.Unparen(x)
	if step > maxSteps {
		return address{}
	}
	lit, _ := x.(*ast.BasicLit)
	if s, ok := constString(p, x); ok && lit != nil {
		return address{host: hostOf(s), where: strconv.Quote(s), lit: lit}
	}
	switch x := x.(type) {
	case *ast.BinaryExpr:
		// "host:" + port
		first := ast.Unparen(x.X)
		for {
			b, ok := first.(*ast.BinaryExpr)
			if !ok {
				break
			}
			first = ast.Unparen(b.X)
		}
		if s, ok := constString(p, first); ok && x.Op == token.ADD && strings.Contains(s, ":") {
			lit, _ = first.(*ast.BasicLit)
			return address{host: hostOf(s), lit: lit}
		}
	case *ast.CallExpr:
		if p.IsCall(x, "fmt", "Sprintf") && len(x.Args) > 1 {
			s, ok := constString(p, x.Args[0])
			before, _, _ := strings.Cut(s, "%")
			if ok && strings.Contains(before, ":") {
				lit, _ = ast.Unparen(x.Args[0]).(*ast.BasicLit)
				return address{host: hostOf(before), lit: lit, format: true}
			}
		}
		if p.IsCall(x, "net", "JoinHostPort") && len(x.Args) == 2 {
			if s, ok := constString(p, x.Args[0]); ok {
				lit, _ = ast.Unparen(x.Args[0]).(*ast.BasicLit)
				return address{host: hostOf(s + ":"), lit: lit, bare: true}
			}
		}
	case *ast.StarExpr:
		if id, ok := ast.Unparen(x.X).(*ast.Ident); ok {
			if def := definition(p, id); def != nil {
				return flagDefault(p, def.value, false)
			}
		}
	case *ast.Ident:
		if call := flagOf(p, x); call != nil {
			return flagDefault(p, call, true)
		}
		if def := definition(p, x); def != nil {
			a := classify(p, def.value, step+1)
			if !def.alone {
				a.lit = nil
			}
			return a
		}
		if arg, q := argument(p, x); arg != nil {
			a := classify(q, arg, step+1)
			if q != p {
				a.lit = nil
			}
			return a
		}
	}
	if s, ok := constString(p, x); ok { // a constant of another package
		return address{host: hostOf(s), where: strconv.Quote(s)}
	}
	return address{}
}

// flagDefault returns what is known about an address that is the value of the
// command line flag that call defines, from the flag's default. bound reports
// whether the first argument is the variable that it is bound to.
func flagDefault(p *rewrite.Package, call ast.Expr, bound bool) address {
	c, ok := ast.Unparen(call).(*ast.CallExpr)
	if !ok {
		return address{}
	}
	fn := p.Callee(c)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "flag" && fn.Pkg().Path() != "github.com/spf13/pflag" {
		return address{}
	}
	at, ok := map[string]int{"String": 1, "StringP": 2, "StringVar": 2, "StringVarP": 3}[fn.Name()]
	if !ok || at >= len(c.Args) || strings.Contains(fn.Name(), "Var") != bound {
		return address{}
	}
	s, ok := constString(p, c.Args[at])
	if !ok || s == "" {
		return address{} // without it the program may do something else
	}
	return address{host: hostOf(s), where: strconv.Quote(s), told: true}
}

// flagOf returns the call that binds the variable at id to a command line flag,
// nil when there is none or something else writes the variable.
func flagOf(p *rewrite.Package, id *ast.Ident) ast.Expr {
	obj, ok := p.Info.Uses[id].(*types.Var)
	if !ok || obj.Pkg() != p.Types {
		return nil
	}
	var found ast.Expr
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		n := c.Node().(*ast.Ident)
		if p.Info.ObjectOf(n) != obj {
			continue
		}
		if value, ok := assignedTo(c); ok && value != nil {
			return nil
		}
		u, ok := c.Parent().Node().(*ast.UnaryExpr)
		if !ok || u.Op != token.AND {
			continue
		}
		call, ok := c.Parent().Parent().Node().(*ast.CallExpr)
		if !ok || found != nil || len(call.Args) == 0 || call.Args[0] != u {
			return nil
		}
		found = call
	}
	return found
}

// hostOf says who can reach an address that is host:port or begins with host:.
func hostOf(addr string) hostKind {
	host := addr
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		host = addr[:i]
	} else if addr != "" {
		return unknown
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return loopback
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return loopback
	}
	return public
}

// constString returns the value of a constant string.
func constString(p *rewrite.Package, x ast.Expr) (string, bool) {
	v := p.Info.Types[x].Value
	if v == nil || v.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v), true
}

// def is the one place where a variable or constant gets its value.
type def struct {
	value ast.Expr
	// alone reports whether the value is used once, apart from being printed.
	alone bool
}

var printing = regexp.MustCompile(`^(Print|Fatal|Panic|Info|Debug|Warn|Error|Log|Msg|Str|With|Notice|Trace)`)

// definition returns where the variable or constant at id gets its only value;
// nil when there are several such places, or none in sight.
func definition(p *rewrite.Package, id *ast.Ident) *def {
	obj := p.Info.Uses[id]
	switch obj.(type) {
	case *types.Var, *types.Const:
	default:
		return nil
	}
	if obj.Pkg() != p.Types {
		return nil
	}
	var d *def
	uses := 0
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		n := c.Node().(*ast.Ident)
		if p.Info.ObjectOf(n) != obj {
			continue
		}
		if value, ok := assignedTo(c); ok {
			if d != nil || value == nil {
				return nil
			}
			d = &def{value: value}
			continue
		}
		if written(c) {
			return nil
		}
		if call, ok := c.Parent().Node().(*ast.CallExpr); ok && call.Fun != n {
			if fn := p.Callee(call); fn != nil && printing.MatchString(fn.Name()) {
				continue
			}
		}
		uses++
	}
	if d != nil {
		d.alone = uses == 1 && !(obj.Exported() && obj.Parent() == p.Types.Scope())
	}
	return d
}

// argument returns the argument that the only call of the function passes for
// its parameter at id, and the package of that call.
func argument(p *rewrite.Package, id *ast.Ident) (ast.Expr, *rewrite.Package) {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok {
		return nil, nil
	}
	at, ok := p.Inspector.Root().FindNode(id)
	if !ok {
		return nil, nil
	}
	for d := range at.Enclosing((*ast.FuncDecl)(nil)) {
		decl := d.Node().(*ast.FuncDecl)
		fn, ok := p.Info.Defs[decl.Name].(*types.Func)
		if !ok {
			return nil, nil
		}
		params := fn.Signature().Params()
		for i := range params.Len() {
			if params.At(i) != v || fn.Signature().Variadic() {
				continue
			}
			refs := p.Snapshot().Refs(rewrite.ObjectKey(fn))
			if len(refs) != 1 {
				return nil, nil
			}
			call, ok := refs[0].Call()
			if !ok {
				return nil, nil
			}
			if args := call.Node().(*ast.CallExpr).Args; i < len(args) {
				return args[i], refs[0].Pkg
			}
		}
	}
	return nil, nil
}

var (
	opsName   = regexp.MustCompile(`(?i)p?prof|debug|admin|diag|metric|telemetr|monitor|internal|stats|health|probe|instrument|inspect|trac(e|ing)|prom`)
	pprofName = regexp.MustCompile(`(?i)pprof|profil|debug`)
)

// optIn reports whether the address is not known but asked for by a name that
// says what is served there.
func (l *listener) optIn() bool {
	if l.host != unknown && !l.told {
		return false
	}
	if opsName.MatchString(funcName(l.at)) {
		return true
	}
	if opsName.MatchString(l.pkg.Name) {
		return true
	}
	return l.expr != nil && namesOps(l.pkg, l.expr, 0)
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
		if l.expr != nil {
			ast.Inspect(l.expr, func(n ast.Node) bool {
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
			if found || step == 2*maxSteps {
				break
			}
			if def := definition(p, n); def != nil {
				found = namesOps(p, def.value, step+1)
			} else if arg, q := argument(p, n); arg != nil {
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
	return strings.Contains(l.where, ":606") || l.namedPprof()
}

// namedPprof reports whether the names in the address or the name of the
// function say that the listener is for profiles.
func (l *listener) namedPprof() bool {
	return pprofName.MatchString(funcName(l.at)) || l.expr != nil && containsNode(l.expr, func(n ast.Node) bool {
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

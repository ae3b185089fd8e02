// Package guard answers whether code keeps strangers out: by what it does, and
// by its name only where its body is not in sight.
package guard

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

// maxDepth bounds how many calls deep a check is looked for.
const maxDepth = 3

// facts are what the code around a handler does.
type facts struct {
	refuses    bool // answers 401 or 403, asks for a password or a certificate
	credential bool // looks up a token, a key, a session
	remote     bool // looks at who asks
	rejects    bool // has an answer other than what it guards
	throttles  bool // answers that there are too many requests
	path       bool // asks whether what is asked for is below /debug
}

func (f facts) guards() bool {
	return f.refuses || (f.credential || f.remote || f.path) && f.rejects && !f.throttles
}

// Handler reports whether the function literal or declaration fn turns strangers
// away.
func Handler(p *rewrite.Package, fn ast.Node) bool {
	var f facts
	gather(p, syntax.BodyOf(fn), 0, &f)
	return f.guards()
}

var (
	secretName = regexp.MustCompile(`(?i)auth|token|key|secret|session|passw|credential`)
	// notGuards are the packages whose wrappers turn nobody away though their
	// names sound like it.
	notGuards = regexp.MustCompile(`(?i)cors`)
	guardName = regexp.MustCompile(`(?i)auth|restrict|private|allow|deny|login|jwt|oidc|casbin|permission|pprof`)
)

func gather(p *rewrite.Package, body *ast.BlockStmt, depth int, f *facts) {
	if body == nil || depth > maxDepth {
		return
	}
	gatherIn(p, body, depth, f)
}

func gatherIn(p *rewrite.Package, n ast.Node, depth int, f *facts) {
	ast.Inspect(n, func(n ast.Node) bool {
		if f.refuses {
			return false // that is enough
		}
		switch n := n.(type) {
		case *ast.IfStmt:
			if isSetting(p, n.Cond) {
				if n.Else != nil {
					gatherIn(p, n.Else, depth, f)
				}
				return false // whoever asks
			}
			f.path = f.path || syntax.ContainsNode(n.Cond, func(n ast.Node) bool {
				x, ok := n.(ast.Expr)
				s, isString := "", false
				if ok {
					s, isString = syntax.ConstString(p, x)
				}
				return isString && strings.HasPrefix(s, "/debug")
			})
		case *ast.Ident:
			switch n.Name {
			case "StatusUnauthorized", "StatusForbidden", "ErrUnauthorized", "ErrForbidden", "PeerCertificates", "VerifiedChains":
				f.refuses = true
			case "StatusTooManyRequests":
				f.throttles = true
			case "RemoteAddr":
				f.remote = true
			}
		case *ast.CallExpr:
			call(p, n, depth, f)
		}
		return true
	})
}

// switchName matches names of settings that switch a page on or off.
var switchName = regexp.MustCompile(`(?i)pprof|profil|debug|admin|enabled?$|disabled?$|^(?:allow|deny)|auth|local`)

// tlsName matches names of settings about TLS, which keeps nobody out by itself.
var tlsName = regexp.MustCompile(`(?i)tls|ssl|https`)

// isSetting reports whether a condition asks for nothing but settings of the
// server, that it speaks TLS say, which are the same for whoever asks.
func isSetting(p *rewrite.Package, cond ast.Expr) bool {
	switch x := ast.Unparen(cond).(type) {
	case *ast.UnaryExpr:
		return isSetting(p, x.X)
	case *ast.BinaryExpr:
		return (x.Op == token.LAND || x.Op == token.LOR) && isSetting(p, x.X) && isSetting(p, x.Y)
	case *ast.SelectorExpr:
		v, ok := p.Info.Uses[x.Sel].(*types.Var)
		if !ok || !v.IsField() || switchName.MatchString(v.Name()) && !tlsName.MatchString(v.Name()) {
			return false
		}
		t, ok := v.Type().Underlying().(*types.Basic)
		return ok && t.Kind() == types.Bool
	}
	return false
}

// call adds what a call in the code does.
func call(p *rewrite.Package, n *ast.CallExpr, depth int, f *facts) {
	id := syntax.LastName(n.Fun)
	if id == nil {
		return
	}
	switch id.Name {
	case "BasicAuth", "ConstantTimeCompare":
		f.refuses = true
	case "NotFound", "Error", "WriteHeader", "Redirect", "Abort", "AbortWithStatus", "AbortWithStatusJSON", "SendStatus", "Status", "NewHTTPError", "NewError", "NoContent":
		f.rejects = true
		for _, a := range n.Args {
			if v := p.Info.Types[a].Value; v != nil && v.Kind() == constant.Int {
				f.refuses = f.refuses || v.ExactString() == "401" || v.ExactString() == "403"
				f.throttles = f.throttles || v.ExactString() == "429"
			}
		}
	case "ClientIP", "RealIP", "RemoteIP", "RemoteIPs":
		f.remote = true
	case "Get", "Values", "GetHeader", "Query", "FormValue", "PostFormValue", "QueryParam", "Cookie", "Cookies":
		for _, a := range n.Args {
			s, ok := syntax.ConstString(p, a)
			f.credential = f.credential || ok && secretName.MatchString(s)
		}
	}
	fn := p.Callee(n)
	if fn == nil || fn.Pkg() == nil || syntax.IsStandard(fn.Pkg().Path()) {
		return
	}
	decl, q := syntax.DeclarationOf(p.Snapshot(), fn)
	if decl == nil && (seesRequest(fn.Signature()) || guardName.MatchString(nameOf(n.Fun))) {
		decl, q = declaration(p, fn) // other packages are loaded only for what may turn a stranger away
	}
	if decl != nil {
		gather(q, decl.Body, depth+1, f)
		return
	}
	if guardName.MatchString(nameOf(n.Fun)) && !notGuards.MatchString(fn.Pkg().Path()) {
		f.credential = true
		f.rejects = f.rejects || depth == 0
	}
}

// wanted are the import paths of the packages that would tell more.
type wanted map[string]bool

func wantedOf(s *rewrite.Snapshot) wanted {
	type key struct{}
	return rewrite.Memo(s, key{}, func() wanted { return make(wanted) })
}

// Load loads all packages at once that the answers so far lacked, and reports
// whether there were any: then some answers may be others now.
func Load(s *rewrite.Snapshot) bool {
	w := wantedOf(s)
	paths := slices.Sorted(maps.Keys(w))
	clear(w)
	before := len(s.Packages)
	s.WidenTo(paths...)
	return len(s.Packages) > before
}

// declaration returns the declaration of fn, nil where its package is not loaded;
// Load loads it.
func declaration(p *rewrite.Package, fn *types.Func) (*ast.FuncDecl, *rewrite.Package) {
	decl, q := syntax.DeclarationOf(p.Snapshot(), fn)
	if decl == nil && fn.Pkg() != nil && !syntax.IsStandard(fn.Pkg().Path()) {
		wantedOf(p.Snapshot())[fn.Pkg().Path()] = true
	}
	return decl, q
}

// seesRequest reports whether a parameter is of net/http, or a framework's context
// of a request.
func seesRequest(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		t := v.Type().String()
		if strings.Contains(t, "net/http.") || t != "context.Context" && (strings.HasSuffix(t, "Context") || strings.HasSuffix(t, "Ctx")) {
			return true
		}
	}
	return false
}

// ownModule reports whether fn is declared in the module of p, or in another that
// is worked on with it.
func ownModule(p *rewrite.Package, fn *types.Func) bool {
	return fn.Pkg() != nil && (p.Module.Holds(fn.Pkg().Path()) || slices.ContainsFunc(p.Snapshot().Packages, func(q *rewrite.Package) bool {
		return q.Module != nil && q.Module.Main && q.Module.Holds(fn.Pkg().Path())
	}))
}

// Call reports whether a call that wraps a handler, or makes what wraps one,
// keeps strangers out.
func Call(p *rewrite.Package, n *ast.CallExpr) bool {
	if inner, ok := ast.Unparen(n.Fun).(*ast.CallExpr); ok && Call(p, inner) {
		return true // basicauth(users)(handler)
	}
	if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok {
		if inner, ok := ast.Unparen(sel.X).(*ast.CallExpr); ok && chains(p, inner) {
			return true // alice.New(auth).Then(handler)
		}
	}
	for _, a := range n.Args {
		if Value(p, a) {
			return true
		}
	}
	fn := p.Callee(n)
	if fn == nil {
		return Value(p, n.Fun)
	}
	if fn.Pkg() != nil && syntax.IsStandard(fn.Pkg().Path()) {
		return false
	}
	if decl, q := declaration(p, fn); decl != nil {
		return wraps(q, fn.Signature()) && (Handler(q, decl) || strings.Contains(q.File(decl).Text(decl), "/debug/pprof"))
	}
	return ownModule(p, fn) || sounds(fn, n.Fun) // our own may do anything where it is not at hand
}

// chains reports whether a call among the receivers of a call is a guard or has
// one among its arguments.
func chains(p *rewrite.Package, n *ast.CallExpr) bool {
	fn := p.Callee(n)
	if fn == nil || fn.Pkg() == nil || syntax.IsStandard(fn.Pkg().Path()) {
		return false
	}
	return Call(p, n)
}

// sounds reports whether a function whose body is not in sight is a guard by its
// name or its package's.
func sounds(fn *types.Func, fun ast.Expr) bool {
	path := ""
	if fn.Pkg() != nil {
		path = fn.Pkg().Path()
	}
	if notGuards.MatchString(path) {
		return false
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	return guardName.MatchString(strings.TrimPrefix(nameOf(fun), "pprof.")) || strings.Contains(last, "auth")
}

// nameOf returns the names by which a function is called, without what is passed
// to calls among them: s.auth.Wrap, but Subrouter of r.Path("/auth").Subrouter.
func nameOf(fun ast.Expr) string {
	switch x := ast.Unparen(fun).(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		if before := nameOf(x.X); before != "" {
			return before + "." + x.Sel.Name
		}
		return x.Sel.Name
	case *ast.IndexExpr:
		return nameOf(x.X)
	case *ast.CallExpr:
		return nameOf(x.Fun)
	}
	return ""
}

// Value reports whether x, passed to a router or a chain, is a guard.
func Value(p *rewrite.Package, x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.FuncLit:
		sig, _ := p.Info.TypeOf(x).(*types.Signature)
		return (web.IsHandler(sig) || sig != nil && wraps(p, sig)) && Handler(p, x)
	case *ast.CallExpr:
		if p.Info.Types[x.Fun].IsType() && len(x.Args) == 1 {
			return Value(p, x.Args[0])
		}
		if !funcTyped(p, x) && !isHandler(p.Info.TypeOf(x)) {
			return false
		}
		return Call(p, x)
	case *ast.Ident, *ast.SelectorExpr:
		id := syntax.LastName(x)
		switch obj := p.Info.Uses[id].(type) {
		case *types.Func:
			if decl, q := declaration(p, obj); decl != nil {
				return Handler(q, decl)
			}
			return obj.Pkg() != nil && !syntax.IsStandard(obj.Pkg().Path()) && sounds(obj, x)
		case *types.Var:
			if !funcTyped(p, x) {
				return false
			}
			if def := syntax.Definition(p, id); def != nil {
				return Value(p, def.Value)
			}
			return guardName.MatchString(id.Name)
		}
	}
	return false
}

func funcTyped(p *rewrite.Package, x ast.Expr) bool {
	_, ok := syntax.Under(p.Info.TypeOf(x)).(*types.Signature)
	return ok
}

// wraps reports whether a function of the signature takes a handler, or makes a
// function that does.
func wraps(p *rewrite.Package, sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if fn, ok := syntax.Under(v.Type()).(*types.Signature); ok && web.IsHandler(fn) || isHandler(v.Type()) {
			return true
		}
	}
	for v := range sig.Results().Variables() {
		if _, ok := syntax.Under(v.Type()).(*types.Signature); ok {
			return true
		}
	}
	return false
}

// isHandler reports whether t is an http.Handler.
func isHandler(t types.Type) bool {
	if t == nil {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "ServeHTTP")
	_, ok := obj.(*types.Func)
	return ok
}

// Certificates reports whether the code in n demands a certificate from clients.
func Certificates(p *rewrite.Package, n ast.Node) bool {
	return n != nil && syntax.ContainsNode(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if n.Name == "RequireAndVerifyClientCert" || n.Name == "RequireAnyClientCert" {
				return true
			}
			if obj, ok := p.Info.Uses[n].(*types.Var); ok && obj.Pkg() == p.Types {
				if def := syntax.Definition(p, n); def != nil && def.Value != nil && literalDemands(p, def.Value) {
					return true
				}
				return setLater(p, obj)
			}
		case *ast.CallExpr:
			if fn := p.Callee(n); fn != nil && fn.Pkg() != nil && !syntax.IsStandard(fn.Pkg().Path()) {
				if decl, q := declaration(p, fn); decl != nil && decl.Body != nil {
					return literalDemands(q, decl.Body)
				}
			}
		}
		return false
	})
}

// setLater reports whether a demand for certificates is assigned to a field of v.
func setLater(p *rewrite.Package, v *types.Var) bool {
	return slices.ContainsFunc(syntax.MentionsOf(p, v), func(c inspector.Cursor) bool {
		sel, ok := c.Parent().Node().(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "ClientAuth" {
			return false
		}
		assign, ok := c.Parent().Parent().Node().(*ast.AssignStmt)
		return ok && slices.ContainsFunc(assign.Rhs, func(x ast.Expr) bool { return literalDemands(p, x) })
	})
}

// literalDemands is Certificates one step on.
func literalDemands(p *rewrite.Package, n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && (id.Name == "RequireAndVerifyClientCert" || id.Name == "RequireAnyClientCert")
	})
}

// Listener reports whether the listener x demands a certificate from clients: its
// configuration of TLS says so.
func Listener(p *rewrite.Package, x ast.Expr) bool {
	x = ast.Unparen(x)
	if id, ok := x.(*ast.Ident); ok {
		def := syntax.Definition(p, id)
		if def == nil {
			return false
		}
		x = ast.Unparen(def.Value)
	}
	call, ok := x.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	if p.IsCall(call, "crypto/tls", "NewListener", "Listen") {
		return Certificates(p, call.Args[len(call.Args)-1])
	}
	return Listener(p, call.Args[0]) // what wraps one
}

// Passes reports whether a handler of the literal's type is in sight and turns nobody
// away.
func Passes(p *rewrite.Package, lit *ast.CompositeLit) bool {
	obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(p.Info.TypeOf(lit)), true, p.Types, "ServeHTTP")
	fn, ok := obj.(*types.Func)
	if !ok {
		return false
	}
	decl, q := declaration(p, fn)
	return decl != nil && !Handler(q, decl)
}

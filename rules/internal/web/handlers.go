package web

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// IsHandler reports whether sig is that of a request handler: net/http's, or of
// one of the common frameworks.
func IsHandler(p *rewrite.Package, sig *types.Signature) bool {
	if sig == nil {
		return false
	}
	params := sig.Params()
	if params.Len() == 2 && syntax.IsType(params.At(0).Type(), "net/http", "ResponseWriter") &&
		syntax.IsPointerTo(params.At(1).Type(), "net/http", "Request") {
		return true
	}
	if params.Len() != 1 {
		return false
	}
	t := params.At(0).Type()
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return false
	}
	path, name := named.Obj().Pkg().Path(), named.Obj().Name()
	switch {
	case strings.HasPrefix(path, "github.com/gin-gonic/gin") && name == "Context",
		strings.HasPrefix(path, "github.com/labstack/echo") && name == "Context",
		strings.HasPrefix(path, "github.com/gofiber/fiber") && name == "Ctx",
		strings.HasPrefix(path, "github.com/valyala/fasthttp") && name == "RequestCtx":
		return true
	}
	return false
}

var registerServer = regexp.MustCompile(`^Register\w*Server$`)

// IsServiceMethod reports whether obj answers remote calls: a gRPC unary method
// or a net/rpc method, on a type that is registered as a service.
func IsServiceMethod(s *rewrite.Snapshot, obj *types.Func) bool {
	sig := obj.Signature()
	if sig.Recv() == nil || !obj.Exported() {
		return false
	}
	params, results := sig.Params(), sig.Results()
	isErr := func(i int) bool { return types.Identical(results.At(i).Type(), types.Universe.Lookup("error").Type()) }
	unary := params.Len() == 2 && results.Len() == 2 && syntax.IsType(params.At(0).Type(), "context", "Context") && isErr(1)
	rpc := params.Len() == 2 && results.Len() == 1 && isErr(0)
	if !unary && !rpc {
		return false
	}
	services := rewrite.Memo(s, "registered services", func() map[string]bool { return registered(s) })
	return services[syntax.TypeKey(sig.Recv().Type())]
}

// registered returns the types that are passed to functions which register
// services.
func registered(s *rewrite.Snapshot) map[string]bool {
	out := make(map[string]bool)
	for _, p := range s.Packages {
		for cur := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
			call := cur.Node().(*ast.CallExpr)
			fn := p.Callee(call)
			if fn == nil || len(call.Args) == 0 {
				continue
			}
			key := rewrite.ObjectKey(fn)
			if !registerServer.MatchString(fn.Name()) && key != "net/rpc.Register" && key != "(*net/rpc.Server).Register" &&
				key != "net/rpc.RegisterName" && key != "(*net/rpc.Server).RegisterName" {
				continue
			}
			if t := p.Info.TypeOf(call.Args[len(call.Args)-1]); t != nil {
				out[syntax.TypeKey(t)] = true
			}
		}
	}
	return out
}

// IsCollector reports whether sig is that of a Prometheus collector's Collect.
func IsCollector(sig *types.Signature) bool {
	if sig.Params().Len() != 1 {
		return false
	}
	ch, ok := sig.Params().At(0).Type().Underlying().(*types.Chan)
	if !ok || ch.Dir() != types.SendOnly {
		return false
	}
	named, ok := types.Unalias(ch.Elem()).(*types.Named)
	return ok && named.Obj().Name() == "Metric" && named.Obj().Pkg() != nil && strings.Contains(named.Obj().Pkg().Path(), "prometheus")
}

var (
	handlerName  = regexp.MustCompile(`^(?:(?i:handle|serve|process)|on[A-Z])`)
	requestParam = regexp.MustCompile(`(?:Request|Req|Message|Msg|Event|Job|Task)$`)
)

// LooksLikeHandler reports whether the function's name and a parameter's type
// both say that it is called for every request. It counts only where no caller
// is to be seen.
func LooksLikeHandler(decl *ast.FuncDecl, sig *types.Signature) bool {
	if !handlerName.MatchString(decl.Name.Name) {
		return false
	}
	for v := range sig.Params().Variables() {
		t := v.Type()
		if ptr, ok := t.(*types.Pointer); ok {
			t = ptr.Elem()
		}
		if named, ok := types.Unalias(t).(*types.Named); ok && requestParam.MatchString(named.Obj().Name()) {
			return true
		}
	}
	return false
}

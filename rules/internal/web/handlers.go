package web

import (
	"go/ast"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// contexts are types of which there is one for each request or message, by the
// beginning of their import path and their name.
var contexts = []struct{ path, name string }{
	{"net/http", "ResponseWriter"},
	{"github.com/gin-gonic/gin", "Context"},
	{"github.com/labstack/echo", "Context"},
	{"github.com/gofiber/fiber", "Ctx"},
	{"github.com/valyala/fasthttp", "RequestCtx"},
	{"github.com/cloudwego/hertz", "RequestContext"},
	{"github.com/kataras/iris", "Context"},
	{"github.com/beego/beego", "Context"},
	{"github.com/astaxie/beego", "Context"},
	{"gopkg.in/macaron", "Context"},
	{"github.com/gobuffalo/buffalo", "Context"},
	{"github.com/gogf/gf", "Request"},
	{"github.com/emicklei/go-restful", "Response"},
	{"github.com/savsgio/atreugo", "RequestCtx"},
	{"google.golang.org/grpc", "UnaryServerInfo"},
	{"google.golang.org/grpc", "StreamServerInfo"},
	{"github.com/nats-io/nats.go", "Msg"},
	{"github.com/nsqio/go-nsq", "Message"},
	{"github.com/hibiken/asynq", "Task"},
	{"github.com/rabbitmq/amqp091-go", "Delivery"},
	{"github.com/streadway/amqp", "Delivery"},
	{"github.com/IBM/sarama", "ConsumerMessage"},
	{"github.com/Shopify/sarama", "ConsumerMessage"},
	{"cloud.google.com/go/pubsub", "Message"},
}

// IsHandler reports whether sig is that of a function that answers requests:
// a parameter is net/http's ResponseWriter, what a common framework hands to its
// handlers, or the program's own type that holds both ends of a request; or it
// is a method of such a type.
func IsHandler(sig *types.Signature) bool {
	if sig == nil {
		return false
	}
	if recv := sig.Recv(); recv != nil && (holdsRequest(recv.Type()) || isController(recv.Type())) {
		return true
	}
	for v := range sig.Params().Variables() {
		if isContext(v.Type()) || holdsRequest(v.Type()) {
			return true
		}
	}
	return false
}

// isContext reports whether there is a value of type t, or a pointer to it, for
// each request.
func isContext(t types.Type) bool {
	path, name := typeName(t)
	return slices.ContainsFunc(contexts, func(c struct{ path, name string }) bool {
		return c.name == name && (path == c.path || strings.HasPrefix(path, c.path+"/") || strings.HasPrefix(path, c.path+"."))
	})
}

// typeName returns the import path and name of the type t or that which it
// points to, "" for types without a name.
func typeName(t types.Type) (path, name string) {
	named := syntax.NamedBehind(t)
	if named == nil || named.Obj().Pkg() == nil {
		return "", ""
	}
	return named.Obj().Pkg().Path(), named.Obj().Name()
}

// holdsRequest reports whether t, or what it points to, holds a response writer
// and a request of net/http, or hands them out.
func holdsRequest(t types.Type) bool {
	named := syntax.NamedBehind(t)
	if named == nil || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() == "net/http" {
		return false
	}
	var writer, request bool
	look := func(t types.Type) {
		writer = writer || syntax.IsType(t, "net/http", "ResponseWriter")
		request = request || syntax.IsPointerTo(t, "net/http", "Request")
	}
	switch u := named.Underlying().(type) {
	case *types.Struct:
		for f := range u.Fields() {
			look(f.Type())
		}
	case *types.Interface:
		for m := range u.Methods() {
			if res := m.Signature().Results(); m.Signature().Params().Len() == 0 && res.Len() == 1 {
				look(res.At(0).Type())
			}
		}
	}
	return writer && request
}

// isController reports whether t embeds the controller of a framework that makes
// one for each request.
func isController(t types.Type) bool {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range st.Fields() {
		path, name := typeName(f.Type())
		if f.Embedded() && name == "Controller" && (strings.Contains(path, "/beego") || strings.Contains(path, "/revel")) {
			return true
		}
	}
	return false
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
	requestParam = regexp.MustCompile(`(?:Request|Req|Message|Msg|Event|Job|Task|Packet|Delivery|Update)$`)
)

// LooksLikeHandler reports whether the function's name and a parameter's type
// both say that it is called for every request. It counts only where no caller
// is to be seen.
func LooksLikeHandler(decl *ast.FuncDecl, sig *types.Signature) bool {
	return handlerName.MatchString(decl.Name.Name) && TakesRequest(sig)
}

// TakesRequest reports whether the name of a parameter's type says that it is
// a request, a message or the like.
func TakesRequest(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if _, name := typeName(v.Type()); requestParam.MatchString(name) {
			return true
		}
	}
	return false
}

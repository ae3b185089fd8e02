package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// fake imports a package that is made of its source text alone.
type fake map[string]string

func (f fake) Import(path string) (*types.Package, error) {
	p, _, err := check(f, path, f[path])
	return p, err
}

func check(f fake, path, src string) (*types.Package, *types.Info, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path+".go", src, 0)
	if err != nil {
		return nil, nil, err
	}
	info := &types.Info{Defs: make(map[*ast.Ident]types.Object)}
	p, err := (&types.Config{Importer: f}).Check(path, fset, []*ast.File{file}, info)
	return p, info, err
}

func TestIsHandler(t *testing.T) {
	_, info, err := check(fake{
		"net/http":                     "package http; type ResponseWriter interface{ WriteHeader(int) }; type Request struct{}; type Client struct{}",
		"context":                      "package context; type Context interface{ Err() error }",
		"google.golang.org/grpc":       "package grpc; type UnaryServerInfo struct{}",
		"github.com/beego/beego/v2/sv": "package sv; type Controller struct{}",
		"github.com/gin-gonic/ginny":   "package ginny; type Context struct{}",
	}, "p", `package p

import (
	"context"
	"net/http"

	"github.com/beego/beego/v2/sv"
	"github.com/gin-gonic/ginny"
	"google.golang.org/grpc"
)

type ctx struct {
	w http.ResponseWriter
	r *http.Request
}

type both interface {
	Writer() http.ResponseWriter
	Request() *http.Request
}

type client struct {
	http *http.Client
	last *http.Request
}

type page struct{ sv.Controller }

func yes1(w http.ResponseWriter, r *http.Request)                                      {}
func yes2(w http.ResponseWriter, r *http.Request, vars map[string]string) error        { return nil }
func yes3(c *ctx)                                                                      {}
func yes4(c both)                                                                      {}
func (c *ctx) yes5()                                                                   {}
func (p *page) yes6()                                                                  {}
func yes7(c context.Context, req any, i *grpc.UnaryServerInfo, next func()) (any, error) { return nil, nil }
func no1(r *http.Request)                                                              {}
func no2(c context.Context)                                                            {}
func no3(c *client)                                                                    {}
func no4(c *ginny.Context)                                                             {}
func no5()                                                                             {}
`)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for id, obj := range info.Defs {
		fn, ok := obj.(*types.Func)
		if !ok || id.Name[0] != 'y' && id.Name[0] != 'n' {
			continue
		}
		seen++
		if got, want := IsHandler(fn.Signature()), id.Name[0] == 'y'; got != want {
			t.Errorf("%s: %v, want %v", id.Name, got, want)
		}
	}
	if seen != 12 {
		t.Errorf("%d functions", seen)
	}
}

package knowledge

import (
	"go/token"
	"go/types"
	"testing"
)

// function returns a function, or with recv a method, of a package.
func function(path, pkg, recv, name string) *types.Func {
	p := types.NewPackage(path, pkg)
	var r *types.Var
	if recv != "" {
		t := types.NewNamed(types.NewTypeName(token.NoPos, p, recv, nil), types.NewStruct(nil, nil), nil)
		r = types.NewParam(token.NoPos, p, "", types.NewPointer(t))
	}
	return types.NewFunc(token.NoPos, p, name, types.NewSignatureType(r, nil, nil, nil, nil, false))
}

func TestExits(t *testing.T) {
	for _, test := range []struct {
		fn               *types.Func
		exits, noReturns bool
	}{
		{function("os", "os", "", "Exit"), true, true},
		{function("log", "log", "Logger", "Fatalf"), true, true},
		{function("github.com/sirupsen/logrus", "logrus", "Entry", "Fatalln"), true, true},
		{function("log", "log", "Logger", "Panic"), false, true},
		{function("runtime", "runtime", "", "Goexit"), false, true},
		{function("testing", "testing", "common", "Fatal"), false, true},
		{function("k8s.io/klog/v2", "klog", "", "Exitf"), false, true},
		{function("example.com/critical", "critical", "Section", "Exit"), false, false},
		{function("log", "log", "Logger", "Print"), false, false},
		{nil, false, false},
	} {
		if Exits(test.fn) != test.exits || NoReturn(test.fn) != test.noReturns {
			t.Errorf("%v: %v %v", test.fn, Exits(test.fn), NoReturn(test.fn))
		}
	}
}

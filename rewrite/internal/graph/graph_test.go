package graph

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/tools/go/packages"
)

func listed(export string) []*packages.Package {
	mod := &packages.Module{Path: "example.com/m", Main: true}
	c := &packages.Package{ID: "c", Name: "c", PkgPath: "c", Dir: "/c", ExportFile: export}
	b := &packages.Package{ID: "b", Name: "b", PkgPath: "b", GoFiles: []string{"b.go"}, Module: mod, Imports: map[string]*packages.Package{"c": c}}
	a := &packages.Package{ID: "a", Name: "a", PkgPath: "a", IgnoredFiles: []string{"w.go"}, Module: mod, Imports: map[string]*packages.Package{"b": b, "c": c}}
	return []*packages.Package{a, b}
}

// What is stored and read again is the same graph, with one package where several
// import it.
func TestLoad(t *testing.T) {
	export := filepath.Join(t.TempDir(), "x.a")
	if err := os.WriteFile(export, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	want := listed(export)
	g, whole := Of(want)
	data, err := json.Marshal(g)
	if err != nil || !whole {
		t.Fatal(whole, err)
	}
	var back Graph
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	got := back.Load()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got[0].Imports["b"] != got[1] || got[0].Imports["c"] != got[1].Imports["c"] || got[0].Module != got[1].Module {
		t.Error("a package or module is there twice")
	}
	if err := os.Remove(export); err != nil {
		t.Fatal(err)
	}
	if back.Load() != nil {
		t.Error("packages whose export data is gone")
	}
	back.Packages = back.Packages[1:]
	if back.Load() != nil {
		t.Error("a damaged graph")
	}
}

func TestNotWhole(t *testing.T) {
	for i, spoil := range []func(p *packages.Package){
		func(p *packages.Package) { p.Errors = []packages.Error{{Msg: "x"}} },
		func(p *packages.Package) { p.Module.Error = &packages.ModuleError{Err: "x"} },
		func(p *packages.Package) { p.CompiledGoFiles = []string{"x.go"} },
	} {
		pkgs := listed("")
		spoil(pkgs[1])
		if _, whole := Of(pkgs); whole {
			t.Errorf("case %d is whole", i)
		}
	}
}

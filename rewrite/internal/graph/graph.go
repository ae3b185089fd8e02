// Package graph answers how packages that the go command listed are stored, and
// makes them again from that.
package graph

import (
	"os"

	"golang.org/x/tools/go/packages"
)

// A Graph is packages and what they import, as it is stored.
type Graph struct {
	Modules  []*packages.Module
	Packages []Package
	Roots    []string // IDs of what the go command was asked about
}

// A Package is one package, with IDs in place of what it imports and an index in
// place of its module, -1 for none.
type Package struct {
	ID, Name, PkgPath, Dir, ForTest, ExportFile   string
	GoFiles, OtherFiles, IgnoredFiles, EmbedFiles []string
	Module                                        int
	Imports                                       map[string]string
}

// Of returns the graph of packages that were listed without syntax and types. It
// is not whole where something is wrong with one of them.
func Of(pkgs []*packages.Package) (g Graph, whole bool) {
	modules := make(map[*packages.Module]int)
	whole = true
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		if len(p.Errors) > 0 || len(p.CompiledGoFiles) > 0 || p.Module != nil && p.Module.Error != nil {
			whole = false
		}
		x := Package{
			ID: p.ID, Name: p.Name, PkgPath: p.PkgPath, Dir: p.Dir, ForTest: p.ForTest, ExportFile: p.ExportFile,
			GoFiles: p.GoFiles, OtherFiles: p.OtherFiles, IgnoredFiles: p.IgnoredFiles, EmbedFiles: p.EmbedFiles, Module: -1,
		}
		if p.Module != nil {
			at, known := modules[p.Module]
			if !known {
				at = len(g.Modules)
				modules[p.Module] = at
				g.Modules = append(g.Modules, p.Module)
			}
			x.Module = at
		}
		if p.Imports != nil {
			x.Imports = make(map[string]string)
		}
		for path, dep := range p.Imports {
			x.Imports[path] = dep.ID
		}
		g.Packages = append(g.Packages, x)
	})
	for _, p := range pkgs {
		g.Roots = append(g.Roots, p.ID)
	}
	return g, whole
}

// Load returns the packages that g describes, nil where the build cache has the
// export data of one no more or g is damaged.
func (g *Graph) Load() []*packages.Package {
	all := make(map[string]*packages.Package)
	for _, x := range g.Packages {
		if x.ExportFile != "" {
			if _, err := os.Stat(x.ExportFile); err != nil {
				return nil
			}
		}
		p := &packages.Package{
			ID: x.ID, Name: x.Name, PkgPath: x.PkgPath, Dir: x.Dir, ForTest: x.ForTest, ExportFile: x.ExportFile,
			GoFiles: x.GoFiles, OtherFiles: x.OtherFiles, IgnoredFiles: x.IgnoredFiles, EmbedFiles: x.EmbedFiles,
		}
		if x.Module >= len(g.Modules) {
			return nil
		}
		if x.Module >= 0 {
			p.Module = g.Modules[x.Module]
		}
		all[x.ID] = p
	}
	for _, x := range g.Packages {
		if x.Imports == nil {
			continue
		}
		p := all[x.ID]
		p.Imports = make(map[string]*packages.Package)
		for path, id := range x.Imports {
			if p.Imports[path] = all[id]; all[id] == nil {
				return nil
			}
		}
	}
	var out []*packages.Package
	for _, id := range g.Roots {
		if all[id] == nil {
			return nil
		}
		out = append(out, all[id])
	}
	return out
}

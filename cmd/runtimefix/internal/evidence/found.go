package evidence

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// calls are the functions of the runtime behind the kinds that are found without
// a rule: where a call runs, but who calls its function is not in sight.
var calls = map[Kind]string{Collections: "GC", Releases: "FreeOSMemory", Reads: "ReadMemStats"}

// harms say what each costs.
var harms = map[Kind]string{
	Collections: "runtime.GC was called %d times: each call waits for a whole collection that the pacer did not ask for",
	Releases:    "debug.FreeOSMemory was called %d times: each call waits for a whole collection and gives memory back that is asked for again",
	Reads:       "runtime.ReadMemStats was called %d times: each call stops all goroutines",
}

// Found returns findings that no rule makes and the recordings show: calls that
// ran again and again in functions whose callers are not in the tree, or not
// known to be hot. They have no fix. known are the findings of the rules, and run
// reports whether a rule is to be run.
func (t *Tree) Found(recs []*Recording, known []rewrite.Found, run func(rule string) bool) ([]rewrite.Found, [][]Item) {
	var out []rewrite.Found
	var items [][]Item
	for _, rec := range recs {
		for _, s := range rec.Sites {
			rule := s.Kind.Rule()
			if calls[s.Kind] == "" || !run(rule) || s.Once(rec.Duration) {
				continue
			}
			path := t.locate(s.Frame)
			if path == "" {
				continue
			}
			call, src, ok := t.call(path, s)
			if !ok || slices.ContainsFunc(known, func(f rewrite.Found) bool {
				return f.Rule == rule && f.Pos.Filename == path && t.place(f.Pos, f.Source).holds(s.Frame)
			}) {
				continue
			}
			i := slices.IndexFunc(out, func(f rewrite.Found) bool { return f.Rule == rule && f.Pos == call[0] })
			if i < 0 {
				i = len(out)
				out = append(out, rewrite.Found{
					Rule: rule, Pos: call[0], End: call[1], Source: src, Chosen: -1,
					Message: fmt.Sprintf(harms[s.Kind], s.Count),
					Notes:   []rewrite.FoundNote{{Message: "no fix: a recording shows it, the code alone does not: look at who calls it"}},
				})
				items = append(items, nil)
			}
			items[i] = merged(append(items[i], item(rec, s, call[0].Line)))
		}
	}
	return out, items
}

// call returns where the function of the site calls the runtime's, the call on
// the recorded line before others.
func (t *Tree) call(path string, s *Site) (at [2]token.Position, src []byte, ok bool) {
	file := t.parse(path, nil)
	if file == nil {
		return at, nil, false
	}
	src, err := safefile.Read(path, safefile.Source)
	if err != nil {
		return at, nil, false
	}
	for _, d := range file.Decls {
		decl, isFunc := d.(*ast.FuncDecl)
		if !isFunc || rewrite.DeclName(decl) != s.Name() {
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			sel, isSel := call.Fun.(*ast.SelectorExpr)
			if !isSel || sel.Sel.Name != calls[s.Kind] {
				return true
			}
			pos := t.fset.PositionFor(call.Pos(), false)
			if !ok || pos.Line == s.Line {
				at, ok = [2]token.Position{pos, t.fset.PositionFor(call.End(), false)}, true
			}
			return true
		})
	}
	return at, src, ok
}

package crashoutput

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// handsOver reports whether before the opening the function calls something with
// the file's own name that reads the file, moves it aside or empties it: os.WriteFile,
// or a function of the module that does so.
func (f *crashFile) handsOver(body ast.Node) bool {
	name := make(map[any]bool)
	f.wholeName(f.p, f.open.Args[0], name, maxNameSteps)
	return len(name) > 0 && syntax.ContainsNode(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || call.Pos() >= f.opening.Pos() || !f.takes(call, name) {
			return false
		}
		fn := f.p.Callee(call)
		return fn != nil && fn.Pkg() != nil && (dealsWithFile(f.p, call) || f.deals(fn, maxNameSteps, make(map[string]bool)))
	})
}

// takes reports whether an argument of the call is the name.
func (f *crashFile) takes(call *ast.CallExpr, name map[any]bool) bool {
	for _, arg := range call.Args {
		of := make(map[any]bool)
		f.wholeName(f.p, arg, of, maxNameSteps)
		for part := range of {
			if name[part] {
				return true
			}
		}
	}
	return false
}

// deals reports whether fn, a function of the module, deals with a file, itself or
// within depth calls.
func (f *crashFile) deals(fn *types.Func, depth int, seen map[string]bool) bool {
	key := rewrite.ObjectKey(fn)
	if depth == 0 || seen[key] || !f.ours(fn.Pkg()) {
		return false
	}
	seen[key] = true
	s := f.p.Snapshot()
	decl, q := syntax.DeclarationOf(s, fn)
	if decl == nil && depth == maxNameSteps {
		s.TryWiden(fn.Name())
		decl, q = syntax.DeclarationOf(s, fn)
	}
	return decl != nil && decl.Body != nil && syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if dealsWithFile(q, call) {
			return true
		}
		other := q.Callee(call)
		return other != nil && other.Pkg() != nil && f.deals(other, depth-1, seen)
	})
}

// dealsWithFile reports whether call reads or changes a file that it is given the
// name of.
func dealsWithFile(p *rewrite.Package, call *ast.CallExpr) bool {
	return p.IsCall(call, "os", "ReadFile", "WriteFile", "Open", "OpenFile", "Create", "Truncate", "Rename", "Link", "Remove", "RemoveAll")
}

// isEmptying reports whether the call empties the file that it is a method of, or
// given the descriptor of.
func (f *crashFile) isEmptying(call *ast.CallExpr) bool {
	id := syntax.LastName(call.Fun)
	if id == nil || id.Name != "Truncate" && id.Name != "Ftruncate" || len(call.Args) == 0 {
		return false
	}
	size := f.p.Info.Types[call.Args[len(call.Args)-1]].Value
	return size != nil && constant.Sign(size) == 0
}

// namedByParent reports whether the name comes from a variable of the environment
// that the module itself sets, for a child that it starts.
func (f *crashFile) namedByParent() bool {
	variable := f.environment(f.open.Args[0])
	if variable == "" {
		return false
	}
	s := f.p.Snapshot()
	s.TryWiden(variable)
	for _, q := range s.Packages {
		if q.Module != f.p.Module {
			continue
		}
		for c := range q.Inspector.Root().Preorder((*ast.BasicLit)(nil), (*ast.CallExpr)(nil)) {
			switch n := c.Node().(type) {
			case *ast.BasicLit:
				if n.Kind == token.STRING && strings.HasPrefix(strings.Trim(n.Value, "\"`"), variable+"=") {
					return true
				}
			case *ast.CallExpr:
				if q.IsCall(n, "os", "Setenv") && len(n.Args) == 2 {
					if name, ok := syntax.ConstString(q, n.Args[0]); ok && name == variable {
						return true
					}
				}
			}
		}
	}
	return false
}

// environment returns the variable of the environment that x is the value of, ""
// where it is none.
func (f *crashFile) environment(x ast.Expr) string {
	x = ast.Unparen(x)
	if id, ok := x.(*ast.Ident); ok {
		def := syntax.Definition(f.p, id)
		if def == nil || def.Value == nil {
			return ""
		}
		x = ast.Unparen(def.Value)
	}
	call, ok := x.(*ast.CallExpr)
	if !ok || !f.p.IsCall(call, "os", "Getenv", "LookupEnv") || len(call.Args) != 1 {
		return ""
	}
	name, _ := syntax.ConstString(f.p, call.Args[0])
	return name
}

// meantEmpty matches comments that say that the file begins empty on purpose.
var meantEmpty = regexp.MustCompile(`(?i)\b(?:on purpose|deliberate\w*|intentional\w*|by design)\b` +
	`|\b(?:start|begin|open)\w*\b.{0,40}\b(?:fresh|empty|clean|scratch)\b` +
	`|\b(?:only|just)\b.{0,60}\b(?:last|latest|newest|present|current|this|most recent)\b.{0,20}\b(?:run|crash|report|session|start|panic|process)` +
	`|\b(?:last|latest|present|current|most recent)\b.{0,20}\b(?:run|crash|report|session|panic)\w*\b.{0,20}\bonly\b` +
	`|\b(?:old|older|previous|earlier|former)\b.{0,60}\b(?:not|n't|never|no longer|overwrit\w*|discard\w*|dropped|thrown)\b` +
	`|\b(?:not|n't|never|no need|overwrit\w*|discard\w*|drop\w*|throw\w*)\b.{0,60}\b(?:old|older|previous|earlier|former|last)\b`)

// complains matches comments that find fault with it.
var complains = regexp.MustCompile(`(?i)\b(?:bug|todo|fixme|xxx|wrong\w*|loses?|lost|destroy\w*|gone|should)\b`)

// saidEmpty reports whether a comment at the opening, or of the function, says that
// the file begins empty on purpose.
func (f *crashFile) saidEmpty() bool {
	s := f.p.Snapshot()
	file := f.p.File(f.open)
	if file == nil {
		return false
	}
	line := func(p token.Pos) int { return s.Position(p).Line }
	var doc *ast.CommentGroup
	if cur, ok := f.p.Cursor(f.open); ok {
		if decl := syntax.EnclosingDecl(cur); decl != nil {
			doc = decl.Doc
		}
	}
	for _, g := range file.AST.Comments {
		beside := line(g.Pos()) == line(f.open.End()) || line(g.End()) == line(f.open.Pos())-1
		text := strings.ReplaceAll(g.Text(), "\n", " ")
		if (beside || g == doc) && meantEmpty.MatchString(text) && !complains.MatchString(text) {
			return true
		}
	}
	return false
}

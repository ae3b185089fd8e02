package crashoutput

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
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

// overwritten matches what users are told of a file.
var overwritten = regexp.MustCompile(`(?i)\b(?:is|be|gets?|was|are)\s+(?:overwritten|truncated|emptied|replaced|recreated)\b|\b(?:overwrites|truncates|replaces|empties)\b`)

// saidEmpty returns who says that the file begins empty on purpose: a comment at the
// opening or of the function, or the help on the flag that names the file; "" when
// none does.
func (f *crashFile) saidEmpty() string {
	s := f.p.Snapshot()
	file := f.p.File(f.open)
	if file == nil {
		return ""
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
		if (beside || g == doc) && saysEmpty(strings.ReplaceAll(g.Text(), "\n", " ")) {
			return "a comment"
		}
	}
	if usageSaysEmpty(f.p, f.open.Args[0], maxNameSteps) {
		return "the help on the flag"
	}
	return ""
}

func saysEmpty(text string) bool {
	return meantEmpty.MatchString(text) && !complains.MatchString(text)
}

// usageSaysEmpty reports whether the name x comes from a flag of the command line
// whose help says so: flag.String("crash", "", "starts empty in every run").
func usageSaysEmpty(p *rewrite.Package, x ast.Expr, depth int) bool {
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return false
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok {
			return false
		}
		for _, c := range syntax.MentionsOf(p, v) {
			value, assigned := syntax.AssignedTo(c)
			at := wholeName(c).Parent()
			if _, address := at.Node().(*ast.UnaryExpr); address && !assigned {
				value, _ = at.Parent().Node().(ast.Expr) // flag.StringVar(&x, ...)
			}
			if call, ok := value.(*ast.CallExpr); ok && slices.ContainsFunc(call.Args, func(arg ast.Expr) bool {
				text, ok := syntax.ConstString(p, arg)
				return ok && (saysEmpty(text) || overwritten.MatchString(text) && !complains.MatchString(text))
			}) {
				return true
			}
		}
		return depth > 0 && slices.ContainsFunc(syntax.ArgumentsFor(p, v), func(a syntax.Arg) bool { return usageSaysEmpty(a.Pkg, a.Expr, depth-1) })
	})
}

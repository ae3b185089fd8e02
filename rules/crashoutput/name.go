package crashoutput

import (
	"go/ast"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// freshName reports whether the file's name is a new one in every run: it holds
// the time, the process or a random part.
func (f *crashFile) freshName() bool {
	return (&nameReader{s: f.p.Snapshot(), seen: make(map[any]bool)}).fresh(f.p, f.open.Args[0], 0)
}

// maxNameSteps bounds how far the parts of a file name are followed through
// variables, parameters and functions.
const maxNameSteps = 4

type nameReader struct {
	s    *rewrite.Snapshot
	seen map[any]bool
}

// freshWords are the words in names of variables, fields and functions that
// speak of something that no two runs have in common.
var freshWords = regexp.MustCompile(`^(time|timestamp|stamp|ts|now|date|day|today|pid|uuid|guid|ulid|xid|nonce|rand|random|session|run|tmp|temp|tempdir|tmpdir|attempt|epoch|unix|seq|id|suffix|unique)$`)

func isFreshName(name string) bool {
	return slices.ContainsFunc(camelWords(name), freshWords.MatchString)
}

// camelWords splits a name in camel or snake case into its words in lower case.
func camelWords(name string) []string {
	var words []string
	start := 0
	for i := 1; i <= len(name); i++ {
		upper := func(j int) bool { return 'A' <= name[j] && name[j] <= 'Z' }
		if i == len(name) || name[i] == '_' || upper(i) && (!upper(i-1) || i+1 < len(name) && !upper(i+1) && name[i+1] != '_') {
			if w := strings.ToLower(strings.Trim(name[start:i], "_")); w != "" {
				words = append(words, w)
			}
			start = i
		}
	}
	return words
}

func (r *nameReader) fresh(p *rewrite.Package, x ast.Node, step int) bool {
	if step > maxNameSteps || r.seen[x] {
		return false
	}
	r.seen[x] = true
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			return r.freshCall(p, n, step)
		case *ast.Ident:
			obj := p.Info.Uses[n]
			switch obj := obj.(type) {
			case *types.Var:
				return isFreshName(n.Name) || r.freshVar(p, n, obj, step)
			case *types.Func, *types.PkgName, nil:
			default:
				return isFreshName(n.Name)
			}
		}
		return false
	})
}

// freshCall reports whether what call returns differs between runs.
func (r *nameReader) freshCall(p *rewrite.Package, call *ast.CallExpr, step int) bool {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	switch path := fn.Pkg().Path(); path {
	case "time", "crypto/rand", "math/rand", "math/rand/v2", "testing":
		return true
	case "os":
		return fn.Name() == "Getpid" || fn.Name() == "Getppid" || fn.Name() == "MkdirTemp" || fn.Name() == "CreateTemp"
	case "path/filepath", "path", "fmt", "strings", "strconv":
		return false // its arguments decide
	default:
		if isFreshName(fn.Name()) || strings.Contains(path, "uuid") || strings.Contains(path, "ulid") {
			return true
		}
		q := r.s.Package(path)
		if path == p.Path {
			q = p
		}
		if q == nil {
			return false
		}
		decl := syntax.DeclOf(q, fn)
		return decl != nil && decl.Body != nil && returnsFresh(r, q, decl, step)
	}
}

// returnsFresh reports whether a return statement of decl returns a name that
// differs between runs.
func returnsFresh(r *nameReader, p *rewrite.Package, decl *ast.FuncDecl, step int) bool {
	return syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
		ret, ok := n.(*ast.ReturnStmt)
		return ok && slices.ContainsFunc(ret.Results, func(x ast.Expr) bool { return r.fresh(p, x, step+1) })
	})
}

// freshVar reports whether the variable at id holds something that differs
// between runs: one of its values, or of the arguments passed for it, does.
func (r *nameReader) freshVar(p *rewrite.Package, id *ast.Ident, v *types.Var, step int) bool {
	if v.Pkg() != p.Types || r.seen[v] {
		return false
	}
	r.seen[v] = true
	for _, c := range syntax.MentionsOf(p, v) {
		if value, ok := syntax.AssignedTo(c); ok && value != nil && r.fresh(p, value, step+1) {
			return true
		}
	}
	return slices.ContainsFunc(syntax.ArgumentsFor(p, v), func(a syntax.Arg) bool { return r.fresh(a.Pkg, a.Expr, step+1) })
}

package publicpprof

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

var (
	opsName   = regexp.MustCompile(`(?i)p?prof|debug|admin|diag|metric|telemetr|monitor|internal|stats|health|probe|instrument|inspect|trac(e|ing)|prom`)
	pprofName = regexp.MustCompile(`(?i)pprof|profil|debug`)
)

// optIn reports whether the address is not known but asked for by a name that
// says what is served there.
func (l *listener) optIn() bool {
	if l.Host != web.Unknown && !l.Told {
		return false
	}
	if opsName.MatchString(syntax.FuncName(l.at)) {
		return true
	}
	if opsName.MatchString(l.pkg.Name) {
		return true
	}
	return l.Expr != nil && named(l.pkg, l.Expr, opsName, 0)
}

// aside reports whether the listener is beside the program's main business: in
// a goroutine of its own, or under a condition on its address.
func (l *listener) aside() bool {
	for c := range l.at.Enclosing((*ast.GoStmt)(nil), (*ast.IfStmt)(nil)) {
		n, ok := c.Node().(*ast.IfStmt)
		if !ok {
			return true
		}
		if l.Expr != nil && mentionsAny(l.pkg, n.Cond, l.Expr) {
			return true
		}
	}
	return false
}

// mentionsAny reports whether the condition mentions a variable that x does.
func mentionsAny(p *rewrite.Package, cond, x ast.Expr) bool {
	given := make(map[types.Object]bool)
	ast.Inspect(cond, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && p.Info.Uses[id] != nil {
			given[p.Info.Uses[id]] = true
		}
		return true
	})
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && given[p.Info.Uses[id]]
	})
}

// named reports whether a name or a string in x of package p, or where the
// variables in x come from, matches re.
func named(p *rewrite.Package, x ast.Expr, re *regexp.Regexp, step int) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			found = found || re.MatchString(n.Name)
			if found || step == 2*syntax.MaxSteps {
				break
			}
			if def := syntax.Definition(p, n); def != nil {
				found = named(p, def.Value, re, step+1)
			} else if args := syntax.Arguments(p, n); len(args) == 1 {
				found = named(args[0].Pkg, args[0].Expr, re, step+1)
			}
		case *ast.BasicLit:
			found = found || n.Kind == token.STRING && re.MatchString(n.Value)
		}
		return !found
	})
	return found
}

// saysPprof reports whether a constant address or the names around it say that
// the listener is for profiles: port 6060 to 6069 is what the documentation of
// net/http/pprof made customary.
func (l *listener) saysPprof() bool {
	return strings.Contains(l.Where, ":606") || l.namedPprof()
}

// namedPprof reports whether the names in the address, the name of the function,
// a condition or a message say that the listener is for profiles.
func (l *listener) namedPprof() bool {
	return l.asksForProfiles() || pprofName.MatchString(syntax.FuncName(l.at)) || l.Expr != nil && syntax.ContainsNode(l.Expr, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && pprofName.MatchString(id.Name)
	})
}

// platformTags are the build tags that say nothing about the purpose of a file.
const platformTags = " aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos unix" +
	" 386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm cgo gc gccgo purego "

// behindTag reports whether a build tag other than for platforms and versions
// decides about the file.
func behindTag(f *rewrite.File) bool {
	for _, group := range f.AST.Comments {
		if group.Pos() > f.AST.Package {
			break
		}
		for _, c := range group.List {
			if !constraint.IsGoBuild(c.Text) {
				continue
			}
			x, err := constraint.Parse(c.Text)
			if err != nil {
				continue
			}
			custom := false
			x.Eval(func(tag string) bool {
				custom = custom || !strings.Contains(platformTags, " "+tag+" ") && !strings.HasPrefix(tag, "go1")
				return true
			})
			if custom {
				return true
			}
		}
	}
	return false
}

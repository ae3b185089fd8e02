package publicpprof

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

var (
	profilesName = regexp.MustCompile(`(?i)pprof|profil`)
	// aboutPprof matches messages about the start or the end of a server of
	// profiles, as against those that mention profiles beside something else.
	aboutPprof = regexp.MustCompile(`(?i)^\W*(?:(?:start\w*|serv\w*|run\w*|listen\w*|enabl\w*|launch\w*|expos\w*|error\w*|fail\w*|cannot|could|not|unable|the|a|go|golang|http|debug|to|in|for|on|with)\W+)*(?:pprof|profil)`)
	// ofProfiles matches names under which an operator expects profiles.
	ofProfiles = regexp.MustCompile(`(?i)p?prof|debug|admin|diag|internal|inspect|trac(e|ing)`)
)

// asksForProfiles reports whether the listener is there only when profiles are
// asked for, by a condition around it, or what is logged about it speaks of
// them.
func (l *listener) asksForProfiles() bool {
	for c := range l.at.Enclosing((*ast.IfStmt)(nil), (*ast.FuncDecl)(nil)) {
		n, ok := c.Node().(*ast.IfStmt)
		if !ok {
			break
		}
		if syntax.Encloses(n.Body, l.call) && syntax.ContainsNode(n.Cond, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				return profilesName.MatchString(n.Name)
			case *ast.BasicLit:
				return n.Kind == token.STRING && profilesName.MatchString(n.Value)
			}
			return false
		}) {
			return true
		}
	}
	return slices.ContainsFunc(l.around(), func(n ast.Node) bool {
		return syntax.ContainsNode(n, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			return ok && lit.Kind == token.STRING && aboutPprof.MatchString(lit.Value) && !strings.HasPrefix(lit.Value[1:], "/")
		})
	})
}

// around returns what a message about the listener would stand in: the goroutine
// that is there for it, or else its statement and the one before.
func (l *listener) around() []ast.Node {
	fn, ok := syntax.EnclosingFunc(l.at)
	if !ok {
		return nil
	}
	if lit, isLit := fn.Node().(*ast.FuncLit); isLit {
		return []ast.Node{lit.Body}
	}
	at := l.at
	for !syntax.InList(at) {
		if at = at.Parent(); at.Node() == nil || at.Node() == fn.Node() {
			return nil
		}
	}
	out := []ast.Node{at.Node()}
	if prev, ok := previous(at); ok {
		out = append(out, prev)
	}
	return out
}

// previous returns the statement before that at the cursor, in the same list.
func previous(at inspector.Cursor) (ast.Node, bool) {
	prev, ok := at.PrevSibling()
	if !ok || prev.ParentEdgeKind() != at.ParentEdgeKind() {
		return nil, false
	}
	return prev.Node(), true
}

// unspoken reports whether nothing says that the listener serves profiles, which
// is asked for as one of metrics or health: no name, and its package does not
// import net/http/pprof. Other packages of the module do, without a word about
// what for.
func (p *program) unspoken(l *listener) bool {
	if ofProfiles.MatchString(syntax.FuncName(l.at)) || ofProfiles.MatchString(l.pkg.Name) || l.asksForProfiles() ||
		l.Expr != nil && named(l.pkg, l.Expr, ofProfiles, 0) {
		return false
	}
	found := false
	for _, q := range p.g.s.Packages {
		if !p.in[q.Path] || q.Module == nil || !q.Module.Main {
			continue
		}
		for _, f := range q.Files {
			if f.Test || !syntax.Imports(f, pprofPath) {
				continue
			}
			if q == l.pkg || explained(f) {
				return false
			}
			found = true
		}
	}
	return found
}

// explained reports whether the import of net/http/pprof in f has a comment for
// people, or f uses its functions by name.
func explained(f *rewrite.File) bool {
	return slices.ContainsFunc(f.AST.Imports, func(s *ast.ImportSpec) bool {
		if s.Path.Value != `"`+pprofPath+`"` {
			return false
		}
		if s.Name == nil || s.Name.Name != "_" {
			return true
		}
		for _, g := range []*ast.CommentGroup{s.Doc, s.Comment} {
			if g != nil && slices.ContainsFunc(g.List, func(c *ast.Comment) bool {
				text := strings.TrimSpace(strings.TrimPrefix(c.Text, "//"))
				return !strings.HasPrefix(text, "nolint") && !strings.HasPrefix(text, "#nosec") && !strings.HasPrefix(text, "lint:")
			}) {
				return true
			}
		}
		return false
	})
}

// opensByDefault reports whether the listener is for profiles alone, on an address
// that a flag for them has by default, and that everybody can reach: no one asks
// for it.
func (p *program) opensByDefault(l *listener) bool {
	if !l.Told || l.Host != web.Public || l.Default == nil || l.Expr == nil || !p.profilesOnly() || !p.whole() || !named(l.pkg, l.Expr, profilesName, 0) {
		return false
	}
	if !l.onAddressOnly(l.at) {
		return false
	}
	decl := syntax.EnclosingDecl(l.at)
	if decl == nil || syntax.IsMain(l.pkg, decl) {
		return decl != nil
	}
	call, q := syntax.OnlyCall(p.g.s, l.pkg, decl)
	return q != nil && l.onAddressOnly(call)
}

// onAddressOnly reports whether the place hangs on no condition but that there is an
// address.
func (l *listener) onAddressOnly(at inspector.Cursor) bool {
	for c := range at.Enclosing((*ast.IfStmt)(nil), (*ast.CaseClause)(nil)) {
		n, ok := c.Node().(*ast.IfStmt)
		if !ok {
			return false
		}
		cond, ok := ast.Unparen(n.Cond).(*ast.BinaryExpr)
		if !ok || cond.Op != token.NEQ || syntax.ExprText(cond.X) != syntax.ExprText(l.Expr) {
			return false
		}
	}
	return true
}

// opened is the finding of a listener that is open by default.
func (p *program) opened(l *listener) rewrite.Finding {
	f := rewrite.Finding{
		Pos: l.call.Pos(), End: l.call.End(),
		Message: fmt.Sprintf("net/http/pprof is served on %s, to everybody who can reach the machine", l.Where),
	}
	at := *l
	at.Lit = l.Default
	f.Fixes = []*rewrite.Fix{at.bindToLoopback()}
	return f
}

package threadlock

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// keptComment matches comments that say that the lock is kept on purpose. That a
// path returns without the unlock may as well be a complaint: it counts when the
// comment says what for.
var keptComment = regexp.MustCompile(`(?i)` +
	`\b(?:(?:do|must|should|need|can|will|shall)(?:es)?(?: ?not|n't)|never|cannot|deliberate\w*|intentional\w*|on purpose|by design)\b.{0,30}\bunlock` +
	`|\bunlock.{0,30}\b(?:deliberate|intentional|on purpose|by design)` +
	`|\b(?:without|no|not)\b.{0,30}\bunlock.{0,60}\b(?:so that|because|lets?|since|in order|tainted|runtime|destroy|kill|die)` +
	`|\b(?:thread|goroutine)\b.{0,60}\b(?:not be re-?used|die|dies|killed|terminat\w*|destroyed|thrown away|discard\w*)` +
	`|\bthread (?:(?:will|then|must|should|also|just|to) ){0,2}exits?\b` +
	`|(?:keep|stay|remain|left|leave)\w*\b.{0,20}\blocked`)

// faultComment matches comments that complain.
var faultComment = regexp.MustCompile(`(?i)\b(?:bug|forg[oe]t\w*|miss(?:ing|ed|es)|leak\w*|oops|fixme|todo|xxx|wrong\w*|mistake\w*|broken|still locked)\b`)

// contractComment matches comments that say who unlocks, or that the function
// returns with the lock held.
var contractComment = regexp.MustCompile(`(?i)` +
	`\breturns?\b.{0,40}\b(?:locked|pinned|wired)\b` +
	`|\b(?:callers?|user|client|owner)\b.{0,80}\b(?:unlock\w*|releas\w*|UnlockOSThread)` +
	`|\b(?:unlock\w*|releases?|released)\b.{0,80}\b(?:otherwise|elsewhere|later on|by the caller|does it|does that|does so)\b` +
	`|\bonly unlock\w* (?:on|when|if|in|for|after)\b|\bunlock\w*\b.{0,10}\bonly (?:on|when|if|in|for|after)\b` +
	`|\b(?:unlocked|released) (?:by|in|when|until|once|on|at|after|from)\b` +
	`|\b(?:until|till)\b.{0,60}\b(?:is called|calls|(?-i:[A-Z][a-z]+)(?:\(\))?(?: |\.|$))` +
	`|\b(?-i:[A-Z]\w*[a-z])(?:\(\))? (?:then |will |must |also |later )?(?:unlocks?|releases?)\b` +
	`|\bmust\b.{0,60}\b(?:followed|paired|matched|balanced|undone)\b` +
	`|\bhand(?:s|ed)?\b.{0,20}\b(?:over|off|to the caller)\b|\bownership\b` +
	`|\bpair(?:s|ed)?\b.{0,20}\b(?:with|by)\b` +
	`|\bon behalf of\b|\bdie[sd]? with\b.{0,30}\bthread`)

// saidToBeKept reports whether a comment of the function, of the types that it
// hands out, or of those that may unlock says that the lock is kept.
func (f *lockFunc) saidToBeKept(elsewhere []unlocker) bool {
	first, last := f.cur.Node().Pos(), f.body.End()
	if f.decl != nil && f.decl.Doc != nil {
		first = f.decl.Doc.Pos()
	}
	for _, g := range f.call.File.AST.Comments {
		if first <= g.Pos() && g.Pos() <= last && saysKept(g) {
			return true
		}
	}
	for _, g := range f.typeDocs() {
		if saysKept(g) {
			return true
		}
	}
	for _, u := range elsewhere {
		for _, g := range u.file.AST.Comments {
			if u.decl.Pos() <= g.Pos() && g.Pos() <= u.decl.End() && saysKept(g) {
				return true
			}
		}
	}
	return false
}

func saysKept(g *ast.CommentGroup) bool {
	text := strings.ReplaceAll(g.Text(), "\n", " ")
	return (keptComment.MatchString(text) || contractComment.MatchString(text)) && !faultComment.MatchString(text)
}

// typeDocs returns the doc comments of the receiver's and the results' types, as
// far as the package declares them.
func (f *lockFunc) typeDocs() []*ast.CommentGroup {
	sig := f.signature()
	if sig == nil {
		return nil
	}
	var all []types.Type
	if r := sig.Recv(); r != nil {
		all = append(all, r.Type())
	}
	for v := range sig.Results().Variables() {
		all = append(all, v.Type())
	}
	var out []*ast.CommentGroup
	for _, t := range all {
		if named := syntax.NamedBehind(t); named != nil {
			out = append(out, docOf(f.p, named.Obj())...)
		}
	}
	return out
}

// docOf returns the comments above the declaration of a type of p.
func docOf(p *rewrite.Package, obj *types.TypeName) []*ast.CommentGroup {
	if obj.Pkg() != p.Types {
		return nil
	}
	at, ok := p.Inspector.Root().FindByPos(obj.Pos(), obj.Pos())
	if !ok {
		return nil
	}
	var out []*ast.CommentGroup
	for c := range at.Enclosing((*ast.TypeSpec)(nil), (*ast.GenDecl)(nil)) {
		switch n := c.Node().(type) {
		case *ast.TypeSpec:
			out = append(out, n.Doc)
		case *ast.GenDecl:
			out = append(out, n.Doc)
		}
	}
	return out
}

// returnsFunc reports whether a result of the function is a function, which may
// unlock.
func (f *lockFunc) returnsFunc() bool {
	sig := f.signature()
	if sig == nil {
		return true
	}
	for v := range sig.Results().Variables() {
		if _, isFunc := syntax.Under(v.Type()).(*types.Signature); isFunc {
			return true
		}
	}
	return false
}

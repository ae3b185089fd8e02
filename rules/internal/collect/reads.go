package collect

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// maxHelpers is the number of functions through which a measurement is followed.
const maxHelpers = 3

// memoryFiles matches names of files, fields of files, and options of commands
// that tell how much memory is used.
var memoryFiles = regexp.MustCompile(`/proc/(?:self|%[dsv]|\d+)?/?(?:statm?|status|smaps\w*)?$|/proc/meminfo|memory[./](?:current|stat|max|high|peak|pressure|events|usage_in_bytes|limit_in_bytes|max_usage_in_bytes|rss)|VmRSS|VmHWM|VmSize|MemAvailable|^rss=?$`)

// reader looks for what tells how much memory is used: in code with types, and,
// in other packages of the module, in code by its spelling.
type reader struct {
	p    *rewrite.Package
	seen map[string]bool // functions that were looked at
}

// readsMemory reports whether n reads how much memory is used or writes a heap
// profile, itself or by functions of the module.
func readsMemory(p *rewrite.Package, n ast.Node) bool {
	return (&reader{p: p, seen: make(map[string]bool)}).within(n, maxHelpers)
}

// within reports whether n, code of r.p, does.
func (r *reader) within(n ast.Node, depth int) bool {
	return n != nil && syntax.ContainsNode(n, func(n ast.Node) bool { return r.at(n, depth) })
}

func (r *reader) at(n ast.Node, depth int) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		return n.Kind == token.STRING && memoryFile(n)
	case *ast.Ident:
		v, ok := r.p.Info.Uses[n].(*types.Var)
		return ok && syntax.IsType(v.Type(), "runtime", "MemStats")
	case *ast.CallExpr:
		fn := r.p.Callee(n)
		if fn == nil || fn.Pkg() == nil {
			return false
		}
		key := rewrite.ObjectKey(fn)
		if knowledge.ReadsMemory(key) || knowledge.MemoryPackage(fn.Pkg().Path()) || isHeapProfile(key, n) {
			return true
		}
		if depth == 0 || r.seen[key] {
			return false
		}
		r.seen[key] = true
		if fn.Pkg() == r.p.Types {
			for _, decl := range implementations(r.p, fn) {
				if decl.Body != nil && r.within(decl.Body, depth-1) {
					return true
				}
			}
			return false
		}
		return foreignReads(r.p, fn, depth-1)
	}
	return false
}

func memoryFile(n *ast.BasicLit) bool {
	text, err := strconv.Unquote(n.Value)
	return err == nil && text != "" && memoryFiles.MatchString(text)
}

// isHeapProfile reports whether the call asks for the profile of the heap.
func isHeapProfile(key string, call *ast.CallExpr) bool {
	if key != "runtime/pprof.Lookup" && key != "net/http/pprof.Handler" || len(call.Args) == 0 {
		return false
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return true
	}
	name, err := strconv.Unquote(lit.Value)
	return err != nil || name == "heap" || name == "allocs"
}

// follows reports whether a measurement of memory belongs to the collection at
// cur: one in the same function, not in one that it only hands on, or by a
// function of the module that is called behind it or in its loop.
func follows(p *rewrite.Package, cur inspector.Cursor) bool {
	fn, ok := syntax.EnclosingFunc(cur)
	if !ok {
		return false
	}
	// What functions started in place do counts, and what loops do in the
	// next turn.
	for {
		call, ok := fn.Parent().Node().(*ast.CallExpr)
		if !ok || call.Fun != fn.Node() {
			break
		}
		outer, ok := syntax.EnclosingFunc(fn.Parent())
		if !ok {
			break
		}
		fn = outer
	}
	from := cur.Node().End()
	if _, deferred := cur.Parent().Node().(*ast.DeferStmt); deferred {
		from = fn.Node().End()
	}
	for loop := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		if fn.Contains(loop) {
			from = loop.Node().Pos()
		}
	}
	type key struct {
		fn   ast.Node
		from token.Pos // the same for all in a loop
	}
	return rewrite.Memo(p.Snapshot(), key{fn.Node(), from}, func() bool {
		near := &reader{p: p, seen: make(map[string]bool)}
		return inOwn(p, syntax.BodyOf(fn.Node()), func(n ast.Node) bool {
			depth := 0
			if n.Pos() >= from {
				depth = maxHelpers
			}
			return near.at(n, depth)
		})
	})
}

// inOwn reports whether match holds for a node of body, function literals left
// out that are not called in place.
func inOwn(p *rewrite.Package, body *ast.BlockStmt, match func(ast.Node) bool) bool {
	called := make(map[*ast.FuncLit]bool)
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if found || n == nil {
			return false
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			if lit, ok := ast.Unparen(n.Fun).(*ast.FuncLit); ok {
				called[lit] = true
			}
		case *ast.FuncLit:
			if !called[n] {
				return false
			}
		}
		found = match(n)
		return !found
	})
	return found
}

// isTimed reports whether the collection at cur prepares or is a measurement of
// time: the statement before reads the clock and one behind asks what has passed,
// or a clock is started behind it.
func isTimed(p *rewrite.Package, cur inspector.Cursor) bool {
	stmt, ok := syntax.Listed(cur)
	if !ok {
		return false
	}
	if prev, ok := stmt.PrevSibling(); ok {
		next, follows := stmt.NextSibling()
		if v := clockStart(p, prev.Node()); v != nil && follows && syntax.Mentions(p, next.Node(), p.Info.ObjectOf(v)) {
			return true
		}
		if follows && timesFrom(p, prev.Node(), next.Node()) {
			return true
		}
	}
	decl := syntax.EnclosingDecl(stmt)
	next, ok := stmt.NextSibling()
	for range 3 {
		if !ok {
			return false
		}
		if v := clockStart(p, next.Node()); v != nil && readAfter(p, v) || decl != nil && timesFrom(p, next.Node(), decl) || startsStopwatch(p, next.Node()) || ownStopwatch(p, next.Node()) {
			return true
		}
		next, ok = next.NextSibling()
	}
	return false
}

// followsTiming reports whether the collection at cur stands behind two readings
// of a clock, and before a return of the time between them: it leaves a clean heap
// to the next measurement.
func followsTiming(p *rewrite.Package, cur inspector.Cursor) bool {
	stmt, ok := syntax.Listed(cur)
	if !ok {
		return false
	}
	read := make(map[types.Object]string) // variables that hold what a call returned, by what was called
	for prev, ok := stmt.PrevSibling(); ok; prev, ok = prev.PrevSibling() {
		as, ok := prev.Node().(*ast.AssignStmt)
		if !ok || len(as.Lhs) != 1 || len(as.Rhs) != 1 {
			continue
		}
		id, isIdent := as.Lhs[0].(*ast.Ident)
		call, isCall := as.Rhs[0].(*ast.CallExpr)
		if isIdent && isCall {
			read[p.Info.ObjectOf(id)] = types.ExprString(call.Fun)
		}
	}
	what := func(x ast.Expr) string {
		id, ok := ast.Unparen(x).(*ast.Ident)
		if !ok {
			return ""
		}
		return read[p.Info.Uses[id]]
	}
	for next, ok := stmt.NextSibling(); ok; next, ok = next.NextSibling() {
		ret, isReturn := next.Node().(*ast.ReturnStmt)
		if isReturn && syntax.ContainsNode(ret, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				return n.Op == token.SUB && what(n.X) != "" && what(n.X) == what(n.Y)
			case *ast.CallExpr: // end.Sub(begin)
				sel, ok := n.Fun.(*ast.SelectorExpr)
				return ok && len(n.Args) == 1 && sel.Sel.Name == "Sub" && what(sel.X) != "" && what(sel.X) == what(n.Args[0])
			}
			return false
		}) {
			return true
		}
	}
	return false
}

// clockStart returns the variable that n sets to the present time.
func clockStart(p *rewrite.Package, n ast.Node) *ast.Ident {
	as, ok := n.(*ast.AssignStmt)
	if !ok || len(as.Lhs) != 1 || len(as.Rhs) != 1 || !p.IsCall(as.Rhs[0], "time", "Now") {
		return nil
	}
	id, _ := as.Lhs[0].(*ast.Ident)
	return id
}

// readAfter reports whether the function of the variable at id uses it further
// down.
func readAfter(p *rewrite.Package, id *ast.Ident) bool {
	cur, ok := p.Cursor(id)
	if !ok {
		return false
	}
	decl := syntax.EnclosingDecl(cur)
	return decl != nil && syntax.ContainsNode(decl, func(n ast.Node) bool {
		use, ok := n.(*ast.Ident)
		return ok && use.Pos() > id.Pos() && p.Info.Uses[use] != nil && p.Info.Uses[use] == p.Info.ObjectOf(id)
	})
}

var stopwatch = regexp.MustCompile(`(?i)stopwatch|^start_?(?:timer|clock|watch)|^reset_?timer|^(?:new_?)?timer$|bench|measure|^time_?(?:it|run|func|call)`)

// startsStopwatch reports whether n calls a function that measures time, going by
// its name or, where it is given a function to run, by what it does.
func startsStopwatch(p *rewrite.Package, n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		id := syntax.LastName(call.Fun)
		if id == nil {
			return false
		}
		if stopwatch.MatchString(id.Name) || id.Name == "Start" && strings.Contains(strings.ToLower(receiverName(p, call)), "stopwatch") {
			return true
		}
		fn := p.Callee(call)
		if fn == nil || !takesFunc(fn.Signature()) {
			return false
		}
		decl := syntax.DeclOf(p, fn)
		return decl != nil && decl.Body != nil && syntax.ContainsNode(decl.Body, func(n ast.Node) bool { return p.IsCall(n, "time", "Since", "(time.Time).Sub") })
	})
}

// Package collect finds forced collections on hot paths, and removes them.
package collect

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"go/version"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Collector is what forcedgc and freeosmemory have in common: a call that
// collects by force and that is harmful in a recurring place.
type Collector struct {
	Pkg, Name string // the function
	Words     []string
	Harm      string // what each call costs
	// stage matches names of functions that end a stage of work: a call outside
	// of the loops of such a function is meant.
	Stage *regexp.Regexp
}

// Find returns the findings of c.
func (c Collector) Find(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls(c.Pkg, c.Name) {
		if call.File.Test || call.Pkg.Wide {
			continue
		}
		stmt, ok := syntax.CallStatement(call.At)
		if !ok {
			continue
		}
		// Have: a statement that does nothing but call it.
		decl := syntax.EnclosingDecl(call.At)
		if decl == nil || purposeful(call.Pkg, decl) || heat.IsBenchmark(call.File) {
			continue
		}
		if isAskedFor(call.Pkg, call.At) || isEndpoint(s, call) || isTimed(call.Pkg, call.At.Parent()) || isWatched(call.Pkg, call.At.Parent()) {
			continue
		}
		h := heat.Of(call.Pkg, call.At)
		if h.Kind != heat.Recurring {
			continue
		}
		if c.Stage != nil && c.Stage.MatchString(decl.Name.Name) && !inLoop(call.At) && !heat.IsHandlerDecl(call.Pkg, decl) {
			continue
		}
		f := rewrite.Finding{
			Pos: call.Call.Pos(), End: call.Call.End(),
			Message: c.Pkg[strings.LastIndexByte(c.Pkg, '/')+1:] + "." + c.Name + " runs " + h.Why + ": " + c.Harm,
		}
		if version.Compare(call.File.Version(), "go1.19") >= 0 {
			f.Notes = append(f.Notes, rewrite.Note{Message: "set GOMEMLIMIT or call debug.SetMemoryLimit if memory must be bounded"})
		}
		switch {
		case h.Guarded || guardsMemory(call.Pkg, call.At):
			f.Notes = []rewrite.Note{{Message: "no fix: this is a memory limit made by hand; debug.SetMemoryLimit or GOMEMLIMIT (Go 1.19) does it without stopping callers"}}
		case heat.Measures(call.Pkg, decl):
			continue
		case profiles(call.Pkg, decl):
			continue
		case usesFinalization(call.Pkg) && yields(call.Pkg, call.At.Parent()):
			continue
		case usesFinalization(call.Pkg):
			f.Notes = []rewrite.Note{{Message: "no fix: the package uses finalizers, cleanups or weak pointers, which the call may be there to drive"}}
		case twice(call.Pkg, call.At):
			f.Notes = []rewrite.Note{{Message: "no fix: two collections in a row empty sync.Pools and run finalizers, which may be meant"}}
		default:
			f.Fixes = []*rewrite.Fix{c.fix(s, call, stmt, h)}
		}
		out = append(out, f)
	}
	return append(out, c.values(s)...)
}

// inLoop reports whether a loop of the enclosing declaration is around cur.
func inLoop(cur inspector.Cursor) bool {
	for range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		return true
	}
	return false
}

// fix removes the call, or the whole goroutine when it does nothing else.
func (c Collector) fix(s *rewrite.Snapshot, call rewrite.Call, stmt ast.Stmt, h heat.Heat) *rewrite.Fix {
	if idle, decl := idleGoroutine(s, call); idle != nil {
		return &rewrite.Fix{
			Message: "remove the goroutine, which does nothing else; memory then goes back to the system at the runtime's own pace",
			Safety:  rewrite.Unsafe,
			Apply: func(e *rewrite.Edit) error {
				e.Delete(idle, c.Words...)
				if decl != nil {
					e.DeleteDecl(decl)
				}
				return nil
			},
		}
	}
	fix := &rewrite.Fix{
		Message: "remove the call", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Delete(stmt, c.Words...)
			return nil
		},
	}
	switch {
	case h.Paced:
		fix.Safety = rewrite.Unsafe
		fix.Message += "; memory is then collected when the heap has grown, not by the clock"
	case h.Finite && syntax.EnclosingDecl(call.At).Name.Name == "main" && call.Pkg.Name == "main":
		fix.Safety = rewrite.Unsafe
		fix.Message += "; the program goes over its input once, and may be meant to begin each part of it with a small heap"
	case h.Conditional:
		fix.Safety = rewrite.Unsafe
		fix.Message += "; the condition that guards it may have been chosen with care"
	}
	return fix
}

// values reports the function used as a value in a recurring place.
func (c Collector) values(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for _, r := range s.Refs(c.Pkg + "." + c.Name) {
		if _, called := r.Call(); called || r.File.Test || r.File.Generated || r.Pkg.Wide {
			continue
		}
		if h := heat.ValueUse(r); h.Kind != heat.Recurring {
			continue
		}
		e := r.Expr().Node()
		out = append(out, rewrite.Finding{
			Pos: e.Pos(), End: e.End(),
			Message: c.Name + " is handed to code that calls it again and again: " + c.Harm,
			Notes:   []rewrite.Note{{Message: "no fix: only direct calls are removed; do not pass it on"}},
		})
	}
	return out
}

// saysCollects matches doc comments of functions that are there to collect.
var saysCollects = regexp.MustCompile(`(?i)(?:force|trigger|run)\w*.{0,3}(?:gc\b|garbage)|garbage collect`)

var collects = regexp.MustCompile(`(?i)(?:force|trigger|run|free|release|collect|do).?(?:gc|garbage|mem(?:ory)?\b|os.?memory)|garbage`)

// purposeful reports whether the function is there to collect: its name or doc
// comment says so.
func purposeful(p *rewrite.Package, decl *ast.FuncDecl) bool {
	if collects.MatchString(decl.Name.Name) || strings.EqualFold(decl.Name.Name, "gc") {
		return true
	}
	if decl.Doc == nil {
		return false
	}
	// What it does besides, or by the way, is not what it is there for.
	clause := endOfClause.Split(strings.ReplaceAll(decl.Doc.Text(), "\n", " "), 2)[0]
	return saysCollects.MatchString(clause)
}

var endOfClause = regexp.MustCompile(`[.,;:(] | (?:and|then|but|while|after|before|once|with) `)

// isEndpoint reports whether the call belongs to a handler through which an
// operator collects: one that does nothing else, or whose route names it.
func isEndpoint(s *rewrite.Snapshot, call rewrite.Call) bool {
	p := call.Pkg
	fn, ok := syntax.EnclosingFunc(call.At)
	if !ok {
		return false
	}
	switch n := fn.Node().(type) {
	case *ast.FuncLit:
		return web.IsHandler(p, syntax.SignatureOf(p, n)) && (collectsFirst(p, n.Body, call.At) || namesCollection(p, fn.Parent().Node()))
	case *ast.FuncDecl:
		if !heat.IsHandlerDecl(p, n) {
			return false
		}
		if collectsFirst(p, n.Body, call.At) || asksFor.MatchString(n.Name.Name) {
			return true
		}
		for _, r := range s.Refs(rewrite.ObjectKey(p.Info.Defs[n.Name].(*types.Func))) {
			at := r.Expr().Parent()
			if conv, ok := at.Node().(*ast.CallExpr); ok && r.Pkg.Info.Types[conv.Fun].IsType() {
				at = at.Parent() // http.HandlerFunc(f)
			}
			if namesCollection(r.Pkg, at.Node()) {
				return true
			}
		}
	}
	return false
}

// collectsFirst reports whether the body of a handler does nothing but collect,
// by the call at cur, and answer then. One that has answered before it collects
// does so to clean up.
func collectsFirst(p *rewrite.Package, body *ast.BlockStmt, cur inspector.Cursor) bool {
	if !onlyCollects(p, body) {
		return false
	}
	if _, plain := cur.Parent().Node().(*ast.ExprStmt); !plain {
		return false
	}
	for _, stmt := range body.List {
		if stmt.End() >= cur.Node().Pos() {
			return true
		}
		if _, guard := stmt.(*ast.IfStmt); !guard && syntax.ContainsNode(stmt, func(n ast.Node) bool { return writesReply(p, n) }) {
			return false
		}
	}
	return true
}

// writesReply reports whether n is a call that is given the response writer, or
// a method of it other than Header.
func writesReply(p *rewrite.Package, n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	isWriter := func(x ast.Expr) bool {
		t := p.Info.TypeOf(x)
		return t != nil && syntax.IsType(t, "net/http", "ResponseWriter")
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && isWriter(sel.X) {
		return sel.Sel.Name != "Header"
	}
	return slices.ContainsFunc(call.Args, isWriter)
}

// namesCollection reports whether n is a call with a constant that names the
// collection, as the route of a handler does.
func namesCollection(p *rewrite.Package, n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	for _, arg := range call.Args {
		if v := p.Info.Types[arg].Value; v != nil && v.Kind() == constant.String && asksFor.MatchString(constant.StringVal(v)) {
			return true
		}
	}
	return false
}

// onlyCollects reports whether every statement of body collects, logs, writes a
// constant reply, returns, or turns a request away.
func onlyCollects(p *rewrite.Package, body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		switch s := stmt.(type) {
		case *ast.ReturnStmt:
		case *ast.IfStmt:
			last := len(s.Body.List) - 1
			if last < 0 || s.Else != nil || !onlyCollects(p, s.Body) {
				return false
			}
			if _, ok := s.Body.List[last].(*ast.ReturnStmt); !ok {
				return false
			}
		case *ast.ExprStmt:
			call, ok := s.X.(*ast.CallExpr)
			if !ok || !IsCollection(p, call) && !replies(p, call) {
				return false
			}
		case *ast.AssignStmt:
			if len(s.Rhs) != 1 {
				return false
			}
			call, ok := s.Rhs[0].(*ast.CallExpr)
			if !ok || !replies(p, call) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func IsCollection(p *rewrite.Package, n ast.Node) bool {
	return p.IsCall(n, "runtime", "GC") || p.IsCall(n, "runtime/debug", "FreeOSMemory")
}

// replyName matches functions and methods that log, or answer a request.
var replyName = regexp.MustCompile(`^(?i:f?print|s?log|info|debug|warn|err|trace|notice|write|reply|respond|json|text|string|html|xml|status|send|no_?content|ok|encode|abort|audit|set|header|add|del|flush|now|since|new_?encoder)`)

// replies reports whether call logs or writes a constant reply.
func replies(p *rewrite.Package, call *ast.CallExpr) bool {
	id := syntax.LastName(call.Fun)
	if id == nil || !replyName.MatchString(id.Name) {
		return false
	}
	return constantArgs(p, call) || !writesReply(p, call) && !slices.ContainsFunc(call.Args, func(x ast.Expr) bool {
		return syntax.ContainsNode(x, func(n ast.Node) bool { _, calls := n.(*ast.CallExpr); return calls })
	})
}

// constantArgs reports whether call's arguments are constants, plain variables,
// or conversions of constants: a log line, a status, a fixed reply.
func constantArgs(p *rewrite.Package, call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if tv := p.Info.Types[arg]; tv.Value != nil {
			continue
		}
		switch a := ast.Unparen(arg).(type) {
		case *ast.Ident:
			continue
		case *ast.CallExpr:
			if tv := p.Info.Types[a.Fun]; tv.IsType() && constantArgs(p, a) {
				continue
			}
		case *ast.CompositeLit:
			continue
		}
		return false
	}
	return true
}

// guardsMemory reports whether an if around cur decides by memory statistics
// whether to collect: by a field of MemStats, a function that reads them, or a
// variable that one of these was assigned to.
func guardsMemory(p *rewrite.Package, cur inspector.Cursor) bool {
	decl := syntax.EnclosingDecl(cur)
	readsMemory := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			t := p.Info.TypeOf(n.X)
			return t != nil && syntax.TypeKey(t) == "runtime.MemStats"
		case *ast.CallExpr:
			fn := p.Callee(n)
			if fn == nil || fn.Signature().Results().Len() == 0 {
				return false
			}
			callee := syntax.DeclOf(p, fn)
			return callee != nil && callee.Body != nil && heat.Measures(p, callee)
		}
		return false
	}
	for c := range cur.Enclosing((*ast.IfStmt)(nil)) {
		if syntax.ContainsNode(c.Node().(*ast.IfStmt).Cond, func(n ast.Node) bool {
			if readsMemory(n) {
				return true
			}
			id, ok := n.(*ast.Ident)
			if !ok {
				return false
			}
			v, ok := p.Info.Uses[id].(*types.Var)
			return ok && syntax.ContainsNode(decl, func(n ast.Node) bool {
				as, ok := n.(*ast.AssignStmt)
				if !ok || len(as.Lhs) != len(as.Rhs) {
					return false
				}
				for i, lhs := range as.Lhs {
					if to, ok := lhs.(*ast.Ident); ok && p.Info.ObjectOf(to) == v && syntax.ContainsNode(as.Rhs[i], readsMemory) {
						return true
					}
				}
				return false
			})
		}) {
			return true
		}
	}
	return false
}

// profiles reports whether the function writes a heap profile, which a
// collection makes current.
func profiles(p *rewrite.Package, decl *ast.FuncDecl) bool {
	return syntax.InDecl(decl, func(n ast.Node) bool {
		if p.IsCall(n, "runtime/pprof", "WriteHeapProfile", "(*runtime/pprof.Profile).WriteTo") || p.IsCall(n, "runtime/debug", "WriteHeapDump") {
			return true
		}
		if !p.IsCall(n, "runtime/pprof", "Lookup") && !p.IsCall(n, "net/http/pprof", "Handler") {
			return false
		}
		call := n.(*ast.CallExpr)
		if len(call.Args) == 0 {
			return false
		}
		name, err := strconv.Unquote(types.ExprString(call.Args[0]))
		return err != nil || name == "heap" || name == "allocs"
	})
}

// usesFinalization reports whether the package uses what runs or is decided at
// a collection.
func usesFinalization(p *rewrite.Package) bool {
	keys := []string{"runtime.SetFinalizer", "runtime.AddCleanup", "weak.Make", "unique.Make"}
	for _, r := range p.Snapshot().Refs(keys...) {
		if r.Pkg.Path == p.Path {
			return true
		}
	}
	for _, f := range p.Files {
		if strings.Contains(string(f.Src), "/gc/finalizers") {
			return true
		}
	}
	for _, f := range p.OtherFiles() {
		found := false
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && (sel.Sel.Name == "SetFinalizer" || sel.Sel.Name == "AddCleanup") {
				found = true
			}
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

// yields reports whether the statement behind stmt lets other goroutines run, as
// is done to wait for finalizers and cleanups: it yields, or sleeps in a loop that
// has a condition.
func yields(p *rewrite.Package, stmt inspector.Cursor) bool {
	next, ok := stmt.NextSibling()
	if !ok {
		return false
	}
	s, ok := next.Node().(*ast.ExprStmt)
	if !ok {
		return false
	}
	if p.IsCall(s.X, "runtime", "Gosched") {
		return true
	}
	loop, ok := stmt.Parent().Parent().Node().(*ast.ForStmt)
	return ok && loop.Cond != nil && p.IsCall(s.X, "time", "Sleep")
}

// twice reports whether the statement before or after the call collects too, by
// the same function.
func twice(p *rewrite.Package, cur inspector.Cursor) bool {
	same := func(c inspector.Cursor, ok bool) bool {
		if !ok {
			return false
		}
		s, isExpr := c.Node().(*ast.ExprStmt)
		return isExpr && p.IsCall(s.X, "runtime", "GC") && p.IsCall(cur.Node(), "runtime", "GC")
	}
	stmt := cur.Parent()
	return same(stmt.PrevSibling()) || same(stmt.NextSibling())
}

// asksFor matches names and words for a collection that somebody asks for.
var asksFor = regexp.MustCompile(`(?:^|[^A-Z])GC(?:[^a-z]|$)|(?:^|[^A-Za-z])gc(?:[^a-z]|$)|(?i:garbage|free_?os_?mem)`)

// asksToFree matches words, those of a command or a request's parameter, for
// letting go of what is held in memory.
var asksToFree = regexp.MustCompile(`^(?i:clean|clear|drop|evict|flush|free|purge|release|reset|shrink|trim|unload)`)

// isAskedFor reports whether a condition or case around cur names the
// collection, or the platform for which it is: a command "gc", an option forceGC,
// a channel of such wishes, the parameter "flush" of a request.
func isAskedFor(p *rewrite.Package, cur inspector.Cursor) bool {
	// A number or a time that is called gcInterval or lastGC asks for nothing.
	answers := func(id *ast.Ident) bool {
		t := p.Info.TypeOf(id)
		if t == nil {
			return false
		}
		switch t := t.Underlying().(type) {
		case *types.Basic:
			return t.Info()&(types.IsBoolean|types.IsString) != 0
		case *types.Signature, *types.Chan:
			return true
		}
		return false
	}
	named := func(x ast.Node) bool {
		return x != nil && syntax.ContainsNode(x, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				return asksFor.MatchString(n.Name) && answers(n) || n.Name == "GOOS" // a platform that kills what is too big
			case *ast.BasicLit:
				text := strings.Trim(n.Value, "`\"")
				return n.Kind == token.STRING && (asksFor.MatchString(text) || asksToFree.MatchString(text))
			}
			return false
		})
	}
	for c := range cur.Enclosing((*ast.IfStmt)(nil), (*ast.CaseClause)(nil), (*ast.CommClause)(nil)) {
		switch n := c.Node().(type) {
		case *ast.IfStmt:
			if named(n.Cond) {
				return true
			}
		case *ast.CommClause:
			if n.Comm != nil && !heat.WaitsForClock(p, n.Comm) && named(n.Comm) {
				return true
			}
		case *ast.CaseClause:
			for _, x := range n.List {
				if named(x) {
					return true
				}
			}
		}
	}
	return false
}

// isTimed reports whether the statement before stmt reads the clock and one
// behind it in the list what has passed: how long a collection takes is asked for.
func isTimed(p *rewrite.Package, stmt inspector.Cursor) bool {
	prev, ok := stmt.PrevSibling()
	if !ok {
		return false
	}
	start, ok := prev.Node().(*ast.AssignStmt)
	if !ok || len(start.Lhs) != 1 || len(start.Rhs) != 1 || !p.IsCall(start.Rhs[0], "time", "Now") {
		return false
	}
	id, ok := start.Lhs[0].(*ast.Ident)
	if !ok {
		return false
	}
	next, ok := stmt.NextSibling()
	return ok && syntax.ContainsNode(next.Node(), func(n ast.Node) bool {
		use, isIdent := n.(*ast.Ident)
		return isIdent && p.Info.ObjectOf(use) != nil && p.Info.ObjectOf(use) == p.Info.ObjectOf(id)
	})
}

// isWatched reports whether the statement behind stmt calls a function of the
// package that reads memory statistics: they are to be those of a clean heap.
func isWatched(p *rewrite.Package, stmt inspector.Cursor) bool {
	next, ok := stmt.NextSibling()
	if !ok {
		return false
	}
	return syntax.ContainsNode(next.Node(), func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall {
			return false
		}
		fn := p.Callee(call)
		if fn == nil {
			return false
		}
		decl := syntax.DeclOf(p, fn)
		return decl != nil && decl.Body != nil && heat.Measures(p, decl)
	})
}

// idleGoroutine returns the go statement whose goroutine does nothing but wait
// for a clock and collect, and the declaration of its function when that is
// used for nothing else.
func idleGoroutine(s *rewrite.Snapshot, call rewrite.Call) (ast.Stmt, *ast.FuncDecl) {
	p := call.Pkg
	var loop inspector.Cursor
	for c := range call.At.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		loop = c
		break
	}
	var body *ast.BlockStmt
	switch n := loop.Node().(type) {
	case *ast.ForStmt:
		if n.Init != nil || n.Cond != nil || n.Post != nil {
			return nil, nil
		}
		body = n.Body
	case *ast.RangeStmt:
		if !syntax.IsClock(p, n.X) {
			return nil, nil
		}
		body = n.Body
	default:
		return nil, nil
	}
	if !inert(p, body.List) || loop.ParentEdgeKind() != edge.BlockStmt_List {
		return nil, nil
	}
	block := loop.Parent()
	for _, stmt := range block.Node().(*ast.BlockStmt).List {
		if stmt != loop.Node() && !makesClock(p, stmt) {
			return nil, nil
		}
	}
	fn := block.Parent()
	switch n := fn.Node().(type) {
	case *ast.FuncLit:
		c, ok := fn.Parent().Node().(*ast.CallExpr)
		if !ok || c.Fun != n {
			return nil, nil
		}
		if g, ok := fn.Parent().Parent().Node().(*ast.GoStmt); ok {
			return g, nil
		}
	case *ast.FuncDecl:
		obj, _ := p.Info.Defs[n.Name].(*types.Func)
		if obj == nil || obj.Exported() {
			return nil, nil
		}
		refs := s.Refs(rewrite.ObjectKey(obj))
		if len(refs) != 1 || syntax.Mentioned(p, obj.Name()) {
			return nil, nil
		}
		if c, ok := refs[0].Call(); ok && refs[0].Pkg == p {
			if g, ok := c.Parent().Node().(*ast.GoStmt); ok {
				return g, n
			}
		}
	}
	return nil, nil
}

// inert reports whether statements only collect, wait for a clock, or return
// when told to.
func inert(p *rewrite.Package, list []ast.Stmt) bool {
	for _, stmt := range list {
		if heat.WaitsForClock(p, stmt) {
			continue
		}
		switch s := stmt.(type) {
		case *ast.ExprStmt:
			if IsCollection(p, s.X) {
				continue
			}
		case *ast.ReturnStmt:
			continue
		case *ast.SelectStmt:
			ok := true
			for _, c := range s.Body.List {
				comm := c.(*ast.CommClause)
				if comm.Comm == nil || !receives(comm.Comm) || !inert(p, comm.Body) {
					ok = false
				}
			}
			if ok {
				continue
			}
		}
		return false
	}
	return true
}

// receives reports whether stmt is a plain receive.
func receives(stmt ast.Stmt) bool {
	s, ok := stmt.(*ast.ExprStmt)
	if !ok {
		return false
	}
	u, ok := ast.Unparen(s.X).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW
}

// makesClock reports whether stmt makes a ticker or defers its stop.
func makesClock(p *rewrite.Package, stmt ast.Stmt) bool {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		return len(s.Rhs) == 1 && p.IsCall(ast.Unparen(s.Rhs[0]), "time", "NewTicker", "NewTimer", "Tick")
	case *ast.DeferStmt:
		return p.IsCall(s.Call, "", "(*time.Ticker).Stop", "(*time.Timer).Stop")
	}
	return false
}

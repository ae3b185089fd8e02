package signalexit

import (
	"go/ast"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// One main may have several goroutines that exit, one for each signal, say. They
// stay, and cancel one context.

// together says why the other goroutines cannot be mended with the first.
func (x *signalFix) together() string {
	if len(x.more) == 0 {
		return ""
	}
	x.keep = true
	for _, h := range x.more {
		cur, ok := h.P.Inspector.Root().FindNode(h.Gostmt)
		if !ok || h.P != x.h.P {
			return "another goroutine that exits is in another package"
		}
		if fn, ok := syntax.EnclosingFunc(cur); !ok || syntax.BodyOf(fn.Node()) != x.main.Body || h.Decl != nil {
			return "another goroutine that exits is not a function literal of " + x.main.Name.Name
		}
	}
	first := x.h
	defer func() { x.h = first }()
	for _, h := range x.more {
		x.h = h
		if why := x.stays(); why != "" {
			return why
		}
		if why := x.locks(); why != "" {
			return why
		}
	}
	return ""
}

// each calls f for each of main's goroutines that exit, as x.h, until it says why
// not.
func (x *signalFix) each(f func() string) string {
	first := x.h
	defer func() { x.h = first }()
	for _, h := range append(slices.Clone(x.more), first) {
		x.h = h
		if why := f(); why != "" {
			return why
		}
	}
	return ""
}

// exits returns the exits of all goroutines.
func (x *signalFix) exits() []*ast.ExprStmt {
	out := slices.Clone(x.h.Exits)
	for _, h := range x.more {
		out = append(out, h.Exits...)
	}
	return out
}

package finalizercycle

import (
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// plain returns the finalizers that nothing is wrong with, and that are to be
// offered as cleanups.
func (c *cycles) plain(found []*cyclic) []*cyclic {
	var out []*cyclic
	for _, x := range c.all.All {
		wrong := slices.ContainsFunc(found, func(y *cyclic) bool { return y.Finalization == x })
		if wrong || x.Cleanup || x.Clears || x.Wrapper != nil || x.Elem == nil || x.File.Generated || x.File.Test || x.Pkg.Wide || c.ordered(x.Elem) {
			continue
		}
		out = append(out, &cyclic{Finalization: x, plain: true})
	}
	return out
}

// ordered reports whether objects of type t may lead to others with finalizers,
// or others to them: finalizers run in that order, a statement's before its
// connection's, and cleanups in any.
func (c *cycles) ordered(t types.Type) bool {
	if c.leadsToFinalized(t, make(map[types.Type]bool)) {
		return true
	}
	for key, all := range c.all.Set {
		if key == finalizer.FinalizedKey(t) {
			continue
		}
		if slices.ContainsFunc(all, func(x *finalizer.Finalization) bool { return leadsTo(x.Elem, t, make(map[types.Type]bool)) }) {
			return true
		}
	}
	return false
}

// leadsToFinalized reports whether a value of type t may lead to an object with a
// finalizer. Interfaces and functions may lead anywhere.
func (c *cycles) leadsToFinalized(t types.Type, seen map[types.Type]bool) bool {
	return leads(t, seen, func(t types.Type) bool {
		ptr, ok := t.(*types.Pointer)
		return !ok || c.all.Backed(ptr) || finalizer.FinalizedKey(ptr) == "os.File"
	})
}

// leadsTo reports whether a value of type t may lead to one of type to: an
// interface does if it has methods and to has them, too.
func leadsTo(t, to types.Type, seen map[types.Type]bool) bool {
	key := finalizer.FinalizedKey(to)
	return leads(t, seen, func(t types.Type) bool {
		switch u := t.(type) {
		case *types.Pointer:
			return finalizer.FinalizedKey(u) == key
		case *types.Interface:
			return u.NumMethods() > 0 && types.Implements(types.NewPointer(to), u)
		}
		return false
	})
}

// leads reports whether a pointer, interface or function that a value of type t
// leads to counts.
func leads(t types.Type, seen map[types.Type]bool, counts func(types.Type) bool) bool {
	if t == nil || seen[t] {
		return false
	}
	seen[t] = true
	switch u := syntax.Under(t).(type) {
	case *types.Pointer:
		return counts(u) || leads(u.Elem(), seen, counts)
	case *types.Slice:
		return leads(u.Elem(), seen, counts)
	case *types.Array:
		return leads(u.Elem(), seen, counts)
	case *types.Chan:
		return leads(u.Elem(), seen, counts)
	case *types.Map:
		return leads(u.Key(), seen, counts) || leads(u.Elem(), seen, counts)
	case *types.Struct:
		for f := range u.Fields() {
			if leads(f.Type(), seen, counts) {
				return true
			}
		}
	case *types.Interface, *types.Signature:
		return counts(u)
	}
	return false
}

// Package release answers what becomes of an object's memory when its finalizers
// and cleanups run: which fields of its type they work on, what they free, unmap
// and lock, which fields are slices of that memory or lead to a part of it, and
// whether the object can die at all before it is taken out of a list. It asks
// types and the functions that finalizers run, never where an object is used.
package release

import (
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
)

// Releases knows the finalizers of a snapshot's types. It looks at a type when it
// is first asked for it.
type Releases struct {
	s          *rewrite.Snapshot
	finalizers *finalizer.Finalizers
	registers  *bool                      // whether something registers finalizers at all
	unmaps     *bool                      // whether one of them frees memory that Go reads
	released   map[string]*Release        // by type
	seconds    map[string]map[string]bool // fields with the handle of another, by type
	viewed     map[string]map[string]bool // fields that are slices of what finalizers unmap, by type
	unmapping  map[string]map[int]bool    // what functions unmap
	returning  map[string]int             // the slice that functions return
	parts      map[string]keptOwner       // the field that keeps the owner of another one, by type and that field
	wholes     map[string]types.Type      // what embeds a type by value and has a finalizer, by that type
	global     map[string]bool            // types whose objects a package's variable holds
}

// Of returns the finalizers of the snapshot's types.
func Of(s *rewrite.Snapshot) *Releases {
	return &Releases{
		s: s, released: make(map[string]*Release), seconds: make(map[string]map[string]bool),
		viewed: make(map[string]map[string]bool), unmapping: make(map[string]map[int]bool), returning: make(map[string]int),
		parts: make(map[string]keptOwner), global: make(map[string]bool),
		wholes: make(map[string]types.Type),
	}
}

// registered returns the finalizers of the modules around. They are looked for
// once a call works on something that may be a handle.
func (rs *Releases) registered() *finalizer.Finalizers {
	if rs.finalizers == nil {
		rs.finalizers = finalizer.Of(rs.s)
	}
	return rs.finalizers
}

// Backed reports whether something registers a finalizer or cleanup for objects
// that t points at.
func (rs *Releases) Backed(t types.Type) bool { return rs.registered().Backed(t) }

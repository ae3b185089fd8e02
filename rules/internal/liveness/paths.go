package liveness

import (
	"go/ast"

	"golang.org/x/tools/go/cfg"
)

// All questions about the flow are one: is there a path from here on which
// something is met before something else ends it? They differ in what is met: a
// node, the way into a block, or the end of the function. There is no state to
// join where paths meet, so each block is looked at once and no fixed point is
// sought. (The flow of threadlock has states, and hangs on the break and continue
// statements that a graph no longer has: it walks the statements by itself.)

// flowEffect is what a node does with what is looked for.
type flowEffect int

const (
	untouched   flowEffect = iota
	used                   // it is met
	Overwritten            // the path ends
)

// A search says what is looked for; nil functions meet nothing.
type search struct {
	node func(ast.Node) flowEffect
	into func(*cfg.Block) bool // met by going into the block
	end  func(*cfg.Block) bool // met by the flow's end in the block
}

// from reports whether a path from the i-th node of b on meets it. That node's
// block is looked at again where a loop comes back to it.
func (s search) from(b *cfg.Block, i int) bool {
	return s.follow(b, i, make(map[*cfg.Block]bool))
}

func (s search) follow(b *cfg.Block, i int, seen map[*cfg.Block]bool) bool {
	for _, n := range b.Nodes[min(i, len(b.Nodes)):] {
		switch s.node(n) {
		case used:
			return true
		case Overwritten:
			return false
		}
	}
	if len(b.Succs) == 0 {
		return s.end != nil && s.end(b)
	}
	for _, next := range b.Succs {
		if s.into != nil && s.into(next) {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if s.follow(next, 0, seen) {
				return true
			}
		}
	}
	return false
}

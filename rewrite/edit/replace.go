package edit

import (
	"github.com/dave/dst"
	"github.com/dave/dst/dstutil"
)

// replaceNode puts new in the place of old below root and reports whether old
// was found.
func replaceNode(root, old, new dst.Node) bool {
	found := false
	dstutil.Apply(root, func(c *dstutil.Cursor) bool {
		if found {
			return false
		}
		if c.Node() == old {
			c.Replace(new)
			found = true
			return false
		}
		return true
	}, nil)
	return found
}

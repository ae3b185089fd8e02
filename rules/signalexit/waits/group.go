package waits

import (
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Errgroup is the import path of errgroup.Group.
const Errgroup = "golang.org/x/sync/errgroup"

// isGroupWait reports whether fn waits for goroutines.
func isGroupWait(fn *types.Func) bool {
	switch rewrite.ObjectKey(fn) {
	case "(*sync.WaitGroup).Wait", "(*" + Errgroup + ".Group).Wait":
		return true
	}
	return false
}

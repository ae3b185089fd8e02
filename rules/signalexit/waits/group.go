package waits

import (
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

const errgroup = "golang.org/x/sync/errgroup"

// isGroupWait reports whether fn waits for goroutines.
func isGroupWait(fn *types.Func) bool {
	switch rewrite.ObjectKey(fn) {
	case "(*sync.WaitGroup).Wait", "(*" + errgroup + ".Group).Wait":
		return true
	}
	return false
}

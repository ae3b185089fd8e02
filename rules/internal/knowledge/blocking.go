package knowledge

import (
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

// quickPackages work in memory.
var quickPackages = []string{
	"bytes", "cmp", "container/*", "context", "encoding/base64", "encoding/binary", "encoding/hex", "errors", "fmt", "hash", "hash/*", "iter", "maps", "math", "math/*",
	"path", "path/filepath", "reflect", "regexp", "runtime", "runtime/debug", "slices", "sort", "strconv", "strings", "sync/atomic", "time", "unicode", "unicode/*", "unsafe",
	"github.com/prometheus/client_golang/prometheus",
}

// slowFuncs are functions of such packages that wait all the same: for time, a
// file, a descriptor, the collector.
var slowFuncs = []string{
	"time.Sleep", "fmt.Scan*", "fmt.Fscan*", "fmt.Fprint*",
	"path/filepath.Walk*", "path/filepath.Glob*", "path/filepath.EvalSymlinks*", "path/filepath.Abs*",
	"runtime.GC", "runtime/debug.FreeOSMemory",
}

// quickFuncs are functions of other packages that do not wait.
var quickFuncs = []string{
	"(*sync.WaitGroup).Done", "(*sync.WaitGroup).Add", "(*sync.Map).*", "(*sync.Pool).*", "(*sync.Cond).Signal", "(*sync.Cond).Broadcast",
	"(*sync.Mutex).Unlock", "(*sync.Mutex).TryLock",
	"(*sync.RWMutex).Unlock", "(*sync.RWMutex).RUnlock", "(*sync.RWMutex).TryLock", "(*sync.RWMutex).TryRLock",
	"os.Getenv", "os.LookupEnv", "os.Getpid",
}

// Quick reports whether a function of a library neither waits for anything nor
// works for long; what writes to a log does not. Of functions that are not known
// it says no.
func Quick(fn *types.Func) bool {
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	key := rewrite.ObjectKey(fn)
	quick := listed(quickPackages, fn.Pkg().Path()) || LogPackage(fn.Pkg().Path())
	return quick && !listed(slowFuncs, key) || listed(quickFuncs, key)
}

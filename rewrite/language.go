package rewrite

import (
	"fmt"
	"go/version"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/scan"
)

// newer reports whether the version in a go line is of a later language than
// that of the Go release that this program was built with, whose parser and type
// checker do not know it.
func newer(goLine string) bool {
	own := version.Lang(runtime.Version())
	return goLine != "" && own != "" && version.Compare(version.Lang("go"+goLine), own) > 0
}

// newerProblem says that m is not checked, and what to install.
func newerProblem(m scan.Module) load.Problem {
	want := strings.TrimPrefix(version.Lang("go"+m.GoVersion), "go")
	return problemAt(filepath.Join(m.Dir, "go.mod"), fmt.Sprintf(
		"not checked: the module is for Go %s, and this runtimefix was built with %s; install runtimefix with Go %s or later", m.GoVersion, runtime.Version(), want))
}

// Package knowledge is what the rules know of the world outside of the code that
// they read: which functions of libraries never return, which end the process,
// which tell something to a log. It is data; what a program's own functions do is
// asked of their bodies (syntax.NoReturn).
package knowledge

import (
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// exits end the process without running deferred calls (os/proc.go, Exit).
var exits = []string{"os.Exit", "syscall.Exit"}

// noReturn end the goroutine: by a panic, or as runtime.Goexit does (testing.go,
// FailNow and SkipNow call it).
var noReturn = []string{
	"runtime.Goexit",
	"log.Panic", "log.Panicf", "log.Panicln",
	"(*log.Logger).Panic", "(*log.Logger).Panicf", "(*log.Logger).Panicln",
	"(*testing.common).Fatal", "(*testing.common).Fatalf", "(*testing.common).FailNow",
	"(*testing.common).Skip", "(*testing.common).Skipf", "(*testing.common).SkipNow",
}

// fatalNames are the methods and functions of loggers that say something and then
// exit, as log.Fatal does.
var fatalNames = []string{"Fatal", "Fatalf", "Fatalln", "Fatalw", "FatalDepth", "FatalDepthf", "FatalContext"}

// loggerExits exit, or panic, where they are functions of a package of logging:
// glog.Exit, klog.Exitf, logrus.Panic.
var loggerExits = []string{"Exit", "Exitf", "Exitln", "ExitDepth", "Panic", "Panicf", "Panicln", "Panicw"}

// Exits reports whether fn ends the process without running deferred calls:
// os.Exit, log.Fatal and the Fatal functions of other loggers.
func Exits(fn *types.Func) bool {
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	if slices.Contains(exits, rewrite.ObjectKey(fn)) {
		return true
	}
	return slices.Contains(fatalNames, fn.Name()) && fn.Pkg().Path() != "testing"
}

// NoReturn reports whether a function of a library never returns to its caller.
func NoReturn(fn *types.Func) bool {
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	if Exits(fn) || slices.Contains(noReturn, rewrite.ObjectKey(fn)) {
		return true
	}
	return slices.Contains(loggerExits, fn.Name()) && strings.Contains(fn.Pkg().Name(), "log")
}

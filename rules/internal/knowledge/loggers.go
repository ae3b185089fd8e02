package knowledge

import (
	"path"
	"strings"
)

// logLibraries are the last elements of the paths of libraries that write logs.
var logLibraries = []string{
	"log", "slog", "zap", "zapcore", "zerolog", "logrus", "klog", "glog", "logr", "hclog", "go-hclog", "log15", "golog", "seelog", "apex", "go-logging", "go-kit/log",
}

// logPackages are those of packages that programs have for it.
var logPackages = []string{
	"logger", "loggers", "logging", "logs", "logutil", "logutils", "logx", "logkit", "applog", "ctxlog", "mlog", "xlog", "ulog", "tlog",
}

// tellVerbs begin the names of functions that tell something to a log.
var tellVerbs = []string{
	"Print*", "Log*", "Info*", "Debug*", "Warn*", "Error*", "Notice*", "Trace*", "Critical*", "Msg*", "Fatal*", "Panic*",
}

// LogPackage reports whether the package of an import path only writes logs:
// log, go.uber.org/zap, gopkg.in/inconshreveable/log15.v2.
func LogPackage(importPath string) bool {
	last := baseName(importPath)
	return listed(logLibraries, last) || listed(logPackages, last)
}

// LogLibrary reports whether the package of an import path has the name of a
// library that writes logs. A program may have a package log of its own.
func LogLibrary(importPath string) bool { return listed(logLibraries, baseName(importPath)) }

// baseName returns the last element of an import path that is no version.
func baseName(importPath string) string {
	last := path.Base(importPath)
	if isVersion(last) {
		last = path.Base(path.Dir(importPath))
	}
	if begin, version, ok := strings.Cut(last, "."); ok && isVersion(version) {
		last = begin
	}
	return last
}

// isVersion reports whether s is the version in an import path: v2.
func isVersion(s string) bool {
	return len(s) > 1 && s[0] == 'v' && strings.Trim(s[1:], "0123456789") == ""
}

// Tells reports whether a function of such a name tells something to a log, going
// by how it begins: Print, Infof, WarnContext.
func Tells(name string) bool { return listed(tellVerbs, name) }

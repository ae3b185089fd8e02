package knowledge

import "strings"

// memoryCalls are the functions that tell how much memory there is, or write a
// profile of it.
var memoryCalls = []string{
	"runtime.ReadMemStats", "runtime.MemProfile", "runtime/debug.ReadGCStats", "runtime/metrics.Read",
	"testing.AllocsPerRun", "testing.Benchmark",
	"syscall.Getrusage", "golang.org/x/sys/unix.Getrusage", "syscall.Sysinfo", "golang.org/x/sys/unix.Sysinfo",
	"runtime/debug.WriteHeapDump", "runtime/pprof.WriteHeapProfile", "(*runtime/pprof.Profile).WriteTo",
	"runtime/pprof.StartCPUProfile", "runtime/trace.Start",
}

// memoryPackages stand in the import paths of packages that tell how much memory
// a process, a control group or the system uses.
var memoryPackages = []string{
	"/gopsutil", "/gosigar", "prometheus/procfs", "/cgroups", "/pidusage", "pbnjay/memory", "mackerelio/go-osstat", "goprocinfo",
}

// ReadsMemory reports whether a function, by its key, tells how much memory there
// is, or writes a profile of it.
func ReadsMemory(key string) bool { return listed(memoryCalls, key) }

// MemoryPackage reports whether the functions of a package do.
func MemoryPackage(importPath string) bool {
	for _, part := range memoryPackages {
		if strings.Contains(importPath, part) {
			return true
		}
	}
	return false
}

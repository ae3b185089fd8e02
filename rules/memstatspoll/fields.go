package memstatspoll

import (
	"fmt"
	"go/version"
	"strings"
)

// memField says where the value of a field of runtime.MemStats can be had
// without stopping the world.
//
// Which metrics make up a field follows from runtime/mstats.go and
// runtime/metrics.go. The values of all fields were compared with each other
// after 80,000 allocations with the collector switched off.
type memField struct {
	// metrics are those whose sum is the field; for GCCPUFraction the arguments
	// of its helper.
	metrics []string
	conv    string // the field's type unless it is uint64
	// gc is the field in the debug.GCStats $s, "" where it has no such field.
	gc       string
	constant string // what the field always is
	// lags says that the value is what has been flushed from the processors'
	// allocation caches, which ReadMemStats does first.
	lags bool
}

// The metrics that several fields have a part in.
const (
	heapObjects  = "/memory/classes/heap/objects:bytes"
	heapUnused   = "/memory/classes/heap/unused:bytes"
	heapFree     = "/memory/classes/heap/free:bytes"
	heapReleased = "/memory/classes/heap/released:bytes"
	heapStacks   = "/memory/classes/heap/stacks:bytes"
	mspanInuse   = "/memory/classes/metadata/mspan/inuse:bytes"
	mcacheInuse  = "/memory/classes/metadata/mcache/inuse:bytes"
	tinyAllocs   = "/gc/heap/tiny/allocs:objects"
	objectCount  = "/gc/heap/objects:objects"
)

// memFields has the fields by name. PauseNs and PauseEnd stand for their newest
// element. Those that are not here, BySize say, have no replacement.
var memFields = map[string]memField{
	"Alloc":         {metrics: []string{heapObjects}, lags: true},
	"HeapAlloc":     {metrics: []string{heapObjects}, lags: true},
	"TotalAlloc":    {metrics: []string{"/gc/heap/allocs:bytes"}, lags: true},
	"Mallocs":       {metrics: []string{"/gc/heap/allocs:objects", tinyAllocs}, lags: true},
	"Frees":         {metrics: []string{"/gc/heap/frees:objects", tinyAllocs}, lags: true},
	"HeapObjects":   {metrics: []string{objectCount}, lags: true},
	"Sys":           {metrics: []string{"/memory/classes/total:bytes"}},
	"HeapSys":       {metrics: []string{heapObjects, heapUnused, heapFree, heapReleased}},
	"HeapInuse":     {metrics: []string{heapObjects, heapUnused}}, // each part lags, the sum does not
	"HeapIdle":      {metrics: []string{heapFree, heapReleased}},
	"HeapReleased":  {metrics: []string{heapReleased}},
	"StackInuse":    {metrics: []string{heapStacks}},
	"StackSys":      {metrics: []string{heapStacks, "/memory/classes/os-stacks:bytes"}},
	"MSpanInuse":    {metrics: []string{mspanInuse}},
	"MSpanSys":      {metrics: []string{mspanInuse, "/memory/classes/metadata/mspan/free:bytes"}},
	"MCacheInuse":   {metrics: []string{mcacheInuse}},
	"MCacheSys":     {metrics: []string{mcacheInuse, "/memory/classes/metadata/mcache/free:bytes"}},
	"BuckHashSys":   {metrics: []string{"/memory/classes/profiling/buckets:bytes"}},
	"GCSys":         {metrics: []string{"/memory/classes/metadata/other:bytes"}},
	"OtherSys":      {metrics: []string{"/memory/classes/other:bytes"}},
	"NextGC":        {metrics: []string{"/gc/heap/goal:bytes"}},
	"NumGC":         {metrics: []string{"/gc/cycles/total:gc-cycles"}, conv: "uint32", gc: "uint32($s.NumGC)"},
	"NumForcedGC":   {metrics: []string{"/gc/cycles/forced:gc-cycles"}, conv: "uint32"},
	"GCCPUFraction": {metrics: []string{"/cpu/classes/gc/total:cpu-seconds", "/cpu/classes/gc/mark/idle:cpu-seconds", "/cpu/classes/total:cpu-seconds"}, lags: true},
	"PauseTotalNs":  {gc: "uint64($s.PauseTotal)"},
	"LastGC":        {gc: "uint64($s.LastGC.UnixNano())"},
	"PauseNs":       {gc: "$helper($p)"},
	"PauseEnd":      {gc: "$helper($p)"},
	"Lookups":       {constant: "uint64(0)"},
	"EnableGC":      {constant: "true"},
	"DebugGC":       {constant: "false"},
}

// memDifferences are differences of two fields that are one metric.
var memDifferences = map[[2]string]memField{
	{"HeapIdle", "HeapReleased"}: {metrics: []string{heapFree}},
	{"Mallocs", "Frees"}:         {metrics: []string{objectCount}, lags: true},
}

// metricSince returns the Go version that introduced the metric, found by
// listing the metrics of each release.
func metricSince(name string) string {
	switch {
	case strings.HasPrefix(name, "/sched/pauses/"):
		return "go1.22"
	case strings.HasPrefix(name, "/cpu/classes/"):
		return "go1.20"
	case name == tinyAllocs, strings.HasPrefix(name, "/gc/heap/allocs:"), strings.HasPrefix(name, "/gc/heap/frees:"):
		return "go1.17"
	}
	return "go1.16"
}

// metricMissing says which of the metrics a file of the language version may
// not have, "" when there are all.
func metricMissing(names []string, lang string) string {
	for _, name := range names {
		if since := metricSince(name); version.Compare(lang, since) < 0 {
			return fmt.Sprintf("the metric %s needs Go %s", name, strings.TrimPrefix(since, "go"))
		}
	}
	return ""
}

// memHelpers are the functions that fixes add for values that take more than
// an expression, by field. $name is the function.
var memHelpers = map[string]memHelper{
	"PauseNs": {
		names:     []string{"lastPauseNs", "latestPauseNs"},
		signature: "func(s *runtime/debug.GCStats) uint64",
		decl: `// $name returns the stop-the-world time of the latest GC cycle, 0 before the first.
func $name(s *debug.GCStats) uint64 {
	if len(s.Pause) == 0 {
		return 0
	}
	return uint64(s.Pause[0])
}`,
	},
	"PauseNs element": {
		names:     []string{"pauseNs", "gcPauseNs"},
		signature: "func(s *runtime/debug.GCStats, i int) uint64",
		decl: `// $name returns element i of the ring of GC pauses: cycle n has the place
// (n+255)%256, and 0 is where no cycle is.
func $name(s *debug.GCStats, i int) uint64 {
	age := (int(s.NumGC) + 255 - i) % 256
	if age >= len(s.Pause) {
		return 0
	}
	return uint64(s.Pause[age])
}`,
	},
	"PauseNs ring": {
		names:     []string{"pauseRing", "gcPauseRing"},
		signature: "func(s *runtime/debug.GCStats) []uint64",
		decl: `// $name returns the ring of the latest 256 GC pauses: cycle n has the place
// (n+255)%256, and 0 is where no cycle is.
func $name(s *debug.GCStats) []uint64 {
	ring := make([]uint64, 256)
	for age, pause := range s.Pause {
		ring[(int(s.NumGC)+255-age)%256] = uint64(pause)
	}
	return ring
}`,
	},
	"PauseEnd": {
		names:     []string{"lastPauseEnd", "latestPauseEnd"},
		signature: "func(s *runtime/debug.GCStats) uint64",
		decl: `// $name returns when the latest GC pause ended, in nanoseconds since 1970, 0 before the first.
func $name(s *debug.GCStats) uint64 {
	if len(s.PauseEnd) == 0 {
		return 0
	}
	return uint64(s.PauseEnd[0].UnixNano())
}`,
	},
	"GCCPUFraction": {
		names:     []string{"gcCPUFraction", "gcCPUShare"},
		signature: "func(gc runtime/metrics.Value, idle runtime/metrics.Value, total runtime/metrics.Value) float64",
		decl: `// $name returns the share of the CPU time that the GC took, without that
// of idle processors, 0 before the first GC cycle.
func $name(gc, idle, total metrics.Value) float64 {
	if total.Float64() == 0 {
		return 0
	}
	return (gc.Float64() - idle.Float64()) / total.Float64()
}`,
	},
}

// memHelper is a function that fixes add to a package.
type memHelper struct {
	names     []string // in order of preference
	signature string
	decl      string
}

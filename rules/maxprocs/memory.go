package maxprocs

import (
	"fmt"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	manifestpkg "github.com/runtimefix/runtimefix/rules/internal/manifest"
	"go.yaml.in/yaml/v3"
)

// memoryLimits are the places of a container's or a service's memory limit.
var memoryLimits = [][]string{{"resources", "limits", "memory"}, {"deploy", "resources", "limits", "memory"}, {"mem_limit"}}

// memoryNote tells of the memory limit of x that the collector knows as little
// of as the scheduler of the CPU limit; nil where there is none, or something
// may tell the collector.
func (l *cpuLimits) memoryNote(x limited) *rewrite.Note {
	limit := ""
	for _, keys := range memoryLimits {
		if n := yamledit.Get(x.holder, keys...); n != nil && n.Kind == yaml.ScalarNode {
			limit = n.Value
		}
	}
	if limit == "" {
		return nil
	}
	for _, key := range []string{"envFrom", "env_file", "extends", "<<"} {
		if yamledit.Get(x.holder, key) != nil {
			return nil // the variable may come from there
		}
	}
	told := false
	manifestpkg.Walk(x.holder, func(n *yaml.Node) { told = told || strings.Contains(n.Value, "GOMEMLIMIT") })
	if told || l.images.LimitsMemory(x.img) {
		return nil
	}
	return &rewrite.Note{Message: fmt.Sprintf("its memory limit of %s is unknown to the runtime, too, whatever the Go version: GOMEMLIMIT a little below it, 90 %% say, makes the collector work harder before the kernel kills the program", limit)}
}

package evidence

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// maxFunctions bounds how many functions of a CPU profile are kept.
const maxFunctions = 500

// readProfile reads a pprof profile: of goroutines (also of those that leaked,
// from Go 1.27 on), or of the CPU. It ranks: nothing is confirmed by it.
func readProfile(data []byte) (*Recording, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, fmt.Errorf("neither an execution trace nor a pprof profile: %w", err)
	}
	kind := Samples
	for _, t := range p.SampleType {
		switch t.Type {
		case "goroutine", "goroutines":
			kind = Goroutines
		case "goroutineleak":
			kind = Leaks
		}
	}
	if kind == Samples && (len(p.SampleType) == 0 || p.SampleType[0].Type != "samples") {
		return nil, fmt.Errorf("a profile of %s: only those of the CPU, goroutine and goroutineleak say something of these rules", sampleTypes(p))
	}
	out := &Recording{Form: Profile, Duration: time.Duration(p.DurationNanos), Leaks: kind == Leaks}
	sites := make(map[Frame]*Site)
	for _, s := range p.Sample {
		stack := profileFrames(s)
		if len(stack) == 0 || len(s.Value) == 0 {
			continue
		}
		for _, f := range stack {
			out.saw(f)
		}
		// A goroutine belongs to the function that it was started with, a sample
		// of the CPU to all that is on the stack.
		count := stack[len(stack)-1:]
		if kind == Samples {
			count = stack
		}
		seen := make(map[Frame]bool)
		for i, f := range count {
			key := Frame{Func: f.Func, File: f.File}
			if seen[key] {
				continue // recursion
			}
			seen[key] = true
			site := sites[key]
			if site == nil {
				site = &Site{Kind: kind, Frame: f, Stack: count[i:]}
				sites[key] = site
				out.Sites = append(out.Sites, site)
			}
			site.Count += int(s.Value[0])
		}
	}
	out.sort()
	if len(out.Sites) > maxFunctions {
		out.Sites = out.Sites[:maxFunctions]
	}
	return out, nil
}

// profileFrames returns the frames outside of the runtime, the innermost first.
func profileFrames(s *profile.Sample) []Frame {
	var out []Frame
	for _, loc := range s.Location {
		for _, line := range loc.Line {
			if line.Function == nil || strings.HasPrefix(line.Function.Name, "runtime.") {
				continue
			}
			out = append(out, Frame{line.Function.Name, line.Function.Filename, int(line.Line)})
		}
	}
	return out
}

func sampleTypes(p *profile.Profile) string {
	var out []string
	for _, t := range p.SampleType {
		out = append(out, t.Type)
	}
	return strings.Join(out, ", ")
}

package migrate

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// reruns is how often the tests of a package run again, with the change and
// without it, to tell a test that fails from one that fails sometimes.
const reruns = 3

// Settle looks again at the tests that passed before and do not after, and notes
// in after the ones that are flaky: Worse does not blame a change for them. Whole
// packages run again, for a test may need those before it.
//
// A test is flaky that passes with the change, too, and fails without it, or failed
// only once with it. One that fails each time with the change is not, whatever it
// did before.
func (v *Verifier) Settle(ctx context.Context, scope Scope, overlay map[string][]byte, before, after *Outcome) error {
	if v.Level != Test || after.Broken() {
		return nil
	}
	suspects := make(map[string][]string) // by package
	for _, name := range worseTests(before, after) {
		pkg, _, _ := strings.Cut(name, " ")
		if !after.TimedOut[pkg] { // once is long enough
			suspects[pkg] = append(suspects[pkg], name)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(suspects)) {
		mod := scope.module(pkg)
		with, last, err := v.failures(ctx, mod, pkg, overlay, suspects[pkg], before)
		if err != nil {
			return err
		}
		var without map[string]int
		if slices.ContainsFunc(suspects[pkg], func(name string) bool { return with[name] > 0 && with[name] < reruns }) {
			if without, _, err = v.failures(ctx, mod, pkg, nil, suspects[pkg], before); err != nil {
				return err
			}
		}
		for _, name := range suspects[pkg] {
			if n := with[name]; n == 0 || n < reruns && without[name] > 0 {
				after.Flaky = append(after.Flaky, name)
			}
		}
		if last != "" {
			after.Traces[pkg] = last // the first one may have ended early
		}
	}
	return nil
}

// failures runs the tests of a package again, and returns how often those called
// names do not pass, and the trace of a run in which all of them do.
func (v *Verifier) failures(ctx context.Context, mod, pkg string, overlay map[string][]byte, names []string, before *Outcome) (count map[string]int, trace string, err error) {
	flags, _, err := v.overlay(overlay)
	if err != nil {
		return nil, "", err
	}
	count = make(map[string]int)
	for range reruns {
		out := newOutcome()
		v.test(ctx, mod, []string{pkg}, flags, out)
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		worse, failed := worseTests(before, out), false
		for _, name := range names {
			if slices.Contains(worse, name) {
				count[name]++
				failed = true
			}
		}
		if !failed {
			trace = out.Traces[pkg]
		}
	}
	return count, trace, nil
}

// worseTests returns the tests that did not fail before and do after, and those
// that passed before and do not run after, as "PACKAGE TEST", or "PACKAGE" where no
// single test is at fault.
func worseTests(before, after *Outcome) []string {
	var out []string
	for name := range after.Failed {
		if _, ok := before.Failed[name]; !ok {
			out = append(out, name)
		}
	}
	for name := range before.Passed {
		if _, failed := after.Failed[name]; !failed && !after.Passed[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// module returns the directory of the module that the package is of.
func (s Scope) module(pkg string) string {
	for mod, pkgs := range s {
		if slices.ContainsFunc(pkgs, func(p Package) bool { return p.Path == pkg }) {
			return mod
		}
	}
	return ""
}

package main

import (
	"context"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
)

// writeChanges writes changes, those that belong together together, until ctx
// ends. What was not tried by then is left.
func writeChanges(ctx context.Context, changes []rewrite.Change) (written []rewrite.Change, failed []rewrite.Problem, left int) {
	for _, group := range rewrite.Grouped(changes) {
		if ctx.Err() != nil {
			left += len(group)
			continue
		}
		w, f := rewrite.Write(group)
		written, failed = append(written, w...), append(failed, f...)
	}
	return written, failed, left
}

// unwritten returns the findings that are left when the files of failed stay as
// they are.
func unwritten(res *rewrite.Result, failed []rewrite.Problem) []rewrite.Found {
	if len(failed) == 0 {
		return res.Remaining
	}
	stays := make(map[string]bool)
	for _, p := range failed {
		stays[p.Pos.Filename] = true
	}
	out := slices.DeleteFunc(slices.Clone(res.Remaining), func(f rewrite.Found) bool { return stays[f.Pos.Filename] })
	for _, f := range res.Findings {
		if stays[f.Pos.Filename] {
			if f.State == rewrite.Fixed {
				f.State = rewrite.Open
			}
			out = append(out, f)
		}
	}
	return out
}

// Package gocommand runs the go command in such a way that nothing waits for it for
// ever: neither the user who ends the run, nor the run where a file that the go
// command opens is a pipe.
package gocommand

import (
	"context"
	"os"
	"os/exec"
	"time"

	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
)

const (
	// patience is how long the go command may work before it is looked whether it
	// waits for a pipe.
	patience = 2 * time.Second
	// grace is how long a command has to end after it was killed.
	grace = time.Second
)

// Output runs the go command and returns what it writes to standard output.
func Output(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	return During(ctx, dir, func(ctx context.Context) ([]byte, error) {
		return Command(ctx, dir, env, args...).Output()
	})
}

// Command returns the go command with args, to be run by what During calls.
func Command(ctx context.Context, dir string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.WaitDelay = grace // what it started may hold its output open
	return cmd
}

type result[T any] struct {
	value T
	err   error
}

// During returns what f returns, which runs the go command in dir. When ctx ends, or
// when the go command waits for a pipe, it returns that as an error at once: the
// command is killed together with all that it started, and the context of f ends.
func During[T any](ctx context.Context, dir string, f func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	// The go command is killed here, before its parent waits for it to end by itself.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	others := running()
	done := make(chan result[T], 1)
	go func() {
		r, err := guard.Call(func() result[T] {
			v, err := f(inner)
			return result[T]{v, err}
		})
		if err != nil {
			r.err = err
		}
		done <- r
	}()
	var why error
	for wait := patience; why == nil; wait *= 2 {
		timer := time.NewTimer(wait)
		select {
		case r := <-done:
			timer.Stop()
			return r.value, r.err
		case <-ctx.Done():
			timer.Stop()
			why = ctx.Err()
		case <-timer.C:
			if err := blocked(dir); err != nil {
				why = err
			}
		}
	}
	kill(others)
	cancel()
	select {
	case <-done:
	case <-time.After(2 * grace):
	}
	return none, why
}

// running returns the go commands that this process started.
func running() map[int]bool {
	out := make(map[int]bool)
	for _, p := range processes() {
		if p.parent == os.Getpid() && p.name == "go" {
			out[p.id] = true
		}
	}
	return out
}

// kill ends the go commands that this process started, and what they started, but
// for others.
func kill(others map[int]bool) {
	var roots []int
	for id := range running() {
		if !others[id] {
			halt(id) // so that it starts nothing more
			roots = append(roots, id)
		}
	}
	below := make(map[int][]int)
	for _, p := range processes() {
		below[p.parent] = append(below[p.parent], p.id)
	}
	for len(roots) > 0 {
		id := roots[0]
		roots = append(roots[1:], below[id]...)
		end(id)
	}
}

// process is a process of the system.
type process struct {
	id, parent int
	name       string
}

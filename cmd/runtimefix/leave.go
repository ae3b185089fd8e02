package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// leave returns what f returns, or the error of ctx when that ended and f did not
// within a second: the type checker, say, does not look at ctx. f goes on until the
// process ends, so what it writes has to stand a kill.
func leave[T any](ctx context.Context, f func() (T, error)) (out T, err error) {
	done := make(chan struct{})
	var fault any
	var value T
	var failed error
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				fault = fmt.Sprintf("%v\n%s", v, debug.Stack())
			}
		}()
		value, failed = f()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done:
		case <-time.After(time.Second):
			return out, ctx.Err()
		}
	}
	if fault != nil {
		panic(fault)
	}
	return value, failed
}

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// What does not end with its context is left; else its result counts, and a panic is
// one.
func TestLeave(t *testing.T) {
	if got, err := leave(t.Context(), func() (int, error) { return 1, errors.ErrUnsupported }); got != 1 || err != errors.ErrUnsupported {
		t.Errorf("got %d, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	busy := make(chan struct{})
	defer close(busy)
	got, err := leave(ctx, func() (int, error) {
		cancel()
		<-busy
		return 1, nil
	})
	if got != 0 || err != context.Canceled {
		t.Errorf("got %d, %v; want that it is left", got, err)
	}
	defer func() {
		if v, _ := recover().(string); !strings.HasPrefix(v, "oops\n") || !strings.Contains(v, "TestLeave") {
			t.Errorf("panic %q, want the one of the function with its stack", v)
		}
	}()
	leave(t.Context(), func() (int, error) { panic("oops") })
}

package main

import (
	"bytes"
	"strings"
	"testing"
)

// A panic reaches nobody as one.
func TestGuarded(t *testing.T) {
	var stderr bytes.Buffer
	if code := guarded(&stderr, func() int { panic("odd\x1b thing") }); code != exitLoad {
		t.Errorf("exit code %d", code)
	}
	got := stderr.String()
	if !strings.HasPrefix(got, `runtimefix: internal error: odd\x1b thing; please report it with what follows`+"\n    goroutine ") || !strings.Contains(got, "main_test.go") {
		t.Errorf("stderr:\n%s", got)
	}
	if code := guarded(&stderr, func() int { return exitFindings }); code != exitFindings {
		t.Errorf("exit code %d", code)
	}
}

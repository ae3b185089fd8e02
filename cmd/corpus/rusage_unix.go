//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakMB returns the largest resident set of an ended process, in MB.
func peakMB(s *os.ProcessState) int {
	u, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int(u.Maxrss >> 20) // bytes there, kilobytes elsewhere
	}
	return int(u.Maxrss >> 10)
}

//go:build !unix

package main

import "os"

// peakMB is not known here.
func peakMB(*os.ProcessState) int { return 0 }

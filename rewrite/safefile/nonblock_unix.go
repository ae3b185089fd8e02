//go:build unix

package safefile

import "syscall"

// nonblock keeps an open from waiting where a pipe took the file's place.
const nonblock = syscall.O_NONBLOCK

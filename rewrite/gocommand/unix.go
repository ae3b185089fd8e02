//go:build unix

package gocommand

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// stats matches the files that tell about processes, as Linux has them.
var stats = "/proc/[0-9]*/stat"

// processes lists the processes of the system, none where that is not possible.
func processes() []process {
	stats, _ := filepath.Glob(stats)
	if len(stats) == 0 {
		return asked()
	}
	var out []process
	for _, path := range stats {
		data, _ := os.ReadFile(path)
		// 4711 (name) S 1 ...
		id, rest, ok := strings.Cut(string(data), " (")
		end := strings.LastIndex(rest, ") ")
		if !ok || end < 0 {
			continue // it has ended
		}
		if f := strings.Fields(rest[end+2:]); len(f) > 1 {
			out = appendProcess(out, id, f[1], rest[:end])
		}
	}
	return out
}

// asked lists the processes where the system has no /proc, as macOS.
func asked() []process {
	text, _ := exec.Command("ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "comm=").Output()
	var out []process
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 2 {
			// macOS has the whole path of the program, which may have blanks.
			out = appendProcess(out, f[0], f[1], filepath.Base(strings.Join(f[2:], " ")))
		}
	}
	return out
}

func appendProcess(list []process, id, parent, name string) []process {
	i, err1 := strconv.Atoi(id)
	p, err2 := strconv.Atoi(parent)
	if err1 != nil || err2 != nil {
		return list
	}
	return append(list, process{i, p, name})
}

func halt(id int) { syscall.Kill(id, syscall.SIGSTOP) }

func end(id int) { syscall.Kill(id, syscall.SIGKILL) }

// isRead reports whether some process opened the pipe to read from it, or waits to:
// it can be opened for writing without waiting.
func isRead(path string) bool {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	syscall.Close(fd)
	return true
}

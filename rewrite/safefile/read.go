package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Source is the size in bytes above which a file is no source, manifest or go.mod.
const Source = 16 << 20

// Open opens the regular file at path, links followed. Pipes and devices, on which a
// read may wait or go on for ever, are errors.
func Open(path string) (*os.File, fs.FileInfo, error) {
	// Opening a pipe waits for its other end: look first.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat() // of the file that was opened
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Read returns the content of the regular file at path. It is an error when there
// are more than max bytes.
func Read(path string, max int64) ([]byte, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > max {
		return nil, tooBig(path, max)
	}
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(data)) > max {
		return nil, tooBig(path, max)
	}
	return data, err
}

func tooBig(path string, max int64) error {
	size := fmt.Sprintf("%d bytes", max)
	if max%(1<<20) == 0 {
		size = fmt.Sprintf("%d MB", max>>20)
	}
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("is larger than %s", size)}
}

// Irregular says what a file is that is none: "is a named pipe", say; "" for a
// regular file.
func Irregular(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return ""
	case mode.IsDir():
		return "is a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "is a named pipe"
	case mode&fs.ModeDevice != 0:
		return "is a device"
	case mode&fs.ModeSocket != 0:
		return "is a socket"
	}
	return "is no regular file"
}

func regular(path string, info fs.FileInfo) error {
	if what := Irregular(info.Mode()); what != "" {
		return &fs.PathError{Op: "read", Path: path, Err: errors.New(what)}
	}
	return nil
}

package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// RealPath returns path without symbolic links, path itself where that fails.
func RealPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// Read returns the content of the regular file at path. It is an error, ErrTooBig,
// when there are more than max bytes.
func Read(path string, max int64) ([]byte, error) {
	_, data, err := ReadInto(nil, path, max)
	return data, err
}

// ReadInto is Read into buf, or a bigger one in its place: grown, of which data is the
// beginning.
func ReadInto(buf []byte, path string, max int64) (grown, data []byte, err error) {
	f, info, err := Open(path)
	if err != nil {
		return buf, nil, err
	}
	defer f.Close()
	size := info.Size()
	if size > max {
		return buf, nil, &fs.PathError{Op: "read", Path: path, Err: tooBig(max)}
	}
	if int64(cap(buf)) < size+1 {
		if buf != nil {
			size += size / 2 // it is used again
		}
		buf = make([]byte, size+1)
	}
	buf = buf[:cap(buf)]
	n := 0
	for {
		if n == len(buf) {
			buf = append(buf, 0)
			buf = buf[:cap(buf)]
		}
		k, err := f.Read(buf[n:])
		n += k
		switch {
		case int64(n) > max:
			return buf, nil, &fs.PathError{Op: "read", Path: path, Err: tooBig(max)}
		case err == io.EOF:
			return buf, buf[:n], nil
		case err != nil:
			return buf, nil, err
		}
	}
}

// ErrTooBig says that a file has more bytes than asked for.
var ErrTooBig = errors.New("too big")

// tooBig is ErrTooBig with the most bytes that there may be.
type tooBig int64

func (max tooBig) Error() string {
	if max%(1<<20) == 0 {
		return fmt.Sprintf("is larger than %d MB", max>>20)
	}
	return fmt.Sprintf("is larger than %d bytes", int64(max))
}

func (tooBig) Is(err error) bool { return err == ErrTooBig }

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

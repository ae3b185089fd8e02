// Package regular reads files that are files: a named pipe or a device under the
// name of one would keep the program waiting, or fill its memory.
package regular

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Max is the size in bytes above which a file is no source, manifest or
// go.mod.
const Max = 16 << 20

// Open opens the regular file at path, links followed.
func Open(path string) (*os.File, fs.FileInfo, error) {
	// Opening a pipe waits for its other end, so look first.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("it is no regular file (%v)", info.Mode().Type())}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Read returns the content of the regular file at path, which is no bigger than
// Max.
func Read(path string) ([]byte, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > Max {
		return nil, tooBig(path)
	}
	data, err := io.ReadAll(io.LimitReader(f, Max+1))
	if err == nil && len(data) > Max {
		return nil, tooBig(path)
	}
	return data, err
}

func tooBig(path string) error {
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is bigger than %d MB", Max>>20)}
}

package safefile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Read returns the content of the regular file at path. Pipes and devices, on
// which a read may wait or go on for ever, are errors, and so is a file of more
// than max bytes.
func Read(path string, max int64) ([]byte, error) {
	// Opening a pipe waits for its other end: look first.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if err := regular(path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat() // of the file that was opened
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(data)) > max {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("is larger than %d bytes", max)}
	}
	return data, err
}

func regular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	what := "is no regular file"
	switch {
	case info.IsDir():
		what = "is a directory"
	case info.Mode()&fs.ModeNamedPipe != 0:
		what = "is a named pipe"
	case info.Mode()&fs.ModeDevice != 0:
		what = "is a device"
	}
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%s", what)}
}

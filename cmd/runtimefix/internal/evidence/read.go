package evidence

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxSmall bounds the files that are held in memory: profiles and the output of a
// program. Traces are read as a stream.
const maxSmall = 256 << 20

// Read reads the file at path: an execution trace, a pprof profile, or the output
// of a program that ran under GODEBUG=checkfinalizers=1. progress is told the
// bytes of a trace that were read; it may be nil. Errors name the file.
func Read(ctx context.Context, path string, progress func(int64)) (*Recording, error) {
	r, err := read(ctx, path, progress)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.File = filepath.Base(path)
	return r, nil
}

func read(ctx context.Context, path string, progress func(int64)) (*Recording, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, readAhead)
	head, err := in.Peek(16)
	if len(head) == 0 {
		if err != io.EOF {
			return nil, fmt.Errorf("cannot be read: %w", err)
		}
		return nil, fmt.Errorf("empty")
	}
	if IsTrace(head) {
		return ReadTrace(ctx, in, progress)
	}
	if info.Size() > maxSmall {
		return nil, fmt.Errorf("no execution trace, and with %d MiB too large for a profile", info.Size()>>20)
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if bytes.Contains(data, []byte(finalizerWarning)) {
		return readFinalizers(data), nil
	}
	return readProfile(data)
}

// Package safefile reads files that somebody else may have put there, and writes
// files that hold their old or their new content at any time.
package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes data the content of the file at path. Where that fails, on a full
// disk say, the file is what it was. A symbolic link stays one, and what is no
// regular file (/dev/stdout, a pipe) is written to as it is.
func Write(path string, data []byte) error {
	mode := fs.FileMode(0o666)
	path = RealPath(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return os.WriteFile(path, data, 0o666)
	case err == nil:
		if mode = info.Mode().Perm(); mode&0o222 == 0 {
			return &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f, err := create(path, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && info != nil {
		err = f.Chmod(mode) // whatever the umask is
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// create makes a temporary file beside path, with the mode less the umask, which
// os.CreateTemp would not do.
func create(path string, mode fs.FileMode) (*os.File, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	name := temp.Name()
	temp.Close()
	os.Remove(name)
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

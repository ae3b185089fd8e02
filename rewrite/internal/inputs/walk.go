package inputs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WalkDir is filepath.WalkDir, with the directories that are listed noted.
func (s *Set) WalkDir(root string, fn fs.WalkDirFunc) error {
	info, err := os.Lstat(root)
	if err != nil {
		s.Exists(filepath.Clean(root))
		err = fn(root, nil, err)
	} else {
		err = s.walk(root, fs.FileInfoToDirEntry(info), fn)
	}
	if errors.Is(err, fs.SkipDir) || errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func (s *Set) walk(path string, d fs.DirEntry, fn fs.WalkDirFunc) error {
	if err := fn(path, d, nil); err != nil || !d.IsDir() {
		if errors.Is(err, fs.SkipDir) && d.IsDir() {
			err = nil
		}
		return err
	}
	list, err := s.ReadDir(filepath.Clean(path))
	if err != nil {
		if err = fn(path, d, err); err != nil {
			if errors.Is(err, fs.SkipDir) {
				err = nil
			}
			return err
		}
	}
	for _, e := range list {
		if err := s.walk(filepath.Join(path, e.Name()), e, fn); err != nil {
			if errors.Is(err, fs.SkipDir) {
				break
			}
			return err
		}
	}
	return nil
}

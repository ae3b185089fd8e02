package rewrite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// ErrChanged says that a file is not what it was when it was read.
var ErrChanged = errors.New("changed since it was read; run again")

// errReadOnly says that a file's mode forbids writing. A rename would get
// around the mode, which its owner would not expect.
var errReadOnly = errors.New("is read-only")

// Write writes changes to disk. Each file is replaced atomically: at any point
// of time it holds its old or its new content, whatever happens to the program.
// Files of one group are written together or not at all. Mode and, where
// permitted, owner are kept; a symbolic link stays one and its target is
// replaced, once if several changes mean the same file. The changes written are returned; failed holds a problem for every
// change that was not.
func Write(changes []Change) (written []Change, failed []load.Problem) {
	for _, group := range Grouped(changes) {
		w, f := writeGroup(group)
		written = append(written, w...)
		failed = append(failed, f...)
	}
	return written, failed
}

// Grouped returns the changes that are written together or not at all, in the
// order in which the groups first occur.
func Grouped(changes []Change) [][]Change {
	var out [][]Change
	at := make(map[int]int)
	for _, c := range changes {
		i, ok := at[c.Group]
		if !ok {
			i = len(out)
			at[c.Group] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

// pending is one file on the way to disk.
type pending struct {
	change Change
	target string // the file behind Path
	temp   string
}

func writeGroup(list []Change) (written []Change, failed []load.Problem) {
	var todo []pending
	abort := func(c Change, err error) ([]Change, []load.Problem) {
		for _, p := range todo {
			os.Remove(p.temp)
		}
		var out []load.Problem
		for _, other := range list {
			prob := load.Problem{Message: "not written: " + load.Reason(err)}
			prob.Pos.Filename = other.Path
			if other.Path != c.Path {
				prob.Message = "not written, because a file that belongs to the same fix is not: " + c.Path
			}
			out = append(out, prob)
		}
		return nil, out
	}
	for _, c := range list {
		p, err := prepare(c)
		if errors.Is(err, ErrChanged) && unchanged(c.Path, c.New) == nil {
			written = append(written, c) // by another name
			continue
		}
		if err != nil {
			return abort(c, err)
		}
		todo = append(todo, p)
	}
	done, err := commit(todo)
	if err != nil {
		return abort(todo[done].change, err)
	}
	for _, p := range todo {
		syncDir(filepath.Dir(p.target))
		written = append(written, p.change)
	}
	return written, nil
}

// commit renames the new files over the old ones: all, or none where one is not
// what it was any more, which is the one of the index returned. A kill on the way
// leaves a journal, by which the next run ends what was begun.
func commit(todo []pending) (failed int, err error) {
	j, err := writeJournal(todo)
	if err != nil {
		return 0, err
	}
	defer j.remove()
	for i, p := range todo {
		step("rename")
		err := unchanged(p.target, p.change.Old)
		switch {
		case err == nil:
			err = os.Rename(p.temp, p.target)
		case unchanged(p.target, p.change.New) == nil:
			os.Remove(p.temp) // by another name
			err = nil
		}
		if err != nil {
			j.remove() // what follows goes back, not on
			for _, q := range todo[:i] {
				// Back to the old content: the fix is all or nothing.
				if back, err := prepare(Change{Path: q.target, Old: q.change.New, New: q.change.Old}); err == nil {
					os.Rename(back.temp, back.target)
				}
			}
			return i, err
		}
	}
	step("renamed")
	return 0, nil
}

// step is called at each step of a write; the fault tests set it.
var step = func(name string) {}

// prepare writes c's new content beside the file, synced, with its mode.
func prepare(c Change) (p pending, err error) {
	target, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return p, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return p, err
	}
	if !info.Mode().IsRegular() {
		return p, fmt.Errorf("is no regular file (%v)", info.Mode().Type())
	}
	if info.Mode().Perm()&0o222 == 0 {
		return p, errReadOnly
	}
	if err := unchanged(target, c.Old); err != nil {
		return p, err
	}
	step("prepare")
	f, err := os.CreateTemp(filepath.Dir(target), tempPattern(filepath.Base(target)))
	if err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(c.New); err != nil {
		return p, err
	}
	if err = f.Chmod(info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)); err != nil {
		return p, err
	}
	keepOwner(f, info)
	step("written")
	if err = f.Sync(); err != nil {
		return p, err
	}
	if err = f.Close(); err != nil {
		return p, err
	}
	return pending{change: c, target: target, temp: f.Name()}, nil
}

func unchanged(path string, want []byte) error {
	data, err := safefile.Read(path, safefile.Source)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, want) {
		return ErrChanged
	}
	return nil
}

// syncDir makes a rename in dir durable, where the system can do that.
func syncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	d.Sync()
}

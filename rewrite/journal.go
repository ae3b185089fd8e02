package rewrite

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Files that are written together are renamed one after the other. A journal
// beside them, written before the first rename, says what is to be renamed, so
// that after a kill between two renames the next run that writes ends what was
// begun. It holds no more than names below its own directory: one that came with
// somebody's repository can do nothing but rename files within it.

// journal is the file that names what is being written.
type journal struct{ path string }

type journalEntry struct {
	Temp, Target string // relative to the journal's directory, with slashes
	Old, New     string // SHA-256 of the target's content
}

// journalName is the name of a journal, less its random end.
const journalName = ".runtimefix-journal-"

// litterName matches the files that a kill may leave: journals, and the new
// contents of files. The number is that of the process. The leading dot keeps the
// go command from taking one for source.
var litterName = regexp.MustCompile(`^(?:\.runtimefix-journal|\..+\.runtimefix)-(\d+)-\d+$`)

func tempPattern(base string) string {
	return fmt.Sprintf(".%s.runtimefix-%d-*", base, os.Getpid())
}

// writeJournal notes what is to be renamed. A single rename needs no note.
func writeJournal(todo []pending) (*journal, error) {
	if len(todo) < 2 {
		return &journal{}, nil
	}
	dir := filepath.Dir(todo[0].target)
	for _, p := range todo[1:] {
		for !inside(dir, p.target) {
			dir = filepath.Dir(dir)
		}
	}
	var entries []journalEntry
	for _, p := range todo {
		temp, err1 := filepath.Rel(dir, p.temp)
		target, err2 := filepath.Rel(dir, p.target)
		if err1 != nil || err2 != nil {
			return &journal{}, nil
		}
		entries = append(entries, journalEntry{filepath.ToSlash(temp), filepath.ToSlash(target), digest(p.change.Old), digest(p.change.New)})
	}
	data, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	step("journal")
	f, err := os.CreateTemp(dir, fmt.Sprintf("%s%d-*", journalName, os.Getpid()))
	if err != nil {
		return nil, err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(f.Name())
		return nil, fmt.Errorf("writing a journal: %w", err)
	}
	syncDir(dir)
	step("journaled")
	return &journal{f.Name()}, nil
}

func (j *journal) remove() {
	if j.path != "" {
		os.Remove(j.path)
		j.path = ""
	}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// recoverable returns the files among paths that a run left that is no more.
func recoverable(paths []string) []string {
	var out []string
	for _, path := range paths {
		m := litterName.FindStringSubmatch(filepath.Base(path))
		if m == nil {
			continue
		}
		if pid, err := strconv.Atoi(m[1]); err == nil && !alive(pid) {
			out = append(out, path)
		}
	}
	return out
}

// alive reports whether there is a process with the number.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}

// finish ends what the runs began that left the files, and removes these. It
// returns a problem for each file that is neither what it was nor what it was to
// become.
func finish(litter []string) []load.Problem {
	var out []load.Problem
	for _, path := range litter {
		if strings.HasPrefix(filepath.Base(path), journalName) {
			out = append(out, replay(path)...)
			os.Remove(path)
		}
	}
	for _, path := range litter {
		os.Remove(path)
	}
	return out
}

// replay makes the renames that a journal names and that were not made.
func replay(path string) (out []load.Problem) {
	data, err := safefile.Read(path, safefile.Source)
	var entries []journalEntry
	if err != nil || json.NewDecoder(bytes.NewReader(data)).Decode(&entries) != nil {
		return nil // torn: no rename was made
	}
	dir := filepath.Dir(path)
	for _, e := range entries {
		temp, target := filepath.FromSlash(e.Temp), filepath.FromSlash(e.Target)
		if !filepath.IsLocal(temp) || !filepath.IsLocal(target) || filepath.Dir(temp) != filepath.Dir(target) || !litterName.MatchString(filepath.Base(temp)) {
			continue
		}
		temp, target = filepath.Join(dir, temp), filepath.Join(dir, target)
		if !inside(load.RealPath(dir), load.RealPath(target)) {
			continue
		}
		is, err := safefile.Read(target, safefile.Source)
		if err == nil && digest(is) == e.New {
			continue
		}
		if to, terr := safefile.Read(temp, safefile.Source); err != nil || terr != nil || digest(is) != e.Old || digest(to) != e.New {
			out = append(out, problemAt(target, "a run was interrupted while it wrote this file and others, and it changed since: look at what git diff shows"))
			continue
		}
		if err := os.Rename(temp, target); err != nil {
			out = append(out, problemAt(target, "not written: "+load.Reason(err)))
		}
	}
	return out
}

// interrupted names the journals among litter.
func interrupted(litter []string) []load.Problem {
	var out []load.Problem
	for _, path := range litter {
		if strings.HasPrefix(filepath.Base(path), journalName) {
			out = append(out, problemAt(path, "a run was interrupted while it wrote files: --apply finishes that"))
		}
	}
	return out
}

// Package inputs notes what a run saw of the file system, so that a later run can
// tell whether it would see the same.
package inputs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"hash"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Kind is the way in which a path was looked at.
type Kind string

// The kinds of looks.
const (
	Content Kind = "content" // the bytes of a regular file, or why there are none
	Names   Kind = "names"   // the names and types of what a directory holds
	State   Kind = "state"   // whether there is something, its type, a file's size
	Target  Kind = "target"  // where symbolic links lead to
	Head    Kind = "head"    // what of a Go file go list -find looks at
)

// Input is one look at the file system.
type Input struct {
	Kind Kind
	Path string
}

// Digest stands for what there was to be seen.
type Digest [sha256.Size]byte

// Set is what a run saw. It is safe for concurrent use. A nil Set notes nothing,
// and its methods read all the same.
type Set struct {
	start time.Time
	known func(Input) (Digest, bool) // what need not be read again, nil for nothing

	mu    sync.Mutex
	seen  map[Input]Digest
	doubt string
}

// New returns a Set for a run that begins now.
func New() *Set { return &Set{start: time.Now(), seen: make(map[Input]Digest)} }

// Fork returns an empty Set of the same run. What s saw, and the contents of overlay,
// stand for what is on disk.
func (s *Set) Fork(overlay map[string][]byte) *Set {
	return &Set{start: s.start, seen: make(map[Input]Digest), known: func(in Input) (Digest, bool) {
		if data, ok := overlay[in.Path]; ok && in.Kind == Content {
			return Of(data), true
		}
		return s.Seen(in)
	}}
}

// Doubt notes why the same looks do not mean the same result: something else
// mattered, too.
func (s *Set) Doubt(why string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doubt == "" {
		s.doubt = why
	}
}

// Doubted returns the first such reason, "" when there is none.
func (s *Set) Doubted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubt
}

// All returns what was seen so far.
func (s *Set) All() map[Input]Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[Input]Digest, len(s.seen))
	for in, d := range s.seen {
		out[in] = d
	}
	return out
}

// Add notes what was to be seen of an input.
func (s *Set) Add(in Input, d Digest) {
	if s != nil {
		s.note(in, d)
	}
}

func (s *Set) note(in Input, d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.seen[in]; ok && old != d && s.doubt == "" {
		s.doubt = in.Path + " changed during the run"
	}
	s.seen[in] = d
}

// Note notes that the file at path was read, with its content or why there is none.
func (s *Set) Note(path string, data []byte, err error) {
	if s != nil {
		s.note(Input{Content, path}, ofContent(data, err))
	}
}

// Read reads a regular file.
func (s *Set) Read(path string) ([]byte, error) {
	data, err := safefile.Read(path, safefile.Source)
	s.Note(path, data, err)
	return data, err
}

// NoteOthers notes a file that another process read since the run began. One that
// may have changed meanwhile makes the set doubtful.
func (s *Set) NoteOthers(path string) {
	if s == nil {
		return
	}
	in := Input{Content, path}
	if _, ok := s.Seen(in); !ok {
		d, ok := Digest{}, false
		if s.known != nil {
			d, ok = s.known(in)
		}
		if ok {
			s.note(in, d)
		} else {
			s.Read(path)
		}
	}
	s.notAfter(path)
}

// NoteHead notes what go list -find saw of a Go file since the run began.
func (s *Set) NoteHead(path string) {
	s.note(Input{Head, path}, ofHead(safefile.Read(path, safefile.Source)))
	s.notAfter(path)
}

// notAfter makes the set doubtful where the file may have changed since the run
// began.
func (s *Set) notAfter(path string) {
	if info, err := os.Stat(path); err == nil && !info.ModTime().Before(s.start.Add(-clockStep)) {
		s.Doubt(path + " may have changed during the run")
	}
}

// clockStep is how much coarser than the clock the times of files are.
const clockStep = 20 * time.Millisecond

// ReadDir lists a directory.
func (s *Set) ReadDir(path string) ([]fs.DirEntry, error) {
	list, err := os.ReadDir(path)
	s.NoteDir(path, list, err)
	return list, err
}

// NoteDir notes that the directory at path was listed.
func (s *Set) NoteDir(path string, list []fs.DirEntry, err error) {
	if s != nil {
		s.note(Input{Names, path}, ofNames(list, err))
	}
}

// Exists reports whether there is something at path.
func (s *Set) Exists(path string) bool {
	info, err := os.Stat(path)
	if s != nil {
		s.note(Input{State, path}, ofState(info, err))
	}
	return err == nil
}

// Real returns path without symbolic links, path itself where that fails.
func (s *Set) Real(path string) string {
	real := safefile.RealPath(path)
	if s != nil {
		s.note(Input{Target, path}, digest(string(Target), real))
	}
	return real
}

// Now returns what there is to be seen at present.
func (in Input) Now() Digest {
	switch in.Kind {
	case Content:
		return read(in.Path, ofContent)
	case Names:
		return ofNames(os.ReadDir(in.Path))
	case State:
		return ofState(os.Stat(in.Path))
	case Target:
		return digest(string(Target), safefile.RealPath(in.Path))
	case Head:
		return read(in.Path, ofHead)
	}
	return Digest{}
}

// read returns what of makes of the file at path.
func read(path string, of func(data []byte, err error) Digest) Digest {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	grown, data, err := safefile.ReadInto(*buf, path, safefile.Source)
	*buf = grown
	return of(data, err)
}

var buffers = sync.Pool{New: func() any { return &[]byte{} }}

// Of returns the digest of a file's content.
func Of(data []byte) Digest { return ofContent(data, nil) }

func ofContent(data []byte, err error) Digest {
	if err != nil {
		return failure(err)
	}
	h := sha256.New()
	h.Write([]byte("content\x00"))
	h.Write(data)
	return Digest(h.Sum(nil))
}

// ofHead stands for a Go file up to the end of its imports; for all of it where it
// embeds files, as directives further down say.
func ofHead(data []byte, err error) Digest {
	if err != nil {
		return failure(err)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", data, parser.ImportsOnly)
	if err != nil {
		return ofContent(data, nil)
	}
	end := f.Name.End()
	for _, spec := range f.Imports {
		if end = max(end, spec.End()); strings.Contains(spec.Path.Value, "embed") {
			return ofContent(data, nil)
		}
	}
	return digest(string(Head), string(data[:fset.Position(end).Offset]))
}

func ofNames(list []fs.DirEntry, err error) Digest {
	if err != nil {
		return failure(err)
	}
	parts := []string{string(Names)}
	for _, e := range list {
		parts = append(parts, e.Name(), e.Type().String())
	}
	return digest(parts...)
}

func ofState(info fs.FileInfo, err error) Digest {
	if err != nil {
		return failure(err)
	}
	size := int64(0)
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return digest(string(State), info.Mode().Type().String(), fmt.Sprint(size))
}

// failure stands for a look that failed, whatever the path is.
func failure(err error) Digest {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return digest("error", strings.TrimSpace(err.Error()))
}

// digest returns the digest of parts, which cannot run into each other.
func digest(parts ...string) Digest {
	h := sha256.New()
	write(h, parts)
	return Digest(h.Sum(nil))
}

// Key makes a key of lists, which cannot run into each other either.
type Key struct{ h hash.Hash }

// NewKey returns a Key of no lists.
func NewKey() Key { return Key{sha256.New()} }

// Add adds a list.
func (k Key) Add(parts ...string) {
	k.h.Write(binary.AppendUvarint(nil, uint64(len(parts))))
	write(k.h, parts)
}

// Sum returns the key of the lists so far.
func (k Key) Sum() [sha256.Size]byte { return [sha256.Size]byte(k.h.Sum(nil)) }

func write(h hash.Hash, parts []string) {
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
}

// Seen returns what was to be seen of an input that was noted.
func (s *Set) Seen(in Input) (d Digest, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok = s.seen[in]
	return d, ok
}

// Package cachedir keeps data between runs in a directory that is bounded in size
// and that several processes may use at once.
package cachedir

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Env is the variable that names the directory, or is "off".
const Env = "RUNTIMEFIX_CACHE"

// Bounds of what is kept; the entries that were used last stay.
const (
	maxBytes   = 256 << 20
	maxEntries = 2000
	maxAge     = 30 * 24 * time.Hour
)

// Dir is the directory. A nil one keeps nothing.
type Dir struct {
	path    string
	bytes   int64
	entries int
}

// Open returns the user's directory, nil where there is none or it is off.
func Open() *Dir {
	path := os.Getenv(Env)
	if path == "off" {
		return nil
	}
	if path == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil
		}
		path = filepath.Join(base, "runtimefix")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	return &Dir{path: filepath.Join(path, "results"), bytes: maxBytes, entries: maxEntries}
}

// suffix tells entries from what else stands in the directory.
const suffix = ".result"

func (d *Dir) file(key [sha256.Size]byte) string {
	return filepath.Join(d.path, hex.EncodeToString(key[:])+suffix)
}

// Get returns what was put under the key, nil when nothing is at hand or what is
// there is damaged.
func (d *Dir) Get(key [sha256.Size]byte) []byte {
	if d == nil {
		return nil
	}
	name := d.file(key)
	text, err := safefile.Read(name, d.bytes)
	if err != nil || len(text) < sha256.Size {
		return nil
	}
	sum, data := text[:sha256.Size], text[sha256.Size:]
	if now := sha256.Sum256(data); !bytes.Equal(sum, now[:]) {
		os.Remove(name)
		return nil
	}
	os.Chtimes(name, time.Time{}, time.Now()) // used last
	return data
}

// Put keeps data under the key. Where that fails, it is as if nothing was put.
func (d *Dir) Put(key [sha256.Size]byte, data []byte) {
	if d == nil || int64(len(data)) > d.bytes/4 || os.MkdirAll(d.path, 0o700) != nil {
		return
	}
	temp, err := os.CreateTemp(d.path, "*.tmp")
	if err != nil {
		return
	}
	sum := sha256.Sum256(data)
	_, err1 := temp.Write(sum[:])
	_, err2 := temp.Write(data)
	err = errors.Join(err1, err2, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), d.file(key))
	}
	if err != nil {
		os.Remove(temp.Name())
		return
	}
	d.trim(time.Now())
}

// trim removes the entries that were not used for long, and then those that were
// used first, until the bounds hold.
func (d *Dir) trim(now time.Time) {
	list, err := os.ReadDir(d.path)
	if err != nil {
		return
	}
	var entries []fs.FileInfo
	for _, e := range list {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		old := now.Sub(info.ModTime())
		switch {
		case strings.HasSuffix(e.Name(), ".tmp") && old > time.Hour, strings.HasSuffix(e.Name(), suffix) && old > maxAge:
			os.Remove(filepath.Join(d.path, e.Name()))
		case strings.HasSuffix(e.Name(), suffix):
			entries = append(entries, info)
		}
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), strings.Compare(a.Name(), b.Name()))
	})
	var size int64
	for i, info := range entries {
		if size += info.Size(); i >= d.entries || size > d.bytes {
			os.Remove(filepath.Join(d.path, info.Name()))
		}
	}
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/cachedir"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/rewrite"
)

// keepResults has the engine keep what it finds for runs with the same options and
// configuration. prepare has run.
func (j *job) keepResults(opt *rewrite.Options) {
	dir, program := cachedir.Open(), programID()
	if dir == nil || program == "" || j.o.noCache {
		return
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q\n", program, j.root, j.o.consulted, j.o.fingerprints)
	if j.sel.lines != nil {
		fmt.Fprintf(h, "%q\n", fmt.Sprint(*j.sel.lines))
	}
	opt.Cache, opt.Basis, opt.Tally = dir, h.Sum(nil), &j.sel.known
}

// keepAnswers has the engine keep what the go command says, and no results.
func (j *job) keepAnswers(opt *rewrite.Options) {
	if dir := cachedir.Open(); dir != nil && !j.o.noCache {
		opt.Cache = dir
	}
}

// consulting returns src, with what is read from it noted in o.
func (o *options) consulting(src config.Source) config.Source {
	return func(path string) ([]byte, error) {
		data, err := src(path)
		o.consulted = append(o.consulted, fmt.Sprintf("%q %q %v\n", path, data, err)...)
		return data, err
	}
}

// programID tells this program from every other build of it, "" where that cannot
// be done.
func programID() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, _ := debug.ReadBuildInfo()
	head := make([]byte, 64<<10)
	n, _ := io.ReadFull(f, head)
	if id := buildID(head[:n]); id != "" {
		return fmt.Sprint(id, info)
	}
	// Built without one: all of it counts.
	h := sha256.New()
	h.Write(head[:n])
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// buildID returns the Go build ID, a hash of what was built and from what, in the
// first bytes of an executable, "" where there is none: a note in ELF files, a
// string at the beginning of the code in others.
func buildID(head []byte) string {
	if _, rest, ok := bytes.Cut(head, []byte("\xff Go build ID: \"")); ok {
		if id, _, ok := bytes.Cut(rest, []byte("\"\n \xff")); ok {
			return string(id)
		}
	}
	const name = "Go\x00\x00"
	for i := 12; i < len(head); i++ {
		at := bytes.Index(head[i:], []byte(name))
		if at < 0 {
			return ""
		}
		i += at
		// An ELF note: the lengths of name and content, the type, the name, the content.
		size := int(binary.LittleEndian.Uint32(head[i-8:]))
		if binary.LittleEndian.Uint32(head[i-12:]) == 4 && binary.LittleEndian.Uint32(head[i-4:]) == 4 && size > 0 && i+4+size <= len(head) {
			return string(head[i+4 : i+4+size])
		}
	}
	return ""
}

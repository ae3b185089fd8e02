package main

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A site is a line in which a rule's words occur.
type site struct {
	place
	Line  int
	Text  string
	Found bool
}

// siteWords say where a person looks for a rule's bugs. They are wider than
// what the rules need, and know nothing of types.
var siteWords = map[string]*regexp.Regexp{
	"forcedgc":       regexp.MustCompile(`\bruntime\.GC\(\)|[^.\w]runtime\.GC\b`),
	"finalizercycle": regexp.MustCompile(`\bruntime\.(SetFinalizer|AddCleanup)\(`),
	"threadlock":     regexp.MustCompile(`\bruntime\.LockOSThread\(`),
	"keepalive":      regexp.MustCompile(`\bruntime\.KeepAlive\(|\bC\.\w+\([^)]*\b[a-z]\w*\.\w+|\.Fd\(\)|[sS]yscall6?\(`),
	"signalexit":     regexp.MustCompile(`\bsignal\.Notify\(`),
	"memstatspoll":   regexp.MustCompile(`\bruntime\.ReadMemStats\(`),
	"freeosmemory":   regexp.MustCompile(`\bdebug\.FreeOSMemory\b`),
	"panicfault":     regexp.MustCompile(`\bdebug\.SetPanicOnFault\(`),
	"crashoutput":    regexp.MustCompile(`\bSetCrashOutput\(`),
	"timerfanout":    regexp.MustCompile(`\btime\.AfterFunc\(`),
	"publicpprof":    regexp.MustCompile(`"net/http/pprof"`),
	"maxprocs":       regexp.MustCompile(`\bruntime\.(GOMAXPROCS|NumCPU)\(|go\.uber\.org/automaxprocs`),
	"goroutinealert": regexp.MustCompile(`\bruntime\.NumGoroutine\(`),
	"gctrace":        regexp.MustCompile(`\b(gctrace|GODEBUG)\b`),
}

// textWords are those for files that are not Go.
var textWords = map[string]*regexp.Regexp{
	"gctrace":        regexp.MustCompile(`gctrace|GODEBUG`),
	"goroutinealert": regexp.MustCompile(`go_goroutines`),
	"maxprocs":       regexp.MustCompile(`\bGOMAXPROCS\b`),
}

// notInTests are the rules that leave tests alone.
var notInTests = map[string]bool{
	"forcedgc": true, "signalexit": true, "memstatspoll": true, "freeosmemory": true, "goroutinealert": true,
	"timerfanout": true, "maxprocs": true, "publicpprof": true, "gctrace": true,
}

// findSites lists the sites in a tree.
func findSites(repo, root string, findings []*finding) ([]site, error) {
	found := make(map[place]bool)
	for _, f := range findings {
		found[f.place] = true
	}
	files := newLineReader(root)
	var out []site
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if base := d.Name(); base == ".git" || base == "vendor" || base == "testdata" || base == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err != nil || !d.Type().IsRegular() || info.Size() > 1<<20 || strings.HasSuffix(rel, ".md") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(data, 0) >= 0 {
			return nil
		}
		words := textWords
		if strings.HasSuffix(rel, ".go") {
			words = siteWords
		}
		s := bufio.NewScanner(bytes.NewReader(data))
		s.Buffer(nil, 1<<20)
		for n := 1; s.Scan(); n++ {
			text := strings.TrimSpace(s.Text())
			if strings.HasPrefix(text, "//") || strings.HasPrefix(text, "#") {
				continue
			}
			for rule, re := range words {
				if !re.MatchString(text) || notInTests[rule] && strings.HasSuffix(rel, "_test.go") {
					continue
				}
				p := files.place(repo, rule, rel, n)
				out = append(out, site{p, n, text, found[p]})
			}
		}
		return nil
	})
	return out, err
}

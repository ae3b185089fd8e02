package image

import (
	"bytes"
	"go/version"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/mod/modfile"
)

// OldDefault reports whether programs of m take no notice of a CPU quota: its
// go line, or that of the workspace, is older than 1.25 and nothing in it sets
// GOMAXPROCS.
func (g *Images) OldDefault(m *Module) bool {
	if m.automaxprocs || m.followsQuota() {
		return false
	}
	for dir := m.dir; ; {
		if v, ok := g.works[dir]; ok && version.Compare("go"+v, "go1.25") >= 0 {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	type key string
	return rewrite.MemoDisk(g.s, key(m.dir), func() bool {
		files, err := g.s.FilesWith(m.dir, func(p string, data []byte) bool {
			return setsMaxprocs(p, data)
		})
		return err == nil && len(files) == 0
	})
}

// setsMaxprocs reports whether a file may set GOMAXPROCS: a Go file that does
// more than ask for it, a script or a file of settings that names it.
func setsMaxprocs(p string, data []byte) bool {
	if strings.HasSuffix(p, "_test.go") {
		return false
	}
	if !strings.HasSuffix(p, ".go") {
		ext := path.Ext(p)
		return (ext == "" || slices.Contains([]string{".sh", ".bash"}, ext)) && bytes.Contains(data, []byte("GOMAXPROCS"))
	}
	if bytes.Contains(data, []byte("automaxprocs")) || bytes.Contains(data, []byte("containermaxprocs")) {
		return true
	}
	for _, at := range bytes.SplitAfter(data, []byte("GOMAXPROCS"))[1:] {
		if !bytes.HasPrefix(at, []byte("(0)")) && !bytes.HasPrefix(at, []byte("(-1)")) {
			return true
		}
	}
	return false
}

// LimitsMemory reports whether a program of m may have a memory limit for its
// collector: the Dockerfile, a Go file or a script speaks of one.
func (g *Images) LimitsMemory(img *Image) bool {
	if bytes.Contains(img.dockerfile.Src, []byte("GOMEMLIMIT")) {
		return true
	}
	type key string
	return rewrite.MemoDisk(g.s, key(img.Mod.dir), func() bool {
		files, err := g.s.FilesWith(img.Mod.dir, func(p string, data []byte) bool {
			if strings.HasSuffix(p, "_test.go") || !slices.Contains([]string{"", ".go", ".mod", ".sh", ".bash"}, path.Ext(p)) {
				return false
			}
			return bytes.Contains(data, []byte("GOMEMLIMIT")) || bytes.Contains(data, []byte("SetMemoryLimit")) || bytes.Contains(data, []byte("automemlimit"))
		})
		return err != nil || len(files) > 0
	})
}

// readGodebug reads the godebug lines of a go.mod, which modfile.ParseLax leaves
// out.
func (m *Module) readGodebug(f *modfile.FileSyntax) {
	read := func(words []string) {
		for _, w := range words {
			k, v, _ := strings.Cut(w, "=")
			if set, on := QuotaSetting(k, v); set {
				m.quotaSet, m.quotaOn = true, on
			}
		}
	}
	for _, st := range f.Stmt {
		switch st := st.(type) {
		case *modfile.Line:
			if st.Token[0] == "godebug" {
				read(st.Token[1:])
			}
		case *modfile.LineBlock:
			for _, l := range st.Line {
				if st.Token[0] == "godebug" {
					read(l.Token)
				}
			}
		}
	}
}

// followsQuota reports whether the runtime takes the CPU quota into account in
// programs of the module, by its go line or a GODEBUG setting in go.mod.
func (m *Module) followsQuota() bool {
	if m.quotaSet {
		return m.quotaOn
	}
	return version.Compare("go"+m.GoVersion, "go1.25") >= 0
}

// QuotaSetting reports whether a GODEBUG setting decides about the CPU quota, and
// whether it turns it on: containermaxprocs, or the defaults of a release.
func QuotaSetting(key, value string) (set, on bool) {
	switch key {
	case "containermaxprocs":
		return true, value != "0"
	case "default":
		return true, version.Compare(value, "go1.25") >= 0
	}
	return false, false
}

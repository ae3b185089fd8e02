package load

import (
	"errors"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/tools/go/packages"
)

// A go.mod that "go mod tidy" would change keeps the go command from listing
// anything. It is listed as tidy would leave it then, by a copy.

// listTidied lists patterns on copies of go.mod and go.sum that the go command
// may change, after it refused the module as it is because of cause. ok is false
// where that does not help.
func (l *Loader) listTidied(dir string, patterns []string, q question, cause error) (pkgs []*packages.Package, ok bool) {
	l.modFile[dir] = "" // tried
	root, modFile, err := l.copyGoMod(dir)
	if err != nil {
		return nil, false
	}
	noWork := l.noWork[dir]
	l.modFile[dir], l.noWork[dir] = modFile, true
	if pkgs, err = l.list(dir, patterns, q); err != nil {
		l.modFile[dir], l.noWork[dir] = "", noWork
		return nil, false
	}
	first, _, _ := strings.Cut(cause.Error(), "\n")
	first, _, _ = strings.Cut(first, "; to update it")
	l.problems = append(l.problems, Problem{
		Pos:     token.Position{Filename: filepath.Join(root, "go.mod")},
		Message: "checked as go mod tidy would leave it: " + first,
	})
	return pkgs, true
}

// copyGoMod copies the go.mod and go.sum of the module around dir, which is in
// root.
func (l *Loader) copyGoMod(dir string) (root, modFile string, err error) {
	root = dir
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(root)
		if up == root {
			return "", "", errors.New("no go.mod")
		}
		root = up
	}
	tmp, err := os.MkdirTemp("", "runtimefix-")
	if err != nil {
		return "", "", err
	}
	l.temps = append(l.temps, tmp)
	for _, name := range []string{"go.mod", "go.sum"} {
		path := filepath.Join(root, name)
		data, ok := l.overlay[path]
		if !ok {
			if data, err = safefile.Read(path, safefile.Source); err != nil {
				if name == "go.sum" {
					continue
				}
				return "", "", err
			}
		}
		if err := os.WriteFile(filepath.Join(tmp, name), data, 0o600); err != nil {
			return "", "", err
		}
	}
	return root, filepath.Join(tmp, "go.mod"), nil
}

// ownGoMod puts the module's own go.mod in the place of the copy that p was
// listed with.
func (l *Loader) ownGoMod(dir string, p *packages.Package) {
	if m := p.Module; m != nil && m.GoMod != "" && m.GoMod == l.modFile[dir] {
		m.GoMod = filepath.Join(m.Dir, "go.mod")
	}
}

// Problems returns what was met since the last call that keeps something from
// being checked as it is.
func (l *Loader) Problems() []Problem {
	out := l.problems
	l.problems = nil
	return out
}

// Close removes what the loader keeps on disk.
func (l *Loader) Close() {
	for _, dir := range l.temps {
		os.RemoveAll(dir)
	}
	l.temps = nil
}

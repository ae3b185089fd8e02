package survey

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/command"
	"golang.org/x/mod/modfile"
	"mvdan.cc/sh/v3/syntax"
)

// redirecting is a shell script that redirects the standard error of what it
// starts, and the trace with it.
type redirecting struct {
	rel    string
	data   []byte
	starts []string // names of programs
	// others says that it starts something else as the main program of an image is
	// started: by exec, by its path or from a variable.
	others bool
}

// redirectsOf returns what the file rel starts with standard error redirected; nil
// where that is nothing.
func redirectsOf(rel string, data []byte) *redirecting {
	if path.Ext(rel) != ".sh" && path.Ext(rel) != ".bash" && !rewrite.NamesShell(data) || isDocument(rel) ||
		!bytes.Contains(data, []byte("2>")) && !bytes.Contains(data, []byte("&>")) {
		return nil
	}
	f, err := command.Parse(string(data))
	if err != nil {
		return nil
	}
	x := &redirecting{rel: rel, data: slices.Clone(data)}
	syntax.Walk(f, func(n syntax.Node) bool {
		if stmt, ok := n.(*syntax.Stmt); ok && slices.ContainsFunc(stmt.Redirs, x.takesErrors) {
			x.start(stmt)
		}
		return true
	})
	if len(x.starts) == 0 {
		return nil
	}
	return x
}

func (x *redirecting) source(n syntax.Node) string {
	return string(x.data[n.Pos().Offset():n.End().Offset()])
}

// start notes what the statement starts.
func (x *redirecting) start(stmt *syntax.Stmt) {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return
	}
	words := make([]string, len(call.Args))
	for i, w := range call.Args {
		words[i] = strings.Trim(x.source(w), `"'`)
	}
	program := command.Program(words)
	x.starts = append(x.starts, path.Base(program))
	x.others = x.others || words[0] == "exec" || strings.ContainsAny(program, "/$")
}

// takesErrors reports whether r takes standard error to a file or a process.
func (x *redirecting) takesErrors(r *syntax.Redirect) bool {
	switch r.Op {
	case syntax.RdrAll, syntax.AppAll:
	case syntax.RdrOut, syntax.AppOut, syntax.RdrClob:
		if r.N == nil || r.N.Value != "2" {
			return false
		}
	default:
		return false
	}
	return !strings.HasPrefix(x.source(r.Word), "/dev/")
}

// launches is what the files of a repository say about how its programs are started.
type launches struct {
	mu      sync.Mutex
	scripts []*redirecting
	images  []string // words of Dockerfiles
	modules []string // names
}

// note keeps what the file rel says.
func (l *launches) note(rel string, data []byte) {
	script, module := redirectsOf(rel, data), moduleName(rel, data)
	l.mu.Lock()
	defer l.mu.Unlock()
	if script != nil {
		l.scripts = append(l.scripts, script)
	}
	if module != "" {
		l.modules = append(l.modules, module)
	}
	if IsDockerfileName(path.Base(rel)) {
		l.images = append(l.images, fileWords(string(data))...)
	}
}

// readers returns the scripts that take the trace of a program where it may be read:
// they start one of v or of a module, or a Dockerfile names them.
func (l *launches) readers(v *Survey) []*reader {
	var out []*reader
	for _, x := range l.scripts {
		started := slices.ContainsFunc(x.starts, func(name string) bool { return v.programs[name] || slices.Contains(l.modules, name) })
		known := slices.ContainsFunc(v.readers, func(r *reader) bool { return r.rel == x.rel })
		if !known && (started || x.others && slices.Contains(l.images, path.Base(x.rel))) {
			out = append(out, &reader{rel: x.rel, data: x.data, does: "redirects standard error, and with it", own: true})
		}
	}
	return out
}

// fileWords returns the words of text as they occur in names of files.
func fileWords(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\r\n\"',[]/=;&|", c) })
}

// moduleName returns the last element of the path of the module that the file rel
// declares, the name of a program in its directory.
func moduleName(rel string, data []byte) string {
	if path.Base(rel) != "go.mod" {
		return ""
	}
	if name := modfile.ModulePath(data); name != "" {
		return path.Base(name)
	}
	return ""
}

package scan

import (
	"bytes"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// TextKind is a kind of text file that rules read, told from its name.
type TextKind int

// The kinds of text files.
const (
	Dockerfile   TextKind = iota + 1 // Dockerfile, Containerfile, *.Dockerfile, Dockerfile.*
	YAML                             // *.yaml, *.yml
	JSON                             // *.json
	Systemd                          // units, drop-ins and Quadlet files
	EnvFile                          // .env, *.env, .env.*, environment.d/*.conf, and these and units with .j2 or another ending of templates
	Shell                            // *.sh, *.bash, *entrypoint*, files without extension that begin with #! and a shell
	Makefile                         // Makefile, GNUmakefile, *.mk
	Procfile                         // Procfile
	Supervisor                       // *.conf and *.ini, which may be supervisor's
	TOML                             // *.toml
	HelmTemplate                     // files in the templates folder of a chart
	GoMod                            // go.mod, go.work
	HCL                              // *.hcl, *.nomad, *.tf, *.tfvars
	Plist                            // *.plist
	Jsonnet                          // *.jsonnet, *.libsonnet
)

// notDockerfiles are the extensions of files that are about a Dockerfile.
var notDockerfiles = []string{".md", ".rst", ".adoc", ".html", ".txt", ".js", ".ts", ".py", ".rb", ".rs", ".c", ".java", ".sh", ".yaml", ".yml", ".json", ".toml", ".dockerignore", ".png", ".svg"}

// templateExts are the endings of templates that are filled in when a machine is set
// up.
var templateExts = []string{".j2", ".jinja", ".jinja2", ".tmpl", ".template", ".erb"}

// textKinds returns the kinds that the slash-separated path may be of. With
// sniff it is of these kinds only if its first line names a shell.
func textKinds(p string) (kinds []TextKind, sniff bool) {
	dir, name := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	lower := strings.ToLower(name)
	ext := path.Ext(lower)
	switch {
	case slices.Contains(templateExts, ext):
		// Of an environment or a unit, which have one setting a line.
		if kinds, _ := textKinds(strings.TrimSuffix(p, path.Ext(p))); slices.Equal(kinds, []TextKind{EnvFile}) || slices.Equal(kinds, []TextKind{Systemd}) {
			return kinds, false
		}
		if strings.HasPrefix(lower, ".env.") {
			return []TextKind{EnvFile}, false
		}
		if isDockerfile(lower, ext) {
			return []TextKind{Dockerfile}, false
		}
		return nil, false
	case name == "go.mod" || name == "go.work":
		return []TextKind{GoMod}, false
	case isDockerfile(lower, ext):
		return []TextKind{Dockerfile}, false
	case ext == ".tpl" && strings.Contains(dir+"/", "/templates/"):
		return []TextKind{HelmTemplate}, false
	case ext == ".yaml" || ext == ".yml":
		if strings.Contains(dir+"/", "/templates/") {
			return []TextKind{HelmTemplate, YAML}, false
		}
		return []TextKind{YAML}, false
	case ext == ".json":
		return []TextKind{JSON}, false
	case ext == ".service" || ext == ".container" || ext == ".conf" && isDropInDir(dir):
		return []TextKind{Systemd}, false
	case isSettings(dir, lower, ext):
		return []TextKind{EnvFile}, false
	case slices.Contains([]string{".hcl", ".nomad", ".tf", ".tfvars"}, ext):
		return []TextKind{HCL}, false
	case ext == ".plist":
		return []TextKind{Plist}, false
	case ext == ".jsonnet" || ext == ".libsonnet":
		return []TextKind{Jsonnet}, false
	case lower == ".env" || ext == ".env" || strings.HasPrefix(lower, ".env.") || ext == ".conf" && path.Base(dir) == "environment.d":
		return []TextKind{EnvFile}, false
	case slices.Contains([]string{".sh", ".bash", ".ksh", ".envrc"}, ext):
		return []TextKind{Shell}, false
	case lower == "makefile" || lower == "gnumakefile" || ext == ".mk":
		return []TextKind{Makefile}, false
	case lower == "procfile":
		return []TextKind{Procfile}, false
	case ext == ".conf" || ext == ".ini":
		return []TextKind{Supervisor}, false
	case ext == ".toml":
		return []TextKind{TOML}, false
	case ext == "" && name != "":
		return []TextKind{Shell}, true
	}
	return nil, false
}

// isSettings reports whether a file is named as those of distributions are that
// hold the environment of a service: /etc/default/app, debian/app.default.
func isSettings(dir, lower, ext string) bool {
	if ext == "" {
		return slices.Contains([]string{"default", "sysconfig"}, path.Base(dir)) && !slices.Contains([]string{"makefile", "gnumakefile", "procfile"}, lower) || lower == "environment"
	}
	return slices.Contains([]string{".default", ".sysconfig", ".environment"}, ext)
}

func isDockerfile(lower, ext string) bool {
	for _, base := range []string{"dockerfile", "containerfile"} {
		if lower == base || ext == "."+base {
			return true
		}
		rest, ok := strings.CutPrefix(lower, base)
		if ok && strings.ContainsRune(".-_", rune(rest[0])) && !slices.Contains(notDockerfiles, ext) {
			return true
		}
	}
	return false
}

// isDropInDir reports whether dir holds drop-ins for a unit, as name.service.d
// does (systemd.unit(5)).
func isDropInDir(dir string) bool {
	for _, suffix := range []string{".service.d", ".container.d", "service.d"} {
		if strings.HasSuffix(dir, suffix) {
			return true
		}
	}
	return false
}

// isShellScript reports whether the file's first line names a shell as its
// interpreter.
func isShellScript(p string) bool {
	f, _, err := safefile.Open(p)
	if err != nil {
		return true // reading it whole reports the error
	}
	defer f.Close()
	head := make([]byte, 80)
	n, _ := io.ReadFull(f, head)
	return NamesShell(head[:n])
}

// NamesShell reports whether data begins with #! and a shell's name.
func NamesShell(data []byte) bool {
	rest, ok := bytes.CutPrefix(data, []byte("#!"))
	if !ok {
		return false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	fields := strings.Fields(string(line))
	for len(fields) > 1 && (path.Base(fields[0]) == "env" || strings.HasPrefix(fields[0], "-")) {
		fields = fields[1:]
	}
	return len(fields) > 0 && slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh", "mksh", "openrc-run"}, path.Base(fields[0]))
}

package scan

import (
	"path"
	"strings"
)

// TextKind is a kind of text file that rules read, told from its name.
type TextKind int

// The kinds of text files.
const (
	Dockerfile   TextKind = iota + 1 // Dockerfile, Containerfile, *.Dockerfile, Dockerfile.*
	YAML                             // *.yaml, *.yml
	JSON                             // *.json
	Systemd                          // units, drop-ins and Quadlet files
	EnvFile                          // .env, *.env, .env.*
	Shell                            // *.sh, *.bash, *entrypoint*
	Makefile                         // Makefile, GNUmakefile, *.mk
	Procfile                         // Procfile
	Supervisor                       // supervisor's *.conf and *.ini
	TOML                             // *.toml
	HelmTemplate                     // files in the templates folder of a chart
)

// textKinds returns the kinds that the slash-separated path may be of.
func textKinds(p string) []TextKind {
	dir, name := path.Split(p)
	lower := strings.ToLower(name)
	ext := path.Ext(lower)
	switch {
	case lower == "dockerfile" || lower == "containerfile" || ext == ".dockerfile" || ext == ".containerfile" ||
		strings.HasPrefix(lower, "dockerfile.") || strings.HasPrefix(lower, "containerfile."):
		return []TextKind{Dockerfile}
	case ext == ".tpl" && strings.Contains(dir, "/templates/"):
		return []TextKind{HelmTemplate}
	case ext == ".yaml" || ext == ".yml":
		if strings.Contains(dir, "/templates/") {
			return []TextKind{HelmTemplate, YAML}
		}
		return []TextKind{YAML}
	case ext == ".json":
		return []TextKind{JSON}
	case ext == ".service" || ext == ".container" || ext == ".conf" && strings.HasSuffix(strings.TrimSuffix(dir, "/"), ".d"):
		return []TextKind{Systemd}
	case lower == ".env" || ext == ".env" || strings.HasPrefix(lower, ".env."):
		return []TextKind{EnvFile}
	case ext == ".sh" || ext == ".bash" || strings.Contains(lower, "entrypoint") && ext == "":
		return []TextKind{Shell}
	case lower == "makefile" || lower == "gnumakefile" || ext == ".mk":
		return []TextKind{Makefile}
	case lower == "procfile":
		return []TextKind{Procfile}
	case (ext == ".conf" || ext == ".ini") && strings.Contains(strings.ToLower(p), "supervis"):
		return []TextKind{Supervisor}
	case ext == ".toml":
		return []TextKind{TOML}
	}
	return nil
}

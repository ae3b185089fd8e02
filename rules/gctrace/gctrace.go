// Package gctrace finds runtime traces that deployed programs are started with.
package gctrace

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/gctrace/survey"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

var Rule = &rule.Rule{
	Name:  "gctrace",
	Title: "GODEBUG=gctrace left on",
	Doc: `A service writes a line to standard error for every garbage collection, a hundred a second when it is busy, and the log shipper, the index and the dashboards are paid for them.

Somebody investigated the collector with GODEBUG=gctrace=1 and left it in the environment that the program is deployed with: the ENV of an image, a manifest, a unit, a script. The runtime reads the setting once, from the environment at start; os.Setenv has no effect on the program itself, but its children inherit it.

The element gctrace=N is removed with one comma; the order, the quotes and the other settings stay. What becomes empty by that goes as well: the pair, the instruction, the line; where another GODEBUG would show beneath, the name stays. For lasting observation use runtime/metrics.

It fires when a GODEBUG value has an element gctrace=N with N above zero in a Dockerfile (an ENV that reaches the last stage), a compose file, a Kubernetes manifest, a systemd or supervisor unit, an .env file or one that a unit names, a Procfile, a shell script or Makefile, a job of Nomad or launchd, a module of Terraform, or in the environment that a Go program gives to a child. It only reports where the name of the file, directory, stage or target says debug, dev, test, bench, local or example, where a file of the repository parses the trace of that program, in generated files, templates and CI workflows, and for schedtrace, scheddetail, scavtrace, gcpacertrace, inittrace and checkfinalizers. It stays silent for gctrace=0, in comments and documentation, in _test.go files, and where a name says that the trace is the purpose.`,
	Before: `func spawn(bin string) *exec.Cmd {
	c := exec.Command(bin)
	c.Env = append(os.Environ(), "GODEBUG=gctrace=1,http2server=0")
	return c
}`,
	After: `func spawn(bin string) *exec.Cmd {
	c := exec.Command(bin)
	c.Env = append(os.Environ(), "GODEBUG=http2server=0")
	return c
}`,
	Needs: []rewrite.Need{{Idents: []string{"gctrace"}}},
	TextNeeds: []rewrite.TextNeed{{
		Kinds:    traceFileKinds,
		Contains: append([]string{"gctrace"}, godebug.OtherTraces...),
	}},
	Find: findGctrace,
}

// traceFileKinds are the kinds of text files that set environments.
var traceFileKinds = []rewrite.TextKind{
	rewrite.Dockerfile, rewrite.YAML, rewrite.JSON, rewrite.HelmTemplate, rewrite.Systemd, rewrite.Supervisor,
	rewrite.EnvFile, rewrite.Procfile, rewrite.Shell, rewrite.Makefile, rewrite.TOML, rewrite.HCL, rewrite.Plist,
}

func findGctrace(s *rewrite.Snapshot) []rewrite.Finding {
	out := goTraces(s)
	for _, x := range textTraces(s) {
		out = append(out, x.findings(s)...)
	}
	return append(out, gctraceYAML(s)...)
}

// textTraces returns the places in text files that switch traces on.
func textTraces(s *rewrite.Snapshot) []traceSite {
	var out []traceSite
	for _, kind := range []struct {
		kind rewrite.TextKind
		find func(t *rewrite.TextFile, hides func() bool) []traceSite
		// hides reports whether o is a file whose GODEBUG may show where that of t
		// goes.
		hides func(s *rewrite.Snapshot, t *rewrite.TextFile, o survey.File) bool
	}{
		{rewrite.Dockerfile, func(t *rewrite.TextFile, hides func() bool) []traceSite {
			return dockerTraces(t, hides, func() bool { return asked(s, t) })
		}, baseOfImage},
		{rewrite.Systemd, unitTraces, sameUnit},
		{rewrite.Supervisor, func(t *rewrite.TextFile, hides func() bool) []traceSite {
			if survey.Of(s, t.Path).EnvFiles[path.Base(t.Path)] {
				return namedEnvTraces(t, hides)
			}
			return supervisorTraces(t, hides)
		}, imageOf},
		{rewrite.EnvFile, func(t *rewrite.TextFile, hides func() bool) []traceSite {
			if rewrite.NamesShell(t.Src) {
				return shellTraces(t, hides)
			}
			if survey.Of(s, t.Path).EnvFiles[path.Base(t.Path)] && path.Base(t.Path) != ".env" {
				return namedEnvTraces(t, hides)
			}
			return settingTraces(t, envFileFormat, hides)
		}, envBeside},
		{rewrite.Procfile, procfileTraces, imageOf},
		{rewrite.Shell, shellTraces, imageOf},
		{rewrite.Makefile, func(t *rewrite.TextFile, _ func() bool) []traceSite { return makefileTraces(t) }, nil},
		{rewrite.TOML, func(t *rewrite.TextFile, _ func() bool) []traceSite { return tomlTraces(t) }, nil},
		{rewrite.HCL, hclTraces, anyImage},
		{rewrite.Plist, func(t *rewrite.TextFile, _ func() bool) []traceSite { return plistTraces(t) }, nil},
	} {
		for _, t := range s.TextsOf("gctrace", kind.kind) {
			out = append(out, kind.find(t, func() bool {
				commands := slices.Contains([]rewrite.TextKind{rewrite.Dockerfile, rewrite.Procfile, rewrite.Shell}, kind.kind)
				return commands && startsAsker(s, t) || !commands && asked(s, t) || survey.SetElsewhere(s, t.Path, func(o survey.File) bool { return kind.hides(s, t, o) })
			})...)
		}
	}
	return out
}

// traceSite is one place in a text file that switches a trace on.
type traceSite struct {
	file     *rewrite.TextFile
	off, end int
	value    godebug.Value
	// where says whose environment it is: "the image", "the container x".
	where string
	// names are the names of what it belongs to, a stage, service or target.
	names []string
	// fix removes the trace; nil when there is none, and why says the reason.
	fix *rewrite.Fix
	why string
}

// findings returns what is to be reported at the site. The fix is withheld
// where somebody may want the trace.
func (x traceSite) findings(s *rewrite.Snapshot) []rewrite.Finding {
	if x.value.Setting == "" && x.value.Hidden == "" {
		return otherTraceFindings(x)
	}
	if namesTrace(s.Rel(x.file.Path)) || slices.ContainsFunc(x.names, namesTrace) {
		return nil
	}
	setting := cmp.Or(x.value.Setting, x.value.Hidden)
	f := rewrite.Finding{
		Pos: x.file.Pos(x.off), End: x.file.Pos(x.end),
		Message: "GODEBUG=" + setting + " in the environment of " + x.where + ": the runtime writes a line to standard error for every garbage collection",
	}
	reader, how, read := survey.ReaderOf(s, x.file.Path, x.names)
	why, fix := cmp.Or(traceWanted(s, x.file, x.names...), read, x.why), x.fix
	if why == "" && how == survey.MaybeRead {
		fix, why = survey.Lowered(fix, reader)
	}
	if rel := survey.Refused(s, x.file.Path); why == "" && x.value.Rest == "" && rel != "" {
		why = rel + " stops where GODEBUG is empty; remove gctrace by hand"
	}
	switch {
	case x.value.Setting == "":
		f.NoFix = "the value depends on another variable; remove gctrace by hand"
	case why != "":
		f.NoFix = why
	case fix != nil:
		f.Fixes = append(f.Fixes, fix)
	}
	return []rewrite.Finding{f}
}

func otherTraceFindings(x traceSite) []rewrite.Finding {
	var out []rewrite.Finding
	if len(x.value.Others) > 0 {
		out = append(out, rewrite.Finding{
			Pos: x.file.Pos(x.off), End: x.file.Pos(x.end),
			Message: "GODEBUG=" + strings.Join(x.value.Others, ",") + " in the environment of " + x.where + ": the runtime writes traces to standard error",
			NoFix:   "only gctrace is removed; remove it by hand if nobody reads the trace",
		})
	}
	return out
}

// traceWanted returns why the trace in file may be wanted, so that it is not
// removed: what the names of the file, its directories and names say, a
// template or a generator. It returns "" when nothing speaks against the removal.
func traceWanted(s *rewrite.Snapshot, file *rewrite.TextFile, names ...string) string {
	rel := s.Rel(file.Path)
	for _, name := range append([]string{rel}, names...) {
		if word := manifest.DevelopmentWord(name); word != "" {
			return "the name " + path.Base(name) + " (" + word + ") says that it is not for production; remove gctrace by hand if it is"
		}
	}
	switch {
	case isCIPath(rel):
		return "it is for continuous integration, where the trace may be read; remove gctrace by hand if it is not"
	case isTemplatePath(rel):
		return "the file is a template; remove gctrace by hand"
	case file.Generated():
		return "the file says that it is generated; remove gctrace from its source"
	}
	return ""
}

// namesTrace reports whether a name says that tracing the collector is the
// purpose of what it names.
func namesTrace(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"gctrace", "gc-trace", "gc_trace", "trace-gc", "trace_gc", "gclog", "gc-log", "gc_log"}, func(s string) bool { return strings.Contains(lower, s) })
}

// isCIPath reports whether rel, a path within its repository, belongs to a
// system of continuous integration.
func isCIPath(rel string) bool {
	first, _, nested := strings.Cut(rel, "/")
	if nested && slices.Contains([]string{".github", ".gitlab", ".circleci", ".buildkite", ".ci", "ci"}, first) {
		return true
	}
	base := strings.ToLower(path.Base(rel))
	return strings.Contains(base, "gitlab-ci") || slices.Contains([]string{".travis.yml", ".drone.yml", ".drone.yaml", ".cirrus.yml", "azure-pipelines.yml", "appveyor.yml", ".appveyor.yml", "bitbucket-pipelines.yml", "cloudbuild.yaml", "cloudbuild.yml"}, base)
}

// isTemplatePath reports whether the file's extension is one of a template.
func isTemplatePath(rel string) bool {
	return slices.Contains([]string{".tmpl", ".tpl", ".template", ".j2", ".jinja", ".jinja2", ".in", ".erb", ".mustache", ".gotmpl", ".tftpl"}, strings.ToLower(path.Ext(rel)))
}

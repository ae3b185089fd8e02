// Package gctrace finds runtime traces that deployed programs are started with.
package gctrace

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/span"
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
		Contains: append([]string{"gctrace"}, otherTraces...),
	}},
	Find: findGctrace,
}

// traceFileKinds are the kinds of text files that set environments.
var traceFileKinds = []rewrite.TextKind{
	rewrite.Dockerfile, rewrite.YAML, rewrite.JSON, rewrite.HelmTemplate, rewrite.Systemd, rewrite.Supervisor,
	rewrite.EnvFile, rewrite.Procfile, rewrite.Shell, rewrite.Makefile, rewrite.TOML, rewrite.HCL, rewrite.Plist,
}

// otherTraces are the other GODEBUG settings that make the runtime write to
// standard error as long as they are on (runtime/extern.go).
var otherTraces = []string{"schedtrace", "scheddetail", "scavtrace", "gcpacertrace", "inittrace", "checkfinalizers"}

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
		hides func(s *rewrite.Snapshot, t *rewrite.TextFile, o otherFile) bool
	}{
		{rewrite.Dockerfile, dockerTraces, baseOfImage},
		{rewrite.Systemd, unitTraces, sameUnit},
		{rewrite.Supervisor, func(t *rewrite.TextFile, hides func() bool) []traceSite {
			if surveyOf(s, t.Path).envFiles[path.Base(t.Path)] {
				return namedEnvTraces(t, hides)
			}
			return supervisorTraces(t, hides)
		}, imageOf},
		{rewrite.EnvFile, func(t *rewrite.TextFile, hides func() bool) []traceSite {
			if rewrite.NamesShell(t.Src) {
				return shellTraces(t, hides)
			}
			if surveyOf(s, t.Path).envFiles[path.Base(t.Path)] && path.Base(t.Path) != ".env" {
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
				return setElsewhere(s, t.Path, func(o otherFile) bool { return kind.hides(s, t, o) })
			})...)
		}
	}
	return out
}

// godebugValue is a value of GODEBUG with respect to traces.
type godebugValue struct {
	// setting is the element that switches the trace of collections on,
	// "gctrace=1" say, and at its place in the value; "" when it is off.
	setting string
	at      span.Span
	// cuts are the ranges to be removed, each with one comma, and rest is what
	// stays of the value.
	cuts []span.Span
	rest string
	// hidden is an element that may switch the trace on inside of an expansion,
	// as in ${GODEBUG:-gctrace=1}.
	hidden string
	// others are the elements that switch other traces on.
	others []string
}

// on reports whether there is anything to say about the value.
func (g godebugValue) on() bool { return g.setting != "" || g.hidden != "" || len(g.others) > 0 }

// readGodebug reads a value of GODEBUG as the runtime does: elements apart by
// commas, of which later ones win, with decimal numbers (parsegodebug in
// runtime/runtime1.go). Elements with an expansion of a shell, Dockerfile or
// template are left alone.
func readGodebug(value string) godebugValue {
	var g godebugValue
	list := elementsOf(value)
	traces := make(map[string]string) // the element in effect by name
	for _, e := range list {
		if strings.ContainsAny(e.text, "$`{") {
			if hiddenTrace.MatchString(e.text) {
				g.hidden = e.text
			}
			continue
		}
		name, v, ok := e.number()
		if !ok {
			continue
		}
		switch {
		case name == "gctrace" && v > 0:
			g.setting, g.at = e.text, e.Span
		case name == "gctrace":
			g.setting = ""
		case slices.Contains(otherTraces, name) && v > 0:
			traces[name] = e.text
		case slices.Contains(otherTraces, name):
			delete(traces, name)
		}
	}
	for _, name := range otherTraces {
		if traces[name] != "" {
			g.others = append(g.others, traces[name])
		}
	}
	g.rest = value
	if g.setting != "" {
		g.rest, g.cuts = withoutTrace(value, list)
	}
	return g
}

// godebugElement is one name=value of GODEBUG and its place in the value.
type godebugElement struct {
	span.Span
	text string
}

// number returns the element's name and number. ok is false where the runtime
// reads none.
func (e godebugElement) number() (name string, n int64, ok bool) {
	name, digits, ok := strings.Cut(e.text, "=")
	if !ok {
		return "", 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	return name, n, err == nil
}

// elementsOf cuts value at its commas, save those within an expansion.
func elementsOf(value string) (list []godebugElement) {
	begin, depth := 0, 0
	for i := 0; i <= len(value); i++ {
		if i < len(value) {
			switch value[i] {
			case '{', '(':
				depth++
			case '}', ')':
				depth--
			}
			if value[i] != ',' || depth > 0 {
				continue
			}
		}
		list = append(list, godebugElement{span.Span{Off: begin, End: i}, value[begin:i]})
		begin = i + 1
	}
	return list
}

// withoutTrace returns value, made of list, without the elements that switch the
// trace on, and what is cut for that.
func withoutTrace(value string, list []godebugElement) (rest string, cuts []span.Span) {
	var kept []string
	for _, e := range list {
		if name, v, ok := e.number(); !ok || name != "gctrace" || v <= 0 {
			kept = append(kept, e.text)
			continue
		}
		cut := e.Span
		switch {
		case len(kept) > 0:
			cut.Off-- // the comma before it
		case cut.End < len(value):
			cut.End++ // the comma behind it
		}
		cuts = append(cuts, cut)
	}
	return strings.Join(kept, ","), cuts
}

var hiddenTrace = regexp.MustCompile(`gctrace=0*[1-9]`)

// traceSite is one place in a text file that switches a trace on.
type traceSite struct {
	file     *rewrite.TextFile
	off, end int
	value    godebugValue
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
	if x.value.setting == "" && x.value.hidden == "" {
		return otherTraceFindings(x)
	}
	if namesTrace(s.Rel(x.file.Path)) || slices.ContainsFunc(x.names, namesTrace) {
		return nil
	}
	setting := cmp.Or(x.value.setting, x.value.hidden)
	f := rewrite.Finding{
		Pos: x.file.Pos(x.off), End: x.file.Pos(x.end),
		Message: "GODEBUG=" + setting + " in the environment of " + x.where + ": the runtime writes a line to standard error for every garbage collection",
	}
	rel, how, read := traceReader(s, x.file.Path, x.names)
	why, fix := cmp.Or(traceWanted(s, x.file, x.names...), read, x.why), x.fix
	if why == "" && how == maybeRead {
		fix, why = lowered(fix, rel)
	}
	switch {
	case x.value.setting == "":
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
	if len(x.value.others) > 0 {
		out = append(out, rewrite.Finding{
			Pos: x.file.Pos(x.off), End: x.file.Pos(x.end),
			Message: "GODEBUG=" + strings.Join(x.value.others, ",") + " in the environment of " + x.where + ": the runtime writes traces to standard error",
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

// traceLine matches a pattern or format for a line of the trace, "gc 1 @0.01s"
// and so on, as programs write it: behind "gc" and a blank stands an escape, a
// class, a group or a verb. It does not match itself.
var traceLine = regexp.MustCompile(`\bgc[ ](\(|\\|\[|%|#\?)[^@\r\n]{0,40}@`)

// namesTrace reports whether a name says that tracing the collector is the
// purpose of what it names.
func namesTrace(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"gctrace", "gc-trace", "gc_trace", "gclog", "gc-log", "gc_log"}, func(s string) bool { return strings.Contains(lower, s) })
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

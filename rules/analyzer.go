package rules

import (
	"errors"
	"go/token"
	"os"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzers returns every rule that reads Go files as an analyzer, for go vet,
// golangci-lint and other drivers of golang.org/x/tools/go/analysis. The
// findings and fixes are made by the same code as the command's.
//
// A driver shows one package at a time. A rule that asks for more, the callers
// in other packages say, still reports what it sees, but its fixes
// are left out; so are fixes that change files outside of the package. Files
// with import "C" reach analyzers in the form that cgo generates, and nothing
// is reported in them. The command has none of these limits.
//
// Each analyzer has a flag "unsafe" that includes the fixes that change
// behaviour on purpose.
func Analyzers() []*analysis.Analyzer {
	var out []*analysis.Analyzer
	for _, r := range All {
		if len(r.Needs) > 0 {
			out = append(out, analyzerOf(r))
		}
	}
	return out
}

// Analyzer returns one analyzer that runs all rules, for drivers that take one
// a package, as Bazel's nogo does. Diagnostics have the rule as category.
func Analyzer() *analysis.Analyzer {
	a := newAnalyzer("runtimefix", "find misuse of the Go runtime's hooks\n\nIt runs all rules of runtimefix.")
	a.Run = func(pass *analysis.Pass) (any, error) {
		for _, r := range All {
			if len(r.Needs) == 0 {
				continue
			}
			if err := report(r, pass, admitted(a)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	return a
}

func analyzerOf(r *rule.Rule) *analysis.Analyzer {
	a := newAnalyzer(r.Name, r.Title+"\n\n"+strings.TrimSpace(r.Doc))
	a.URL += "/blob/main/rules/" + r.Name + "/README.md"
	a.Run = func(pass *analysis.Pass) (any, error) { return nil, report(r, pass, admitted(a)) }
	return a
}

func newAnalyzer(name, doc string) *analysis.Analyzer {
	a := &analysis.Analyzer{
		Name:     name,
		Doc:      doc,
		URL:      "https://github.com/runtimefix/runtimefix",
		Requires: []*analysis.Analyzer{inspect.Analyzer},
	}
	a.Flags.Bool("unsafe", false, "include fixes that change behaviour on purpose")
	return a
}

func admitted(a *analysis.Analyzer) rewrite.Safety {
	if f := a.Flags.Lookup("unsafe"); f != nil && f.Value.String() == "true" {
		return rewrite.Unsafe
	}
	return rewrite.Safe
}

// report runs the rule on pass.
func report(r *rule.Rule, pass *analysis.Pass, admit rewrite.Safety) error {
	if !mayFire(r, pass) {
		return nil
	}
	u := &rewrite.Unit{
		Fset: pass.Fset, Files: pass.Files, Types: pass.Pkg, Info: pass.TypesInfo, Sizes: pass.TypesSizes,
		Inspector: pass.ResultOf[inspect.Analyzer].(*inspector.Inspector),
		ReadFile:  pass.ReadFile,
	}
	if u.ReadFile == nil {
		u.ReadFile = os.ReadFile // nogo says neither how to read nor what module it is
	}
	if m := pass.Module; m != nil && m.Path != "" {
		u.Module = &rewrite.Module{Path: m.Path, GoVersion: strings.TrimPrefix(m.GoVersion, "go"), Main: m.Version == ""}
		if u.Module.GoVersion == "" {
			u.Module.GoVersion = strings.TrimPrefix(pass.Pkg.GoVersion(), "go")
		}
	}
	found, err := u.Find(r.Finder(), admit)
	if err != nil {
		return errors.New(r.Name + ": " + err.Error())
	}
	for _, f := range found {
		pass.Report(diagnostic(r, pass, f))
	}
	return nil
}

// mayFire reports whether the package imports what one of the rule's needs
// names. It keeps most packages from being looked at.
func mayFire(r *rule.Rule, pass *analysis.Pass) bool {
	imported := make(map[string]bool)
	for _, f := range pass.Files {
		for _, spec := range f.Imports {
			imported[strings.Trim(spec.Path.Value, "\"`")] = true
		}
	}
	for _, n := range r.Needs {
		if n.Import == "" || imported[n.Import] {
			return true
		}
	}
	return false
}

func diagnostic(r *rule.Rule, pass *analysis.Pass, f rewrite.UnitFinding) analysis.Diagnostic {
	d := analysis.Diagnostic{Pos: f.Pos, End: f.End, Category: r.Name, Message: f.Message}
	for _, n := range f.Notes {
		if n.Pos.IsValid() {
			d.Related = append(d.Related, analysis.RelatedInformation{Pos: n.Pos, Message: n.Message})
		}
	}
	if f.NoFix != "" {
		d.Message += " (no fix: " + f.NoFix + ")"
	}
	if f.Fix == nil {
		return d
	}
	fix := analysis.SuggestedFix{Message: f.Fix.Message}
	for _, e := range f.Edits {
		tf := fileNamed(pass, e.Path)
		if tf == nil {
			return d
		}
		fix.TextEdits = append(fix.TextEdits, analysis.TextEdit{Pos: tf.Pos(e.Start), End: tf.Pos(e.End), NewText: e.New})
	}
	d.SuggestedFixes = []analysis.SuggestedFix{fix}
	return d
}

// fileNamed returns the file of the pass called path.
func fileNamed(pass *analysis.Pass, path string) *token.File {
	for _, f := range pass.Files {
		if tf := pass.Fset.File(f.FileStart); tf != nil && tf.Name() == path {
			return tf
		}
	}
	return nil
}

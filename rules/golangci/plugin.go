// Package golangci makes the rules a module plugin of golangci-lint v2
// (https://golangci-lint.run/docs/plugins/module-plugins/).
package golangci

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/golangci/plugin-module-register/register"
	"github.com/runtimefix/runtimefix/rules"
	"golang.org/x/tools/go/analysis"
)

// A plugin has no other way to be found than to register itself.
func init() { register.Plugin("runtimefix", New) }

// settings are those of linters.settings.custom.runtimefix.settings.
type settings struct {
	// Unsafe includes the fixes that change behaviour on purpose.
	Unsafe bool `json:"unsafe"`
	// Enable are the rules to run; none means all.
	Enable []string `json:"enable"`
	// Disable are rules not to run.
	Disable []string `json:"disable"`
}

type plugin struct{ settings settings }

// New reads the plugin's settings.
func New(raw any) (register.LinterPlugin, error) {
	s, err := register.DecodeSettings[settings](raw)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(s.Enable, s.Disable) {
		if !slices.Contains(rules.Names(), name) {
			return nil, fmt.Errorf("runtimefix: unknown rule %q", name)
		}
	}
	return &plugin{s}, nil
}

// BuildAnalyzers returns the analyzers of the rules that the settings leave.
func (p *plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	var out []*analysis.Analyzer
	for _, a := range rules.Analyzers() {
		if len(p.settings.Enable) > 0 && !slices.Contains(p.settings.Enable, a.Name) || slices.Contains(p.settings.Disable, a.Name) {
			continue
		}
		if p.settings.Unsafe {
			if err := a.Flags.Set("unsafe", "true"); err != nil {
				return nil, err
			}
		}
		out = append(out, inOneIssue(a))
	}
	return out, nil
}

// inOneIssue returns a with related places as text of its diagnostics.
// golangci-lint makes an issue of each of them, which no fix takes away.
func inOneIssue(a *analysis.Analyzer) *analysis.Analyzer {
	wrapped := *a
	wrapped.Run = func(pass *analysis.Pass) (any, error) {
		inner := *pass
		inner.Report = func(d analysis.Diagnostic) {
			for _, r := range d.Related {
				pos := pass.Fset.Position(r.Pos)
				d.Message += fmt.Sprintf("; %s:%d: %s", filepath.Base(pos.Filename), pos.Line, r.Message)
			}
			d.Related = nil
			pass.Report(d)
		}
		return a.Run(&inner)
	}
	return &wrapped
}

// GetLoadMode says that the rules need types.
func (p *plugin) GetLoadMode() string { return register.LoadModeTypesInfo }

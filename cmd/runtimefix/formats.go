package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/fingerprint"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/format"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/suggest"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// outputFormat is one report to be written; file is "" for stdout.
type outputFormat struct{ name, file string }

// readFormats reads --format, a list of NAME or NAME=FILE, and --output, the
// file for the one format that has none of its own.
func readFormats(list, output string) ([]outputFormat, error) {
	var out []outputFormat
	bare := 0
	for item := range strings.SplitSeq(list, ",") { // names of files may hold blanks
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, file, hasFile := strings.Cut(item, "=")
		if names := append([]string{"text"}, format.Names()...); !slices.Contains(names, name) {
			return nil, usagef("--format takes %s, not %q%s", strings.Join(names, ", "), name, suggest.DidYouMean(name, names))
		}
		if hasFile && file == "" {
			return nil, usagef("--format %s= names no file", name)
		}
		if !hasFile {
			bare++
			file = output
		}
		out = append(out, outputFormat{name, file})
	}
	switch {
	case len(out) == 0:
		return nil, usagef("--format names no format")
	case bare > 1:
		return nil, usagef("only one format can go to one place; write --format NAME=FILE,NAME=FILE")
	case output != "" && bare == 0:
		return nil, usagef("--output names a file, but every format has one of its own")
	}
	return out, nil
}

// text reports whether findings are written for people: where that was asked
// for, and where nothing else goes to stdout.
func (o *options) text() bool {
	return slices.ContainsFunc(o.formats, func(f outputFormat) bool { return f.name == "text" }) ||
		!o.output && !slices.ContainsFunc(o.formats, func(f outputFormat) bool { return f.file == "" })
}

// writeText writes the findings for people, to w or to the file that was named
// for them.
func (o *options) writeText(w io.Writer, out *report, list []rewrite.Found) error {
	i := slices.IndexFunc(o.formats, func(f outputFormat) bool { return f.name == "text" && f.file != "" })
	if i < 0 {
		return out.findings(w, list)
	}
	var b bytes.Buffer
	out.style(o.color, &b)
	if err := out.findings(&b, list); err != nil {
		return err
	}
	if err := safefile.Write(o.formats[i].file, b.Bytes()); err != nil {
		return fmt.Errorf("writing the text report: %w", err)
	}
	return nil
}

// needsEdits reports whether a format shows what fixes change.
func (o *options) needsEdits() bool {
	return slices.ContainsFunc(o.formats, func(f outputFormat) bool { return format.NeedsEdits(f.name) })
}

// writeFormats writes r in every format but text.
func (o *options) writeFormats(stdout io.Writer, r *format.Report) error {
	for _, f := range o.formats {
		if f.name == "text" {
			continue
		}
		var b bytes.Buffer
		if err := format.Write(&b, f.name, r); err != nil {
			return fmt.Errorf("writing %s: %w", f.name, err)
		}
		if f.file == "" {
			if _, err := stdout.Write(b.Bytes()); err != nil {
				return err
			}
			continue
		}
		if err := safefile.Write(f.file, b.Bytes()); err != nil {
			return fmt.Errorf("writing the %s report: %w", f.name, err)
		}
	}
	return nil
}

// machineReport turns a result into what the formats write. After --apply it
// holds what is left, because places and edits then are those of the files as
// they are.
func machineReport(o *options, cfg *config.Config, res *rewrite.Result, root string, rec *evidence.Recordings) *format.Report {
	wd, err := os.Getwd()
	if err != nil {
		wd = root
	}
	r := &format.Report{Version: toolVersion(), Root: root, WorkDir: wd, Problems: res.Problems, Excluded: res.Excluded}
	for _, rule := range o.rules {
		r.Rules = append(r.Rules, format.Rule{Page: page.Of(rule), Severity: severity(cfg, rule.Name)})
	}
	r.Rules = append(r.Rules, format.Rule{Page: page.Ignore, Severity: format.Warning})
	if !o.apply {
		r.Findings = decorate(cfg, root, res.Findings, rec)
		return r
	}
	r.Findings = decorate(cfg, root, res.Remaining, rec)
	r.Fixed = decorate(cfg, root, slices.DeleteFunc(slices.Clone(res.Findings), func(f rewrite.Found) bool { return f.State != rewrite.Fixed }), rec)
	return r
}

// decorate adds severity, fingerprint and evidence to findings.
func decorate(cfg *config.Config, root string, list []rewrite.Found, rec *evidence.Recordings) []format.Finding {
	prints := fingerprint.Of(root, list)
	var out []format.Finding
	for i, f := range list {
		out = append(out, format.Finding{Found: f, Severity: severity(cfg, f.Rule), Fingerprint: prints[i], Evidence: rec.Of(f)})
	}
	return out
}

func severity(cfg *config.Config, rule string) format.Severity {
	if s, ok := cfg.Severity[rule]; ok {
		return s
	}
	return format.Warning
}

package format

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"go/token"
	"io"
	"unicode/utf8"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/rewrite"
)

// The types below are the schema of the JSON report, which
// cmd/runtimefix/schema/report.schema.json writes down. It only ever grows:
// a field is never renamed, removed or given another meaning within version 1.
type (
	jsonReport struct {
		Version  int           `json:"version"`
		Tool     jsonTool      `json:"tool"`
		Root     string        `json:"root"`
		Findings []jsonFinding `json:"findings"`
		Fixed    []jsonFinding `json:"fixed"`
		Problems []jsonProblem `json:"problems"`
		Excluded []jsonExclude `json:"excluded"`
	}
	jsonTool struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	jsonFinding struct {
		Rule        string       `json:"rule"`
		Severity    Severity     `json:"severity"`
		Message     string       `json:"message"`
		Path        string       `json:"path"`
		Start       jsonPosition `json:"start"`
		End         jsonPosition `json:"end"`
		State       string       `json:"state"`
		Fingerprint string       `json:"fingerprint"`
		Notes       []jsonNote   `json:"notes"`
		Fixes       []jsonFix    `json:"fixes"`
		NoFix       string       `json:"noFix,omitempty"`

		Evidence []jsonEvidence `json:"evidence,omitempty"`
	}
	jsonEvidence struct {
		Kind      string  `json:"kind"`
		What      string  `json:"what"`
		Verdict   string  `json:"verdict"`
		Count     int     `json:"count"`
		PerSecond float64 `json:"perSecond"`
		Seconds   float64 `json:"seconds"`
		File      string  `json:"file"`
		Moved     bool    `json:"moved,omitempty"`
	}
	jsonPosition struct {
		Offset int `json:"offset"`
		Line   int `json:"line"`
		Column int `json:"column"`
	}
	jsonNote struct {
		Message string        `json:"message"`
		Path    string        `json:"path,omitempty"`
		Start   *jsonPosition `json:"start,omitempty"`
	}
	jsonFix struct {
		Message string     `json:"message"`
		Safety  string     `json:"safety"`
		Edits   []jsonEdit `json:"edits"`
		Reason  string     `json:"reason,omitempty"`
	}
	jsonEdit struct {
		Path      string `json:"path"`
		Start     int    `json:"start"`
		End       int    `json:"end"`
		StartLine int    `json:"startLine"`
		EndLine   int    `json:"endLine"`
		Text      string `json:"text"`
		Base64    string `json:"base64,omitempty"`
	}
	jsonProblem struct {
		Message string `json:"message"`
		Path    string `json:"path,omitempty"`
		Line    int    `json:"line,omitempty"`
		Column  int    `json:"column,omitempty"`
		Package string `json:"package,omitempty"`
	}
	jsonExclude struct {
		Path   string `json:"path"`
		Reason string `json:"reason"`
	}
)

func writeJSON(w io.Writer, r *Report) error {
	out := jsonReport{
		Version:  1,
		Tool:     jsonTool{Name: "runtimefix", Version: r.Version},
		Root:     r.Root,
		Findings: jsonFindings(r, r.Findings),
		Fixed:    jsonFindings(r, r.Fixed),
		Problems: []jsonProblem{},
		Excluded: []jsonExclude{},
	}
	for _, p := range r.Problems {
		q := jsonProblem{Message: p.Message, Line: p.Pos.Line, Column: p.Pos.Column, Package: p.Package}
		if p.Pos.Filename != "" {
			q.Path = r.path(p.Pos.Filename)
		}
		out.Problems = append(out.Problems, q)
	}
	for _, x := range r.Excluded {
		out.Excluded = append(out.Excluded, jsonExclude{Path: r.path(x.Path), Reason: x.Reason})
	}
	return encode(w, out)
}

// encode writes v as JSON that can be shown on a terminal.
func encode(w io.Writer, v any) error { return encodeIndented(w, v, "  ") }

func encodeIndented(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(printable.JSON(b.Bytes()))
	return err
}

func jsonFindings(r *Report, list []Finding) []jsonFinding {
	out := []jsonFinding{}
	for _, f := range list {
		x := jsonFinding{
			Rule: f.Rule, Severity: f.Severity, Message: f.Message, Path: r.path(f.Pos.Filename),
			Start: position(f.Pos), End: position(f.End), State: f.State.String(), Fingerprint: f.Fingerprint,
			Notes: []jsonNote{}, Fixes: []jsonFix{}, NoFix: noFix(f), Evidence: jsonEvidenceOf(f),
		}
		for _, n := range f.Notes {
			note := jsonNote{Message: n.Message}
			if n.Pos.Filename != "" {
				p := position(n.Pos)
				note.Path, note.Start = r.path(n.Pos.Filename), &p
			}
			x.Notes = append(x.Notes, note)
		}
		for _, fix := range f.Fixes {
			x.Fixes = append(x.Fixes, jsonFix{Message: fix.Message, Safety: fix.Safety.String(), Edits: jsonEdits(r, fix.Edits), Reason: fix.Why})
		}
		out = append(out, x)
	}
	return out
}

func jsonEvidenceOf(f Finding) []jsonEvidence {
	var out []jsonEvidence
	for _, e := range f.Evidence {
		out = append(out, jsonEvidence{
			Kind: string(e.Form), What: string(e.Kind), Verdict: e.Verdict(), Count: e.Count,
			PerSecond: e.PerSecond, Seconds: e.Seconds, File: e.File, Moved: e.Moved,
		})
	}
	return out
}

func position(p token.Position) jsonPosition {
	return jsonPosition{Offset: p.Offset, Line: p.Line, Column: p.Column}
}

func jsonEdits(r *Report, list []rewrite.TextEdit) []jsonEdit {
	out := []jsonEdit{}
	for _, e := range list {
		x := jsonEdit{Path: r.path(e.Path), Start: e.Start, End: e.End, StartLine: e.StartLine, EndLine: e.EndLine}
		if utf8.Valid(e.New) {
			x.Text = string(e.New)
		} else {
			x.Base64 = base64.StdEncoding.EncodeToString(e.New)
		}
		out = append(out, x)
	}
	return out
}

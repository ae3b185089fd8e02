package format

import (
	"bytes"
	"go/token"
	"io"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/rewrite"
)

// The objects of SARIF 2.1.0 that are in use; names are those of the standard.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool               sarifTool               `json:"tool"`
		Invocations        []sarifInvocation       `json:"invocations"`
		OriginalURIBaseIDs map[string]sarifBaseURI `json:"originalUriBaseIds"`
		ColumnKind         string                  `json:"columnKind"`
		Results            []sarifResult           `json:"results"`
	}
	sarifBaseURI struct {
		Description sarifText `json:"description"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string          `json:"id"`
		ShortDescription sarifText       `json:"shortDescription"`
		FullDescription  sarifText       `json:"fullDescription"`
		Help             sarifHelp       `json:"help"`
		HelpURI          string          `json:"helpUri"`
		Default          sarifRuleConfig `json:"defaultConfiguration"`
	}
	sarifRuleConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		RelatedLocations    []sarifLocation   `json:"relatedLocations,omitempty"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		Fixes               []sarifFix        `json:"fixes,omitempty"`
		Rank                float64           `json:"rank,omitempty"` // 0 to 100, the most important first
		Properties          *sarifProperties  `json:"properties,omitempty"`
	}
	sarifProperties struct {
		NoFix    string         `json:"noFix,omitempty"`
		Evidence []jsonEvidence `json:"evidence,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
		Message  *sarifText    `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifFix struct {
		Description sarifText     `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion `json:"deletedRegion"`
		Inserted sarifText   `json:"insertedContent"` // also where it is empty: reviewdog reads it always
	}
)

const sourceRoot = "SRCROOT"

func writeSARIF(w io.Writer, r *Report) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{Name: "runtimefix", Version: r.Version, InformationURI: page.Home, Rules: []sarifRule{}}},
		OriginalURIBaseIDs: map[string]sarifBaseURI{
			sourceRoot: {Description: sarifText{"The root of the repository."}},
		},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	for _, rule := range r.Rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: rule.Name, ShortDescription: sarifText{rule.Title}, FullDescription: sarifText{rule.Symptom},
			Help: sarifHelp{rule.Text(), rule.Markdown()}, HelpURI: rule.URL, Default: sarifRuleConfig{level(rule.Severity)},
		})
	}
	inv := sarifInvocation{ExecutionSuccessful: len(r.Problems) == 0}
	for _, p := range r.Problems {
		n := sarifNotification{Level: "error", Message: sarifText{p.Message}}
		if p.Pos.Filename != "" {
			n.Locations = append(n.Locations, sarifLocation{Physical: r.physical(p.Pos)})
		}
		inv.Notifications = append(inv.Notifications, n)
	}
	run.Invocations = []sarifInvocation{inv}
	for _, f := range r.Findings {
		run.Results = append(run.Results, r.sarifResult(f))
	}
	return encode(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func (r *Report) sarifResult(f Finding) sarifResult {
	physical := r.physical(f.Pos)
	physical.Region = &sarifRegion{StartLine: f.Pos.Line, StartColumn: runeColumn(f.Source, f.Pos.Offset, f.Pos.Column)}
	if f.End.IsValid() {
		physical.Region.EndLine = f.End.Line
		physical.Region.EndColumn = runeColumn(f.Source, f.End.Offset, f.End.Column)
	}
	x := sarifResult{
		RuleID:    f.Rule,
		RuleIndex: slices.IndexFunc(r.Rules, func(rule Rule) bool { return rule.Name == f.Rule }),
		Level:     level(f.Severity), Message: sarifText{f.Message + advice(f)},
		Locations:           []sarifLocation{{Physical: physical}},
		PartialFingerprints: map[string]string{"runtimefix/v1": f.Fingerprint},
	}
	for _, n := range f.Notes {
		if n.Pos.Filename != "" {
			x.RelatedLocations = append(x.RelatedLocations, sarifLocation{Physical: r.physical(n.Pos), Message: &sarifText{n.Message}})
		}
	}
	for _, fix := range f.Fixes {
		if len(fix.Edits) > 0 && isText(fix.Edits) {
			x.Fixes = append(x.Fixes, sarifFix{
				Description: sarifText{fix.Message + " (" + fix.Safety.String() + ")"},
				Changes:     r.sarifChanges(f, fix.Edits),
			})
		}
	}
	if why := noFix(f); why != "" {
		x.Properties = &sarifProperties{NoFix: why}
	}
	if len(f.Evidence) > 0 {
		if x.Properties == nil {
			x.Properties = &sarifProperties{}
		}
		x.Properties.Evidence = jsonEvidenceOf(f)
		x.Rank = evidence.Rank(f.Evidence)
	}
	return x
}

// physical returns the place of pos with its line only: the columns of a file
// whose text is not at hand are not known in code points.
func (r *Report) physical(pos token.Position) sarifPhysical {
	p := sarifPhysical{Artifact: r.artifact(pos.Filename)}
	if pos.Line > 0 {
		p.Region = &sarifRegion{StartLine: pos.Line}
	}
	return p
}

func (r *Report) artifact(path string) sarifArtifact {
	rel := r.path(path)
	u := url.URL{Path: rel}
	if filepath.IsAbs(filepath.FromSlash(rel)) {
		u.Scheme = "file"
		return sarifArtifact{URI: u.String()}
	}
	return sarifArtifact{URI: u.String(), Base: sourceRoot}
}

func (r *Report) sarifChanges(f Finding, edits []rewrite.TextEdit) []sarifChange {
	var out []sarifChange
	for _, e := range edits {
		a := r.artifact(e.Path)
		if n := len(out); n == 0 || out[n-1].Artifact != a {
			out = append(out, sarifChange{Artifact: a})
		}
		// Whole lines: from the first column of the first to the first column
		// behind the last.
		region := sarifRegion{StartLine: e.StartLine, StartColumn: 1, EndLine: e.EndLine + 1, EndColumn: 1}
		if e.Path == f.Pos.Filename && e.End == len(f.Source) && e.End > e.Start && f.Source[e.End-1] != '\n' {
			// The last line has no end: there is no line behind it.
			region.EndLine = e.EndLine
			start := bytes.LastIndexByte(f.Source, '\n') + 1
			region.EndColumn = runeColumn(f.Source, e.End, e.End-start+1)
		}
		rep := sarifReplacement{Deleted: region, Inserted: sarifText{string(e.New)}}
		last := &out[len(out)-1]
		last.Replacements = append(last.Replacements, rep)
	}
	return out
}

func level(s Severity) string {
	if s == Info {
		return "note"
	}
	return string(s)
}

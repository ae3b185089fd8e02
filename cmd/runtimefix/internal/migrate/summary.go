package migrate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Summary is what one run of migrate did, for programs: version 1 of its schema,
// cmd/runtimefix/schema/summary.schema.json, in which fields are only added.
type Summary struct {
	Version    int             `json:"version"`
	Tool       string          `json:"tool"`
	Repository string          `json:"repository"`
	Base       string          `json:"base"`
	Outcome    string          `json:"outcome"`
	Exit       int             `json:"exit"`
	Part       string          `json:"part,omitempty"`
	Commits    []SummaryCommit `json:"commits"`
	Fixed      []SummaryPlace  `json:"fixed"`
	Left       []SummaryPlace  `json:"left"`
	RolledBack []SummaryPlace  `json:"rolledBack"`
	Verified   SummaryVerified `json:"verified"`
	Changes    []SummaryChange `json:"changes"`
	Problems   []string        `json:"problems"`
	ToDo       []string        `json:"toDo"`
}

// The outcomes, with the exit code of each.
const (
	Clean       = "clean"         // 0: nothing found
	Fixed       = "fixed"         // 0: something was fixed
	LeftOver    = "left"          // 10: only findings without an admitted fix
	WasBroken   = "broken-before" // 11: it did not build before; nothing could be proved
	RolledBack  = "rolled-back"   // 12: a fix was taken back
	NotAll      = "not-all"       // 3: something could not be checked
	Interrupted = "interrupted"   // 130
)

// ExitCodes are what migrate exits with for an outcome.
var ExitCodes = map[string]int{Clean: 0, Fixed: 0, LeftOver: 10, WasBroken: 11, RolledBack: 12, NotAll: 3, Interrupted: 130}

type (
	// SummaryCommit is a commit that was made.
	SummaryCommit struct {
		Hash    string   `json:"hash"`
		Subject string   `json:"subject"`
		Body    string   `json:"body"`
		Rules   []string `json:"rules"`
	}
	// SummaryPlace is a finding.
	SummaryPlace struct {
		Rule        string   `json:"rule"`
		Path        string   `json:"path"`
		Line        int      `json:"line"`
		Message     string   `json:"message"`
		Fix         string   `json:"fix,omitempty"`
		Safety      string   `json:"safety,omitempty"`
		Why         string   `json:"why,omitempty"`
		Evidence    []string `json:"evidence,omitempty"`
		Fingerprint string   `json:"fingerprint"`
		Owners      []string `json:"owners,omitempty"`
	}
	// SummaryVerified says how the change was proved.
	SummaryVerified struct {
		Level    string   `json:"level"`
		Packages int      `json:"packages"`
		Before   []string `json:"brokenBefore"`
		Tests    []string `json:"tests"`
		Flaky    []string `json:"flaky,omitempty"`
	}
	// SummaryChange is a file's patch.
	SummaryChange struct {
		Path  string   `json:"path"`
		Rules []string `json:"rules"`
		Patch string   `json:"patch"`
	}
)

// WriteJSON writes s, indented.
func (s *Summary) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(s)
}

// WriteMarkdown writes s for people.
func (s *Summary) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n", escape(s.Repository), s.Outcome)
	fmt.Fprintf(&b, "%d fixed, %d left, %d rolled back; verified: %s.\n", len(s.Fixed), len(s.Left), len(s.RolledBack), s.Verified.Level)
	for _, part := range []struct {
		title string
		list  []SummaryPlace
	}{{"Fixed", s.Fixed}, {"Left", s.Left}, {"Rolled back", s.RolledBack}} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| rule | place | |\n| --- | --- | --- |\n", part.title)
		for _, p := range part.list {
			text := p.Message
			if p.Why != "" {
				text += ": " + p.Why
			} else if p.Fix != "" {
				text = p.Fix
			}
			for _, e := range p.Evidence {
				text += "; " + e
			}
			fmt.Fprintf(&b, "| %s | %s:%d | %s |\n", p.Rule, escape(p.Path), p.Line, escape(text))
		}
	}
	for _, part := range []struct {
		title string
		list  []string
	}{{"Shown by the tests", s.Verified.Tests}, {"Flaky tests", s.Verified.Flaky}, {"Broken before", s.Verified.Before}, {"To be done by hand", s.ToDo}, {"Not checked", s.Problems}} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", part.title)
		for _, l := range part.list {
			fmt.Fprintf(&b, "* %s\n", escape(l))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// escape keeps text from being markup, and on one line.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ", "\r", " ", "`", "'").Replace(s)
}

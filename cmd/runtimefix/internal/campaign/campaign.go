// Package campaign merges the summaries of many repositories into one page that a
// reviewer reads: totals, findings, and patches grouped by shape.
package campaign

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/migrate"
)

//go:embed assets/chart.min.js assets/highlight.min.js assets/page.html assets/page.css assets/page.js assets/LICENSES.txt
var assets embed.FS

// Report is what the page shows, and what is written beside it as JSON.
type Report struct {
	Version      int          `json:"version"`
	Tool         string       `json:"tool"`
	Repositories []Repository `json:"repositories"`
	Findings     []Finding    `json:"findings"`
	Shapes       []Group      `json:"shapes"`
	Patches      []Patch      `json:"patches"`
}

// Repository is one that a summary was written for.
type Repository struct {
	Name     string   `json:"name"`
	Outcome  string   `json:"outcome"`
	Fixed    int      `json:"fixed"`
	Left     int      `json:"left"`
	Back     int      `json:"rolledBack"`
	Verified string   `json:"verified"`
	Tests    []string `json:"tests"`
	Problems []string `json:"problems"`
	Broken   []string `json:"brokenBefore"`
}

// Finding is one place; Repository is an index.
type Finding struct {
	Repository  int      `json:"repository"`
	Rule        string   `json:"rule"`
	Path        string   `json:"path"`
	Line        int      `json:"line"`
	Message     string   `json:"message"`
	State       string   `json:"state"` // fixed, left, rolled back
	Safety      string   `json:"safety"`
	Text        string   `json:"text"` // what the fix does, or why there is none
	Owners      []string `json:"owners"`
	Fingerprint string   `json:"fingerprint"`
}

// Patch is a file's change; Repository and Shape are indexes.
type Patch struct {
	Repository int      `json:"repository"`
	Path       string   `json:"path"`
	Rules      []string `json:"rules"`
	Text       string   `json:"text"`
	Shape      int      `json:"shape"`
}

// Group are patches of one shape: who has read one has read all of them.
type Group struct {
	Rules   []string `json:"rules"`
	Patches []int    `json:"patches"` // indexes
}

// Merge joins summaries, in the order of the repositories' names. Of two of one
// repository and part the later one counts.
func Merge(tool string, summaries []*migrate.Summary) *Report {
	last := make(map[string]*migrate.Summary)
	for _, s := range summaries {
		last[s.Repository+"\x00"+s.Part] = s
	}
	var list []*migrate.Summary
	for _, s := range last {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *migrate.Summary) int {
		return cmp.Or(strings.Compare(a.Repository, b.Repository), strings.Compare(a.Part, b.Part))
	})
	r := &Report{Version: 1, Tool: tool, Repositories: []Repository{}, Findings: []Finding{}, Shapes: []Group{}, Patches: []Patch{}}
	shapes := make(map[string]int)
	for i, s := range list {
		name := s.Repository
		if s.Part != "" {
			name += " (" + s.Part + ")"
		}
		r.Repositories = append(r.Repositories, Repository{
			Name: name, Outcome: s.Outcome, Fixed: len(s.Fixed), Left: len(s.Left), Back: len(s.RolledBack),
			Verified: s.Verified.Level, Tests: s.Verified.Tests, Problems: s.Problems, Broken: s.Verified.Before,
		})
		r.places(i, "fixed", s.Fixed)
		r.places(i, "left", s.Left)
		r.places(i, "rolled back", s.RolledBack)
		for _, c := range s.Changes {
			r.patch(i, c, shapes)
		}
	}
	r.sortShapes()
	return r
}

func (r *Report) places(repo int, state string, list []migrate.SummaryPlace) {
	for _, p := range list {
		text := p.Why
		if text == "" {
			text = p.Fix
		}
		r.Findings = append(r.Findings, Finding{
			Repository: repo, Rule: p.Rule, Path: p.Path, Line: p.Line, Message: p.Message, State: state, Safety: p.Safety, Text: text, Owners: p.Owners, Fingerprint: p.Fingerprint,
		})
	}
}

func (r *Report) patch(repo int, c migrate.SummaryChange, shapes map[string]int) {
	rules := strings.Join(c.Rules, " ")
	key := rules + "\n" + Shape(c.Patch)
	at, ok := shapes[key]
	if !ok {
		at = len(r.Shapes)
		shapes[key] = at
		r.Shapes = append(r.Shapes, Group{Rules: c.Rules})
	}
	r.Shapes[at].Patches = append(r.Shapes[at].Patches, len(r.Patches))
	r.Patches = append(r.Patches, Patch{Repository: repo, Path: c.Path, Rules: c.Rules, Text: c.Patch, Shape: at})
}

// sortShapes puts the shapes of most patches first; those of one patch, the
// outliers, come last.
func (r *Report) sortShapes() {
	order := make([]int, len(r.Shapes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(r.Shapes[b].Patches) - len(r.Shapes[a].Patches) })
	sorted := make([]Group, len(order))
	for to, from := range order {
		sorted[to] = r.Shapes[from]
		for _, p := range r.Shapes[from].Patches {
			r.Patches[p].Shape = to
		}
	}
	r.Shapes = sorted
}

// Read reads a summary that migrate wrote.
func Read(data []byte) (*migrate.Summary, error) {
	var s migrate.Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("not a summary of runtimefix migrate: %w", err)
	}
	if s.Version != 1 || s.Repository == "" {
		return nil, fmt.Errorf("not a summary of runtimefix migrate, version 1")
	}
	return &s, nil
}

// WriteHTML writes the page. It needs no network and no other file.
func (r *Report) WriteHTML(w io.Writer) error {
	page, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return err
	}
	data, err := json.Marshal(r) // escapes <, > and &
	if err != nil {
		return err
	}
	in := map[string]any{"Data": template.JS(data), "Tool": r.Tool}
	for name, file := range map[string]string{"Chart": "chart.min.js", "Highlight": "highlight.min.js", "Script": "page.js"} {
		text, err := assets.ReadFile("assets/" + file)
		if err != nil {
			return err
		}
		in[name] = template.JS(text)
	}
	css, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return err
	}
	in["Style"] = template.CSS(css)
	licenses, err := assets.ReadFile("assets/LICENSES.txt")
	if err != nil {
		return err
	}
	in["Licenses"] = string(licenses)
	var b bytes.Buffer
	if err := page.Execute(&b, in); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// WriteJSON writes what the page holds.
func (r *Report) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// WriteCSV writes a line a finding.
func (r *Report) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"repository", "outcome", "rule", "path", "line", "state", "safety", "message", "text", "owners", "fingerprint"}); err != nil {
		return err
	}
	for _, f := range r.Findings {
		repo := r.Repositories[f.Repository]
		row := []string{repo.Name, repo.Outcome, f.Rule, f.Path, strconv.Itoa(f.Line), f.State, f.Safety, f.Message, f.Text, strings.Join(f.Owners, " "), f.Fingerprint}
		for i, v := range row {
			row[i] = inert(v)
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// inert keeps a spreadsheet from taking a text for a formula.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

package format

import "io"

// gitlabIssue is an entry of GitLab's code quality report.
type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
	End   int `json:"end"`
}

// writeGitLab writes a code quality report, a JSON array.
func writeGitLab(w io.Writer, r *Report) error {
	out := []gitlabIssue{}
	for _, f := range r.Findings {
		severity := "major"
		switch f.Severity {
		case Error:
			severity = "critical"
		case Info:
			severity = "info"
		}
		out = append(out, gitlabIssue{
			Description: f.Message + advice(f), CheckName: f.Rule, Fingerprint: f.Fingerprint, Severity: severity,
			Location: gitlabLocation{Path: r.path(f.Pos.Filename), Lines: gitlabLines{Begin: f.Pos.Line, End: max(f.Pos.Line, f.End.Line)}},
		})
	}
	return encode(w, out)
}

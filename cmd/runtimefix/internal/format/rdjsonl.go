package format

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/rewrite"
)

// The messages of the Reviewdog Diagnostic Format that are in use
// (proto/rdf/reviewdog.proto in reviewdog).
type (
	rdDiagnostic struct {
		Message          string         `json:"message"`
		Location         rdLocation     `json:"location"`
		Severity         string         `json:"severity"`
		Source           rdSource       `json:"source"`
		Code             rdCode         `json:"code"`
		Suggestions      []rdSuggestion `json:"suggestions,omitempty"`
		RelatedLocations []rdRelated    `json:"related_locations,omitempty"`
	}
	rdLocation struct {
		Path  string  `json:"path"`
		Range rdRange `json:"range"`
	}
	rdRange struct {
		Start rdPosition `json:"start"`
		End   rdPosition `json:"end"`
	}
	rdPosition struct {
		Line   int `json:"line"`
		Column int `json:"column,omitempty"` // in bytes
	}
	rdSource struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	rdCode struct {
		Value string `json:"value"`
		URL   string `json:"url,omitempty"`
	}
	rdSuggestion struct {
		Range rdRange `json:"range"`
		Text  string  `json:"text"`
	}
	rdRelated struct {
		Message  string     `json:"message"`
		Location rdLocation `json:"location"`
	}
)

// writeRDJSONL writes a diagnostic a line. reviewdog resolves paths in its own
// directory, so they are relative to the directory of the process.
func writeRDJSONL(w io.Writer, r *Report) error {
	for _, f := range r.Findings {
		d := rdDiagnostic{
			Message: f.Message + advice(f), Severity: strings.ToUpper(string(f.Severity)),
			Source: rdSource{Name: "runtimefix", URL: page.Home}, Code: rdCode{Value: f.Rule, URL: page.URL(f.Rule)},
			Location: rdLocation{Path: r.nearPath(f.Pos.Filename), Range: rdRange{
				Start: rdPosition{Line: f.Pos.Line, Column: f.Pos.Column},
				End:   rdPosition{Line: f.End.Line, Column: f.End.Column},
			}},
		}
		for _, n := range f.Notes {
			if n.Pos.Filename != "" {
				at := rdPosition{Line: n.Pos.Line, Column: n.Pos.Column}
				d.RelatedLocations = append(d.RelatedLocations, rdRelated{Message: n.Message, Location: rdLocation{Path: r.nearPath(n.Pos.Filename), Range: rdRange{Start: at, End: at}}})
			}
		}
		for _, x := range f.Fixes {
			if s, ok := suggestion(f, x.Edits); ok {
				d.Suggestions = append(d.Suggestions, s)
				break // what is offered is applied as it is: one of them
			}
		}
		if err := encodeIndented(w, d, ""); err != nil {
			return err
		}
	}
	return nil
}

// maxSuggestion bounds the lines of a suggestion: a code host shows it whole.
const maxSuggestion = 60

// suggestion joins edits into the replacement of one range of lines. That is
// the only kind that every code host takes, and half of a fix must never be
// offered: fixes of several files or of distant places have none.
func suggestion(f Finding, edits []rewrite.TextEdit) (rdSuggestion, bool) {
	if len(edits) == 0 || !isText(edits) {
		return rdSuggestion{}, false
	}
	first, last := edits[0], edits[len(edits)-1]
	startLine, endLine := first.StartLine, last.EndLine
	start, end := first.Start, last.End
	if endLine < startLine {
		// A pure insertion: take the line below into the range, or the one
		// above at the end of the file.
		switch {
		case end < len(f.Source):
			if i := bytes.IndexByte(f.Source[end:], '\n'); i >= 0 {
				end += i + 1
			} else {
				end = len(f.Source)
			}
			endLine = startLine
		case start > 0:
			start = bytes.LastIndexByte(f.Source[:start-1], '\n') + 1
			startLine, endLine = startLine-1, startLine-1
		default:
			return rdSuggestion{}, false
		}
	}
	if endLine-startLine >= maxSuggestion {
		return rdSuggestion{}, false
	}
	var text bytes.Buffer
	at := start
	for _, e := range edits {
		if e.Path != f.Pos.Filename || e.End > len(f.Source) {
			return rdSuggestion{}, false
		}
		text.Write(f.Source[at:e.Start])
		text.Write(e.New)
		at = e.End
	}
	text.Write(f.Source[at:end])
	// Without columns a range is one of whole lines, and its text ends without
	// a line end.
	return rdSuggestion{
		Range: rdRange{Start: rdPosition{Line: startLine}, End: rdPosition{Line: endLine}},
		Text:  strings.TrimSuffix(strings.TrimSuffix(text.String(), "\n"), "\r"),
	}, true
}

// nearPath returns path relative to the directory of the process, absolute when
// it is not below it.
func (r *Report) nearPath(path string) string {
	rel, err := filepath.Rel(r.WorkDir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

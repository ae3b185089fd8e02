package lsp

import (
	"context"
	"encoding/json"
	"go/token"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/format"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/ignores"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
)

// severities are the numbers of the protocol.
var severities = map[format.Severity]int{format.Error: 1, format.Warning: 2, format.Info: 3}

// diagnose returns a finding as the client shows it.
func (s *server) diagnose(f format.Finding, t *text) diagnostic {
	d := diagnostic{
		Range: rangeOf(f, t), Severity: severities[f.Severity], Code: f.Rule, Source: "runtimefix", Message: f.Message,
		CodeDescription: &codeDescription{page.URL(f.Rule)},
	}
	for _, n := range f.Notes {
		if n.Pos.Filename == "" {
			d.Message += "\n" + n.Message
			continue
		}
		at := position{Line: max(n.Pos.Line-1, 0)}
		if sameFile(n.Pos.Filename, f.Pos.Filename) {
			at = t.at(n.Pos.Offset)
		}
		d.RelatedInformation = append(d.RelatedInformation, relatedInfo{location{toURI(n.Pos.Filename), span{at, at}}, n.Message})
	}
	return d
}

func rangeOf(f format.Finding, t *text) span {
	end := f.End
	if end == (token.Position{}) || end.Filename != f.Pos.Filename {
		end = f.Pos
	}
	return t.span(f.Pos.Offset, end.Offset)
}

// hover shows the page of the rule of a finding.
func (s *server) hover(ctx context.Context, p hoverParams) (*hover, error) {
	known, err := s.look(ctx, toPath(p.TextDocument.URI))
	if err != nil || known == nil {
		return nil, err
	}
	for _, f := range known.findings {
		if r := rangeOf(f, known.text); overlaps(r, span{p.Position, p.Position}) {
			return &hover{Contents: markup{"markdown", pageOf(f.Rule).Markdown()}, Range: r}, nil
		}
	}
	return nil, nil
}

func pageOf(rule string) page.Page {
	if i := slices.Index(rules.Names(), rule); i >= 0 {
		return page.Of(rules.All[i])
	}
	return page.Ignore
}

// wants reports whether the client asks for actions of the kind.
func wants(only []string, kind string) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(k string) bool { return k == kind || strings.HasPrefix(kind, k+".") })
}

// codeAction offers the fixes of the findings in a range, an ignore comment, and
// all safe fixes of the file.
func (s *server) codeAction(ctx context.Context, p codeActionParams) ([]codeAction, error) {
	path := toPath(p.TextDocument.URI)
	known, err := s.look(ctx, path)
	out := []codeAction{}
	if err != nil || known == nil {
		return out, err
	}
	q, _ := s.query(path)
	if wants(p.Context.Only, quickFix) {
		for _, f := range known.findings {
			if overlaps(rangeOf(f, known.text), p.Range) {
				out = append(out, s.actions(q, f, known.text)...)
			}
		}
	}
	safe := slices.ContainsFunc(known.findings, func(f format.Finding) bool {
		return slices.ContainsFunc(f.Fixes, func(x rewrite.FoundFix) bool { return x.Safety == rewrite.Safe })
	})
	if safe && wants(p.Context.Only, fixAll) {
		a := codeAction{Title: "Fix all that is safe in this file (runtimefix)", Kind: fixAll, Data: raw(p.TextDocument.URI)}
		if !s.resolves {
			if a, err = s.resolve(ctx, a); err != nil {
				return nil, err
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// actions returns what can be done about one finding.
func (s *server) actions(q Query, f format.Finding, t *text) []codeAction {
	var out []codeAction
	diagnostics := []diagnostic{s.diagnose(f, t)}
	for i, x := range f.Fixes {
		if len(x.Edits) == 0 || !isUTF8(x.Edits) {
			continue
		}
		edit, err := s.workspaceEdit(q.Overlay, x.Edits)
		if err != nil {
			continue
		}
		title := sentence(x.Message)
		if x.Safety != rewrite.Safe {
			title += " (unsafe: changes behaviour)"
		}
		out = append(out, codeAction{
			Title: title, Kind: quickFix, Diagnostics: diagnostics, Edit: edit,
			IsPreferred: i == 0 && x.Safety == rewrite.Safe,
		})
	}
	if f.Rule == rewrite.IgnoreRule {
		return out
	}
	after, refused := ignores.Add(f.Pos.Filename, t.data, []ignores.Place{{Line: f.Pos.Line, Rules: []string{f.Rule}}}, "TODO: say why")
	if len(refused) == 0 {
		out = append(out, codeAction{
			Title: "Keep it: ignore " + f.Rule + " here", Kind: quickFix, Diagnostics: diagnostics,
			Edit: &workspaceEdit{map[string][]textEdit{toURI(f.Pos.Filename): t.edits(after)}},
		})
	}
	return out
}

// sentence begins s with a capital letter.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// workspaceEdit returns the edits of a fix by file.
func (s *server) workspaceEdit(overlay map[string][]byte, edits []rewrite.TextEdit) (*workspaceEdit, error) {
	out := &workspaceEdit{make(map[string][]textEdit)}
	for len(edits) > 0 {
		n := 1
		for n < len(edits) && edits[n].Path == edits[0].Path {
			n++
		}
		t, uri, err := s.content(overlay, edits[0].Path)
		if err != nil {
			return nil, err
		}
		out.Changes[uri] = t.ofFix(edits[:n])
		edits = edits[n:]
	}
	return out, nil
}

// resolve makes the edit of the action that fixes all.
func (s *server) resolve(ctx context.Context, a codeAction) (codeAction, error) {
	var uri string
	if a.Kind != fixAll || json.Unmarshal(a.Data, &uri) != nil {
		return a, nil
	}
	q, d := s.query(toPath(uri))
	if d == nil {
		return a, nil
	}
	q.Fix = true
	answer, err := s.ask(ctx, q)
	if err != nil {
		return a, err
	}
	a.Edit = &workspaceEdit{make(map[string][]textEdit)}
	for _, c := range answer.Changes {
		t, uri, err := s.content(q.Overlay, c.Path)
		if err != nil {
			return a, err
		}
		a.Edit.Changes[uri] = t.edits(c.New)
	}
	return a, nil
}

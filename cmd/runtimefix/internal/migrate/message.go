package migrate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Limits are how many characters the description of a change may have: of a pull
// request on GitHub, of a commit message in Gerrit, of a description in
// CodeCommit.
var Limits = map[string]int{"github": 65536, "gerrit": 16384, "codecommit": 10239}

// Message is what a commit and a pull request say. It is what templates see: the
// fields are documented in the guide on migration.
type Message struct {
	Repository string
	Rules      []RulePart // those that changed something, most places first
	Fixed      int        // places
	Files      int        // files changed
	Unsafe     bool       // a fix changes behaviour on purpose
	Verified   Verification
	Left       []Left // findings that stay, by rule
	RolledBack []Place
	ToDo       []string // what is left to run by hand
	OtherOwner []string // owners of files that the change touches beside those of this part
	Tool       string   // "runtimefix v1.2.3"
}

// RulePart is what was done for one rule.
type RulePart struct {
	Name, Title, Symptom, Cause, Fix, URL string
	Places                                []Place
}

// Place is one finding.
type Place struct {
	Rule, Path string
	Line       int
	Message    string
	Fix        string   // what the fix does
	Safety     string   // safe, unsafe
	Why        string   // why it was rolled back
	Evidence   []string // what recordings of the running program show there, a line each
}

// Left are findings of a rule that stay as they are.
type Left struct {
	Rule, Why string
	Count     int
}

// Verification says how the change was proved.
type Verification struct {
	Level    string
	Packages int
	// Before are the complaints that were there before and are not blamed, each
	// once.
	Before []string
	// Flaky are the tests that failed with the change, but not each time, by package
	// and name.
	Flaky []string
	// Tests says what the tests showed of the sites, a line each.
	Tests []string
}

// maxBefore is how many complaints of before a message tells.
const maxBefore = 10

// First returns the first of the complaints of before, and how many more there are.
func (v Verification) First() []string {
	if len(v.Before) <= maxBefore {
		return v.Before
	}
	return append(slices.Clone(v.Before[:maxBefore]), fmt.Sprintf("and %d more", len(v.Before)-maxBefore))
}

// Once returns the complaints, each once with how often it comes up.
func Once(complaints []string) []string {
	times := make(map[string]int)
	var out []string
	for _, c := range complaints {
		if times[c]++; times[c] == 1 {
			out = append(out, c)
		}
	}
	for i, c := range out {
		if n := times[c]; n > 1 {
			out[i] = fmt.Sprintf("%s (%d times)", c, n)
		}
	}
	return out
}

// Subject returns the first line, at most 72 characters.
func (m *Message) Subject() string {
	where := "1 place"
	if m.Fixed != 1 {
		where = fmt.Sprintf("%d places", m.Fixed)
	}
	if len(m.Rules) == 1 {
		r := m.Rules[0]
		for _, s := range []string{fmt.Sprintf("Fix %s in %s (runtimefix %s)", r.Title, where, r.Name), fmt.Sprintf("Fix %s in %s", r.Title, where), "Fix " + r.Title} {
			if len(s) <= 72 {
				return s
			}
		}
		return fmt.Sprintf("Fix what runtimefix %s finds in %s", r.Name, where)
	}
	var names []string
	for _, r := range m.Rules {
		names = append(names, r.Name)
	}
	s := fmt.Sprintf("Fix misuse of the Go runtime in %s: %s", where, strings.Join(names, ", "))
	if len(s) > 72 {
		s = fmt.Sprintf("Fix misuse of the Go runtime in %s (%d rules)", where, len(names))
	}
	return s
}

// HasSafe reports whether a fix changes nothing but the symptom.
func (m *Message) HasSafe() bool {
	return slices.ContainsFunc(m.Rules, func(r RulePart) bool {
		return slices.ContainsFunc(r.Places, func(p Place) bool { return p.Safety == rewrite.Safe.String() })
	})
}

// body is the message below the subject: the most important first, for it may be
// cut.
var body = template.Must(template.New("body").Parse(`
{{- range .Rules}}{{.Symptom}}

{{.Cause}}

{{range .Places}}* {{.Path}}:{{.Line}}: {{.Fix}} ({{.Safety}})
{{range .Evidence}}  {{.}}
{{end}}{{end}}
{{end -}}
{{if .Unsafe}}Fixes marked "unsafe" change behaviour on purpose, as they say.{{if .HasSafe}} "safe" ones change nothing but the symptom.{{end}}
{{else}}The fixes change nothing but the symptom.
{{end}}
{{with .Verified}}{{if eq .Level "none"}}Not verified beyond type-checking.
{{else if not .Packages}}No Go package changes; what was changed was read again, and nothing is found there any more.
{{else}}Verified ({{.Level}}), before and after, on what changes and what imports it: {{.Packages}} package{{if ne .Packages 1}}s{{end}}, nothing new.
{{range .Tests}}{{.}}
{{end}}{{if .Flaky}}Flaky tests, which fail sometimes and are not blamed on this:
{{range .Flaky}}* {{.}}
{{end}}{{end}}{{if .Before}}Already there before this change:
{{range .First}}* {{.}}
{{end}}{{end}}{{end}}{{end}}
{{- if .RolledBack}}
Left out, because verification failed with it:
{{range .RolledBack}}* {{.Path}}:{{.Line}}: {{.Rule}}: {{.Why}}
{{end}}{{end}}
{{- if .Left}}
What stays:
{{range .Left}}* {{.Count}} of {{.Rule}}: {{.Why}}
{{end}}{{end}}
{{- if .ToDo}}
To be done by hand:
{{range .ToDo}}* {{.}}
{{end}}{{end}}
{{- if .OtherOwner}}
It also touches files of {{range $i, $o := .OtherOwner}}{{if $i}}, {{end}}{{$o}}{{end}}.
{{end}}
To keep a place as it is, write at its line or above it: //runtimefix:ignore RULE and the reason (# runtimefix:ignore where comments begin with #).
{{range .Rules}}More on {{.Name}}: {{.URL}}
{{end}}
Made by {{.Tool}}.
`))

// Text returns subject and body of at most limit characters; 0 is no limit. A
// template of the user's own gives the whole text instead.
func (m *Message) Text(own *template.Template, limit int) (subject, text string, err error) {
	var b bytes.Buffer
	if own != nil {
		if err := own.Execute(&b, m); err != nil {
			return "", "", fmt.Errorf("the template: %w", err)
		}
		subject, text, _ = strings.Cut(strings.TrimLeft(b.String(), "\n"), "\n")
		if strings.TrimSpace(subject) == "" {
			return "", "", fmt.Errorf("the template makes no subject: its first line is empty")
		}
	} else {
		subject = m.Subject()
		if err := body.Execute(&b, m); err != nil {
			return "", "", err
		}
		text = b.String()
	}
	text = strings.Trim(text, "\n") + "\n"
	return subject, cut(text, limit-len([]rune(subject))-2, limit), nil
}

const pointer = "... cut here: runtimefix --diff shows all of it.\n"

// cut shortens text to n characters, at the end of a line, with a pointer to the
// rest.
func cut(text string, n, limit int) string {
	runes := []rune(text)
	if limit <= 0 || len(runes) <= n {
		return text
	}
	n -= len([]rune(pointer))
	if n <= 0 {
		return pointer
	}
	head := string(runes[:n])
	if i := strings.LastIndexByte(head, '\n'); i >= 0 {
		head = head[:i+1]
	}
	return head + pointer
}

// ReadTemplate reads a template of the user's own.
func ReadTemplate(path string) (*template.Template, error) {
	data, err := safefile.Read(path, safefile.Source)
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	t, err := template.New(path).Option("missingkey=error").Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("the template: %w", err)
	}
	return t, nil
}

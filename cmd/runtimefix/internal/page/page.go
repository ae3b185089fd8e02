// Package page writes what there is to know about a rule: on the terminal, in
// reports and in rules/NAME/README.md.
package page

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rules"
)

// Home is where the tool is documented.
const Home = "https://github.com/runtimefix/runtimefix"

// since is the release that the rules came with.
const since = "v0.1.0"

// Page is a rule's documentation in its parts.
type Page struct {
	Name, Title string
	// Symptom is what users of a program with the bug see, Cause why that is,
	// Fix what is done about it.
	Symptom, Cause, Fix string
	// Found says when the rule fires, Silent when it does not.
	Found, Silent string
	// Before and After are an example.
	Before, After string
	// Since is the first release that has the rule.
	Since string
	// URL is where the page can be read.
	URL string
}

// Of returns the page of a rule.
func Of(r *rules.Rule) Page {
	p := Page{Name: r.Name, Title: r.Title, Before: r.Before, After: r.After, Since: since, URL: URL(r.Name)}
	parts := strings.Split(strings.TrimSpace(r.Doc), "\n\n")
	for i, into := range []*string{&p.Symptom, &p.Cause, &p.Fix} {
		if i < len(parts)-1 {
			*into = parts[i]
		}
	}
	p.Found = strings.Join(parts[min(3, len(parts)-1):], "\n\n")
	if i := silent.FindStringIndex(p.Found); i != nil {
		p.Found, p.Silent = strings.TrimSpace(p.Found[:i[0]]), p.Found[i[0]:]
	}
	return p
}

var silent = regexp.MustCompile(`\bIt stays silent\b`)

// URL returns where the page of the rule with the name can be read.
func URL(name string) string {
	if name == Ignore.Name {
		return Home + "/blob/main/cmd/runtimefix/docs/configuration.md#ignore-comments"
	}
	return Home + "/blob/main/rules/" + name + "/README.md"
}

// Ignore is the page about ignore comments, whose mistakes are reported as those
// of a rule.
var Ignore = Page{
	Name:    "ignore",
	Title:   "an ignore comment without a reason, for an unknown rule, or of no use",
	Symptom: "A comment that was to keep a place as it is does not, or hides what nobody decided to hide.",
	Cause:   "An ignore comment has a rule and a reason, and stands on the line of a finding or on the line above it. The code below it changed since, the rule's name is mistyped, or the reason was left out.",
	Fix:     "Write the rule and the reason, or delete the comment. runtimefix ignore writes comments for all findings of a rule.",
	Found:   "It fires for //runtimefix:ignore without a rule, with a name that is no rule's, without a reason, and where the rule has no finding on that line or the one below. In files with # comments it is # runtimefix:ignore.",
	Silent:  "It stays silent where the rule does not run.",
	Before:  "runtime.GC() //runtimefix:ignore forcedgc",
	After:   "runtime.GC() //runtimefix:ignore forcedgc the arena was just dropped",
	Since:   since,
	URL:     Home + "/blob/main/cmd/runtimefix/docs/configuration.md#ignore-comments",
}

// section is a heading and what stands below it.
type section struct{ heading, text string }

func (p Page) sections() []section {
	return []section{
		{"Symptom", p.Symptom}, {"Cause", p.Cause}, {"What the fix does", p.Fix}, {"What is found", p.Found}, {"What is not", p.Silent},
		{"By hand", byHand(p)},
		{"To keep a place as it is", "Say why, on the line or the one above it: //runtimefix:ignore " + p.Name + " the reason. In files whose comments begin with # it is # runtimefix:ignore " + p.Name + " the reason. To turn the rule off, disable it in .runtimefix.yaml, or run with --skip " + p.Name + "."},
	}
}

func byHand(p Page) string {
	return "Change the code as the example shows. Where a finding has no fix, its note says why and what to do: runtimefix --rules " + p.Name + " lists them, --diff shows what would be changed, --apply changes what is safe, --apply --unsafe also what changes behaviour on purpose."
}

// Text returns the page as plain text.
func (p Page) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", p.Name, p.Title)
	for i, s := range p.sections() {
		if p.Name == Ignore.Name && i > 4 {
			break // what is left is about rules
		}
		fmt.Fprintf(&b, "\n%s\n\n%s\n", strings.ToUpper(s.heading), s.text)
	}
	fmt.Fprintf(&b, "\nBefore:\n\n%s\n\nAfter:\n\n%s\n", indent(p.Before), indent(p.After))
	fmt.Fprintf(&b, "\nSince %s. %s\n", p.Since, p.URL)
	return b.String()
}

// Markdown returns the page as it is checked in.
func (p Page) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n", p.Name, p.Title)
	for i, s := range p.sections() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.heading, escape(s.text))
		if i == 2 {
			fmt.Fprintf(&b, "\nBefore:\n\n```go\n%s\n```\n\nAfter:\n\n```go\n%s\n```\n", strings.TrimSpace(p.Before), strings.TrimSpace(p.After))
		}
	}
	fmt.Fprintf(&b, "\nSince %s.\n", p.Since)
	return b.String()
}

// escape keeps what stands in plain text from being taken for markup.
func escape(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "`", "\\`", "[", `\[`).Replace(s)
}

func indent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(s) + "\n") {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return strings.TrimRight(b.String(), "\n")
}

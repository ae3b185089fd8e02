package goroutinealert

import (
	"fmt"
	"strings"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"go.yaml.in/yaml/v3"
)

// promqlAlerts finds alerting rules of Prometheus and of the rulers that share
// its format which fire on the level of go_goroutines, or of a series that is
// recorded from it.
func promqlAlerts(s *rewrite.Snapshot) []rewrite.Finding {
	files := ruleFiles(s)
	recorded := recordedLevels(files)
	var out []rewrite.Finding
	for _, f := range files {
		for _, r := range f.rules {
			out = append(out, f.check(r, recorded)...)
		}
	}
	return out
}

// ruleFile is a file with rules of Prometheus.
type ruleFile struct {
	s     *rewrite.Snapshot
	text  *rewrite.TextFile
	file  *yamledit.File
	rules []promRule
}

// promRule is one rule, in the document that it stands in.
type promRule struct {
	doc, node *yaml.Node
	// within is the string that holds the rules' file, of a ConfigMap say; nil
	// when the rule stands in the document itself.
	within *yaml.Node
}

func (r promRule) get(key string) string { return yamledit.Text(r.node, key) }

func ruleFiles(s *rewrite.Snapshot) []*ruleFile {
	var out []*ruleFile
	for _, t := range manifest.Texts(s, "goroutinealert") {
		f := manifest.Parse(s, t)
		if f == nil {
			continue
		}
		r := &ruleFile{s: s, text: t, file: f}
		for _, doc := range f.Docs {
			for _, n := range rulesOf(doc) {
				r.rules = append(r.rules, promRule{doc: doc, node: n})
			}
			r.rules = append(r.rules, embeddedRules(doc)...)
		}
		out = append(out, r)
	}
	return out
}

// rulesOf returns the rules of a document: a rule file of Prometheus or of a
// ruler, or a PrometheusRule with its groups under spec.
func rulesOf(doc *yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for _, groups := range []*yaml.Node{yamledit.Get(doc, "groups"), yamledit.Get(doc, "spec", "groups")} {
		for _, g := range yamledit.Items(groups) {
			for _, r := range yamledit.Items(yamledit.Get(g, "rules")) {
				if yamledit.Text(r, "expr") != "" {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// embeddedRules returns the rules of files that stand as strings in a ConfigMap
// or in a chart's values.
func embeddedRules(doc *yaml.Node) []promRule {
	var out []promRule
	manifest.Walk(doc, func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "go_goroutines") || !strings.Contains(n.Value, "alert:") {
			return
		}
		var inner yaml.Node
		if yaml.Unmarshal([]byte(n.Value), &inner) != nil || len(inner.Content) == 0 {
			return
		}
		for _, r := range rulesOf(inner.Content[0]) {
			out = append(out, promRule{doc: doc, node: r, within: n})
		}
	})
	return out
}

// recordedLevels returns the names of the series that are recorded from the level
// of go_goroutines.
func recordedLevels(files []*ruleFile) map[string]bool {
	out := make(map[string]bool)
	for _, f := range files {
		for _, r := range f.rules {
			name := r.get("record")
			if name == "" {
				continue
			}
			if e := parsed(r.get("expr")); e != nil && over(e, floorNow) != nil {
				out[name] = true
			}
		}
	}
	return out
}

// check finds the alert that fires on the level.
func (f *ruleFile) check(r promRule, recorded map[string]bool) []rewrite.Finding {
	name := r.get("alert")
	_, node := yamledit.Entry(r.node, "expr")
	if name == "" || node == nil || node.Kind != yaml.ScalarNode {
		return nil
	}
	expr := parsed(node.Value)
	if expr == nil {
		return nil
	}
	finding := f.at(r, node)
	if series := recordedIn(expr, recorded); series != "" {
		finding.Message = fmt.Sprintf("alert %s fires on the level of %s, which is recorded from go_goroutines: it does not tell a leak from load that levels off", name, series)
		finding.NoFix = "a recorded series has no windows of its own; compare its floor: " + strings.ReplaceAll(growthHint, "go_goroutines", series)
		return []rewrite.Finding{finding}
	}
	if !namesGoroutines(expr) {
		return nil
	}
	switch asGrowth(expr) {
	case "":
	case "rate", "irate", "increase":
		finding.Message = fmt.Sprintf("alert %s takes go_goroutines for a counter: every decrease is read as a restart and adds to the rate", name)
		finding.NoFix = "the limit means something else for a gauge; use deriv or delta with a limit of its own"
		return []rewrite.Finding{finding}
	default:
		return nil
	}
	// Have: an expression that does not look at the growth of the count.
	levels, total := levelComparisons(expr)
	if total == 0 {
		return nil
	}
	finding.Message = fmt.Sprintf("alert %s fires on the level of go_goroutines: it does not tell a leak from load that levels off", name)
	if why := f.unfixable(r, node, len(levels), total); why != "" {
		finding.NoFix = why
		return []rewrite.Finding{finding}
	}
	list, err := addGrowth(f.file, node, expr, levels[0])
	if err != nil {
		finding.NoFix = err.Error() + byHand
		return []rewrite.Finding{finding}
	}
	finding.Fixes = []*rewrite.Fix{manifest.Fix(f.text, f.file, node, rewrite.Unsafe,
		"alert only while the count grows, too: its floor of ten minutes is above the peak of a quarter of an hour before, or above the floor of an hour before; a target alerts from its first quarter of an hour on, a level that stays for an hour does not any more", list)}
	return []rewrite.Finding{finding}
}

// at returns a finding at the expression of r.
func (f *ruleFile) at(r promRule, node *yaml.Node) rewrite.Finding {
	if r.within == nil {
		off, end := manifest.NodeSpan(f.file, node)
		return rewrite.Finding{Pos: f.text.Pos(off), End: f.text.Pos(end)}
	}
	off, end, ok := f.file.Span(r.within)
	if !ok {
		off, end = manifest.NodeSpan(f.file, r.within)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(node.Value), "\n")
	if i := strings.Index(string(f.text.Src[off:end]), first); i >= 0 {
		off, end = off+i, off+i+len(first)
	}
	return rewrite.Finding{Pos: f.text.Pos(off), End: f.text.Pos(end)}
}

// recordedIn returns the recorded series whose level expr compares with a number.
func recordedIn(expr metricsql.Expr, recorded map[string]bool) string {
	found := ""
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		b, ok := e.(*metricsql.BinaryOpExpr)
		if !ok || b.Op != ">" && b.Op != ">=" {
			return
		}
		if _, isNumber := b.Right.(*metricsql.NumberExpr); !isNumber {
			return
		}
		if m, ok := b.Left.(*metricsql.MetricExpr); ok && recorded[metricName(m)] {
			found = metricName(m)
		}
	})
	return found
}

// unfixable says why the condition cannot be added to the expression at node.
func (f *ruleFile) unfixable(r promRule, node *yaml.Node, levels, total int) string {
	switch {
	case r.within != nil:
		return "the rules are a string in another document" + byHand
	case total != 1 || levels != 1:
		return "the comparison is one of several conditions" + byHand
	case manifest.IsHelmOutput(r.doc):
		return "the file was rendered by Helm; change the chart's own rule"
	case f.text.Generated():
		return "the file says that it is generated; change its source"
	case f.file.Shared(node):
		return "an alias refers to the rule" + byHand
	case strings.Contains(node.Value, "{{"):
		return "the expression is a template" + byHand
	}
	if test := expectedBy(f.s, f.text, r.get("alert")); test != "" {
		return test + " expects the alert; change both" + byHand
	}
	return ""
}

const (
	growthHint = "min_over_time(go_goroutines[10m]) > min_over_time(go_goroutines[10m] offset 1h)"
	byHand     = "; add by hand that the floor rises: " + growthHint
)

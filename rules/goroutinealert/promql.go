package goroutinealert

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"go.yaml.in/yaml/v3"
)

// The floor of the count now is compared with what it was an hour ago.
const (
	floorWindow = "10m"
	floorOffset = "1h"
)

// promqlAlerts finds alerting rules of Prometheus and of the rulers that share
// its format which fire on the level of go_goroutines.
func promqlAlerts(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for _, t := range manifest.Texts(s, "goroutinealert") {
		f := manifest.Parse(s, t)
		if f == nil {
			continue
		}
		for _, doc := range f.Docs {
			for _, rule := range alertingRules(doc) {
				out = append(out, promqlAlert(s, t, f, doc, rule)...)
			}
		}
	}
	return out
}

// alertingRules returns the rules with an alert of a document: a rule file of
// Prometheus or of a ruler, or a PrometheusRule with its groups under spec.
func alertingRules(doc *yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for _, groups := range []*yaml.Node{yamledit.Get(doc, "groups"), yamledit.Get(doc, "spec", "groups")} {
		for _, g := range yamledit.Items(groups) {
			for _, r := range yamledit.Items(yamledit.Get(g, "rules")) {
				if yamledit.Text(r, "alert") != "" && yamledit.Text(r, "expr") != "" {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

func promqlAlert(s *rewrite.Snapshot, t *rewrite.TextFile, f *yamledit.File, doc, rule *yaml.Node) []rewrite.Finding {
	_, node := yamledit.Entry(rule, "expr")
	if node == nil || node.Kind != yaml.ScalarNode || !strings.Contains(node.Value, "go_goroutines") {
		return nil
	}
	expr, err := parsePromQL(node.Value)
	if err != nil {
		return nil
	}
	off, end := manifest.NodeSpan(f, node)
	name := yamledit.Text(rule, "alert")
	finding := rewrite.Finding{Pos: t.Pos(off), End: t.Pos(end)}
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
	why := ""
	switch {
	case total != 1 || len(levels) != 1:
		why = "the comparison is one of several conditions; add that the floor rises by hand: " + growthHint
	case manifest.IsHelmOutput(doc):
		why = "the file was rendered by Helm; change the chart's own rule"
	case t.Generated():
		why = "the file says that it is generated; change its source"
	case f.Shared(node):
		why = "an alias refers to the rule; add that the floor rises by hand: " + growthHint
	case strings.Contains(node.Value, "{{"):
		why = "the expression is a template; add that the floor rises by hand: " + growthHint
	}
	if why == "" {
		list, err := addFloor(f, node, expr, levels[0])
		if err == nil {
			finding.Fixes = append(finding.Fixes, manifest.Fix(t, f, node, rewrite.Unsafe,
				"alert only while the floor of the count rises, too: the smallest count of the last "+floorWindow+" against that of "+floorOffset+" before; a level that stays does not alert any more", list))
			return []rewrite.Finding{finding}
		}
		why = err.Error() + "; add that the floor rises by hand: " + growthHint
	}
	finding.NoFix = why
	return []rewrite.Finding{finding}
}

const growthHint = "min_over_time(go_goroutines[" + floorWindow + "]) > min_over_time(go_goroutines[" + floorWindow + "] offset " + floorOffset + ")"

// parsePromQL parses an expression; the parser's own panics count as errors.
func parsePromQL(expr string) (e metricsql.Expr, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the PromQL parser failed: %v", r)
		}
	}()
	return metricsql.Parse(expr)
}

// asGrowth returns what makes expr look at the change of the count: the
// function's name, or "offset"; "" when nothing does.
func asGrowth(expr metricsql.Expr) string {
	found := ""
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.RollupExpr:
			if e.Offset != nil && namesGoroutines(e) {
				found = "offset"
			}
		case *metricsql.FuncExpr:
			name := strings.ToLower(e.Name)
			if slices.Contains([]string{"deriv", "deriv_fast", "delta", "idelta", "predict_linear", "changes", "holt_winters", "double_exponential_smoothing", "stddev_over_time", "rate", "irate", "increase"}, name) && namesGoroutines(e) && found == "" {
				found = name
			}
		}
	})
	return found
}

func namesGoroutines(expr metricsql.Expr) bool {
	found := false
	metricsql.VisitAll(expr, func(e metricsql.Expr) { found = found || isGoroutines(e) })
	return found
}

// isGoroutines reports whether e selects go_goroutines.
func isGoroutines(e metricsql.Expr) bool {
	m, ok := e.(*metricsql.MetricExpr)
	if !ok || len(m.LabelFilterss) != 1 {
		return false
	}
	return slices.ContainsFunc(m.LabelFilterss[0], func(f metricsql.LabelFilter) bool {
		return f.Label == "__name__" && f.Value == "go_goroutines" && !f.IsNegative && !f.IsRegexp
	})
}

// levelComparisons returns the comparisons of a level of go_goroutines with a
// number behind which a condition can be added without changing what else expr
// says, and how many there are in all.
func levelComparisons(expr metricsql.Expr) (list []*metricsql.BinaryOpExpr, total int) {
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		if b, ok := e.(*metricsql.BinaryOpExpr); ok && levelSide(b) != nil {
			total++
		}
	})
	var collect func(e metricsql.Expr)
	collect = func(e metricsql.Expr) {
		b, ok := e.(*metricsql.BinaryOpExpr)
		if !ok {
			return
		}
		if levelSide(b) != nil {
			list = append(list, b)
			return
		}
		switch strings.ToLower(b.Op) {
		case "or":
			collect(b.Left)
			collect(b.Right)
		case "and", "unless":
			collect(b.Left)
		}
	}
	collect(expr)
	return list, total
}

// levelSide returns the side of b on which the level of the count stands when b
// fires above a fixed number; nil when it is no such comparison.
func levelSide(b *metricsql.BinaryOpExpr) metricsql.Expr {
	if b.Bool || b.GroupModifier.Op != "" || b.JoinModifier.Op != "" {
		return nil
	}
	level, limit := b.Left, b.Right
	switch b.Op {
	case ">", ">=":
	case "<", "<=":
		level, limit = limit, level
	default:
		return nil
	}
	n, ok := limit.(*metricsql.NumberExpr)
	if !ok || n.N < 1 || floorOf(level, false) == nil {
		return nil // a limit of 0 asks whether there is anything
	}
	return level
}

// floorOf returns the floor of the level x, now or as it was before; nil when
// x is no level of go_goroutines.
func floorOf(x metricsql.Expr, before bool) metricsql.Expr {
	switch x := x.(type) {
	case *metricsql.MetricExpr:
		if !isGoroutines(x) {
			return nil
		}
		return floor(x, before)
	case *metricsql.FuncExpr:
		if !slices.Contains([]string{"avg_over_time", "max_over_time", "min_over_time", "last_over_time"}, strings.ToLower(x.Name)) || len(x.Args) != 1 {
			return nil
		}
		r, ok := x.Args[0].(*metricsql.RollupExpr)
		if !ok || r.Offset != nil || r.At != nil || r.ForSubquery() || !isGoroutines(r.Expr) {
			return nil
		}
		return floor(r.Expr.(*metricsql.MetricExpr), before)
	case *metricsql.AggrFuncExpr:
		if !slices.Contains([]string{"sum", "avg", "max", "min"}, strings.ToLower(x.Name)) || len(x.Args) != 1 || x.Limit != 0 {
			return nil
		}
		arg := floorOf(x.Args[0], before)
		if arg == nil {
			return nil
		}
		c := *x
		c.Args = []metricsql.Expr{arg}
		return &c
	}
	return nil
}

// floor returns min_over_time(m[10m]), as it was before with an offset.
func floor(m *metricsql.MetricExpr, before bool) metricsql.Expr {
	text := "min_over_time(" + string(m.AppendString(nil)) + "[" + floorWindow + "]"
	if before {
		text += " offset " + floorOffset
	}
	e, err := parsePromQL(text + ")")
	if err != nil {
		return nil
	}
	return e
}

// addFloor returns the splices that add the growth of the floor behind the
// comparison cmp of expr, which stands in node. The parser gives no positions,
// so each end of a word is tried until the result parses to what is meant.
func addFloor(f *yamledit.File, node *yaml.Node, expr metricsql.Expr, cmp *metricsql.BinaryOpExpr) ([]yamledit.Splice, error) {
	level := levelSide(cmp)
	now, before := floorOf(level, false), floorOf(level, true)
	if now == nil || before == nil {
		return nil, errors.New("the level is written in a way that is not followed")
	}
	growth := string(now.AppendString(nil)) + " > " + string(before.AppendString(nil))
	rises, err := parsePromQL(growth)
	if err != nil {
		return nil, fmt.Errorf("the floor cannot be written: %w", err)
	}
	want := string(replaced(expr, cmp, &metricsql.BinaryOpExpr{Op: "and", Left: cmp, Right: rises}).AppendString(nil))
	for i := 1; i <= len(node.Value); i++ {
		if isSpace(node.Value[i-1]) || i < len(node.Value) && !isSpace(node.Value[i]) && node.Value[i] != ')' && node.Value[i] != '#' {
			continue
		}
		text := " and " + growth
		got, err := parsePromQL(node.Value[:i] + text + node.Value[i:])
		if err != nil || string(got.AppendString(nil)) != want {
			continue
		}
		if node.Style&yaml.LiteralStyle != 0 && (i == len(node.Value) || node.Value[i] == '\n') {
			line := node.Value[strings.LastIndexByte(node.Value[:i], '\n')+1 : i]
			lead := line[:len(line)-len(strings.TrimLeft(line, " "))]
			text = "\n" + lead + "and " + growth
		}
		return f.Substitute(node, i, i, text)
	}
	return nil, errors.New("the end of the comparison was not found")
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// replaced returns expr with old, an operand of its binary operators, replaced.
func replaced(expr metricsql.Expr, old, new metricsql.Expr) metricsql.Expr {
	if expr == old {
		return new
	}
	b, ok := expr.(*metricsql.BinaryOpExpr)
	if !ok {
		return expr
	}
	c := *b
	c.Left, c.Right = replaced(b.Left, old, new), replaced(b.Right, old, new)
	return &c
}

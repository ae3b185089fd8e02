package goroutinealert

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"go.yaml.in/yaml/v3"
)

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
	return ok && metricName(m) == "go_goroutines"
}

// metricName returns the name that m selects, "" where that is not one.
func metricName(m *metricsql.MetricExpr) string {
	if len(m.LabelFilterss) != 1 {
		return ""
	}
	for _, f := range m.LabelFilterss[0] {
		if f.Label == "__name__" && !f.IsNegative && !f.IsRegexp {
			return f.Value
		}
	}
	return ""
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
	if !ok || n.N < 1 || over(level, floorNow) == nil {
		return nil // a limit of 0 asks whether there is anything
	}
	return level
}

// A window is a stretch of time over which a level is taken: the smallest or
// greatest value of the last minutes, as it is now or was before.
type window struct{ rollup, offset string }

// The floor of the count now is compared with the peak of a while ago, which a
// target has that is a quarter of an hour old, and with the floor of an hour ago,
// which finds slow growth below the noise.
var (
	floorNow   = window{rollup: "min_over_time"}
	peakAgo    = window{"max_over_time", "15m"}
	floorAgo   = window{"min_over_time", "1h"}
	windowSize = "10m"
)

// of returns the window's value of m.
func (w window) of(m string) string {
	text := w.rollup + "(" + m + "[" + windowSize + "]"
	if w.offset != "" {
		text += " offset " + w.offset
	}
	return text + ")"
}

// growth returns the condition that the level rises, "" when that cannot be
// written.
func growth(level metricsql.Expr) string {
	now, peak, before := over(level, floorNow), over(level, peakAgo), over(level, floorAgo)
	if now == nil || peak == nil || before == nil {
		return ""
	}
	text := func(e metricsql.Expr) string { return string(e.AppendString(nil)) }
	return "(" + text(now) + " > " + text(peak) + " or " + text(now) + " > " + text(before) + ")"
}

// over returns the level x as it is in the window; nil when x is no level of
// go_goroutines.
func over(x metricsql.Expr, w window) metricsql.Expr {
	switch x := x.(type) {
	case *metricsql.MetricExpr:
		if !isGoroutines(x) {
			return nil
		}
		return parsed(w.of(string(x.AppendString(nil))))
	case *metricsql.FuncExpr:
		if !slices.Contains([]string{"avg_over_time", "max_over_time", "min_over_time", "last_over_time"}, strings.ToLower(x.Name)) || len(x.Args) != 1 {
			return nil
		}
		r, ok := x.Args[0].(*metricsql.RollupExpr)
		if !ok || r.Offset != nil || r.At != nil || r.ForSubquery() || !isGoroutines(r.Expr) {
			return nil
		}
		return parsed(w.of(string(r.Expr.AppendString(nil))))
	case *metricsql.AggrFuncExpr:
		if !slices.Contains([]string{"sum", "avg", "max", "min"}, strings.ToLower(x.Name)) || len(x.Args) != 1 || x.Limit != 0 {
			return nil
		}
		arg := over(x.Args[0], w)
		if arg == nil {
			return nil
		}
		c := *x
		c.Args = []metricsql.Expr{arg}
		return &c
	}
	return nil
}

// parsed returns the parsed text, nil when it is no expression.
func parsed(text string) metricsql.Expr {
	e, err := parsePromQL(text)
	if err != nil {
		return nil
	}
	return e
}

// addGrowth returns the splices that add that the level rises behind the
// comparison cmp of expr, which stands in node. The parser gives no positions,
// so each end of a word is tried until the result parses to what is meant.
func addGrowth(f *yamledit.File, node *yaml.Node, expr metricsql.Expr, cmp *metricsql.BinaryOpExpr) ([]yamledit.Splice, error) {
	grows := growth(levelSide(cmp))
	rises := parsed(grows)
	if rises == nil {
		return nil, errors.New("the level is written in a way that is not followed")
	}
	want := string(replaced(expr, cmp, &metricsql.BinaryOpExpr{Op: "and", Left: cmp, Right: rises}).AppendString(nil))
	for i := 1; i <= len(node.Value); i++ {
		if isSpace(node.Value[i-1]) || i < len(node.Value) && !isSpace(node.Value[i]) && node.Value[i] != ')' && node.Value[i] != '#' {
			continue
		}
		text := " and " + grows
		got, err := parsePromQL(node.Value[:i] + text + node.Value[i:])
		if err != nil || string(got.AppendString(nil)) != want {
			continue
		}
		if node.Style&yaml.LiteralStyle != 0 && (i == len(node.Value) || node.Value[i] == '\n') {
			line := node.Value[strings.LastIndexByte(node.Value[:i], '\n')+1 : i]
			lead := line[:len(line)-len(strings.TrimLeft(line, " "))]
			text = "\n" + lead + "and " + grows
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

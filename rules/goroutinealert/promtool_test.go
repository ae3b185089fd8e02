package goroutinealert_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/goroutinealert"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

const promRules = `groups:
  - name: service
    rules:
      - alert: Goroutines
        expr: go_goroutines{job="api"} > 200
        for: 10m
      - alert: All
        expr: sum by (job) (go_goroutines{job="api"}) > 200
      - alert: Peak
        expr: max_over_time(go_goroutines{job="api"}[5m]) > 200
`

// promtoolFires runs promtool's unit test on the rules in dir, with a sample a
// minute, and reports which of the alerts fire at the minute.
func promtoolFires(t *testing.T, dir, series string, minute int) string {
	t.Helper()
	alerts := []string{"Goroutines", "All", "Peak"}
	var tests strings.Builder
	for _, alert := range alerts {
		fmt.Fprintf(&tests, "      - alertname: %s\n        eval_time: %dm\n        exp_alerts: []\n", alert, minute)
	}
	// A test that expects no alert fails where there is one.
	ruletest.WriteTree(t, dir, map[string][]byte{"case.test": fmt.Appendf(nil, `rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: go_goroutines{job="api", instance="a"}
        values: '%s'
    alert_rule_test:
%s`, series, &tests)})
	out, err := exec.Command("promtool", "test", "rules", filepath.Join(dir, "case.test")).CombinedOutput()
	if err == nil {
		return ""
	}
	var fires []string
	for _, alert := range alerts {
		if strings.Contains(string(out), "alertname: "+alert+",") {
			fires = append(fires, alert)
		}
	}
	if fires == nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	return strings.Join(fires, " ")
}

// A leak alerts as before, whether its target is young, was restarted or leaks
// slowly; a level that stays does not alert any more.
func TestPromQLOnGrowth(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("no promtool")
	}
	const all = "Goroutines All Peak"
	cases := []struct {
		name, series  string
		minute        int
		before, after string
	}{
		{"young leak", "10+50x60", 25, all, all},
		{"leak that ends within the hour", "10+50x55", 55, all, all},
		{"second life of the same target", "10+50x44 10+50x44", 75, all, all},
		{"third life, an hour and a bit each", "10+20x69 10+20x69 10+20x69", 185, all, all},
		{"slow leak", "300+0x60 300+0.2x600", 400, all, all},
		{"plateau from the start", "600x300", 25, all, ""},
		{"plateau after a step", "20x60 600x300", 200, all, ""},
		{"plateau that swings", "600 605 610 603 600 612 604 600 607 601 " + strings.Repeat("600 605 610 603 600 612 604 600 607 601 ", 20), 150, all, ""},
		{"burst that went away", "20x30 900x20 20x100", 140, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			ruletest.WriteTree(t, dir, map[string][]byte{"rules.yml": []byte(promRules), "go.mod": []byte("module example.com/proof\n\ngo 1.24\n"), "main.go": []byte("package main\n\nfunc main() {}\n")})
			if got := promtoolFires(t, dir, c.series, c.minute); got != c.before {
				t.Fatalf("before the fix %q fire, want %q", got, c.before)
			}
			ruletest.Fix(t, dir, goroutinealert.Rule)
			if got := promtoolFires(t, dir, c.series, c.minute); got != c.after {
				t.Errorf("after the fix %q fire, want %q", got, c.after)
			}
		})
	}
}

package goroutinealert

import (
	"bytes"
	"path/filepath"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"go.yaml.in/yaml/v3"
)

// expectedBy returns the name of a file with unit tests for the rules in t, as
// promtool runs them, in which the alert is expected to fire: its series were
// made for the level, and may not grow. "" where there is none.
func expectedBy(s *rewrite.Snapshot, t *rewrite.TextFile, alert string) string {
	files, err := s.FilesWith(s.Root(t.Path), func(path string, data []byte) bool {
		return bytes.Contains(data, []byte("rule_files")) && bytes.Contains(data, []byte(alert)) && expects(data, t.Path, alert)
	})
	if err != nil || len(files) == 0 {
		return ""
	}
	return s.Rel(files[0])
}

// expects reports whether the test file loads rules by the name of the file at
// path, and expects the alert.
func expects(data []byte, path, alert string) bool {
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 {
		return false
	}
	loads := false
	for _, f := range yamledit.Items(yamledit.Get(doc.Content[0], "rule_files")) {
		ok, err := filepath.Match(filepath.Base(f.Value), filepath.Base(path))
		loads = loads || ok && err == nil
	}
	if !loads {
		return false
	}
	for _, test := range yamledit.Items(yamledit.Get(doc.Content[0], "tests")) {
		for _, a := range yamledit.Items(yamledit.Get(test, "alert_rule_test")) {
			if yamledit.Text(a, "alertname") == alert && len(yamledit.Items(yamledit.Get(a, "exp_alerts"))) > 0 {
				return true
			}
		}
	}
	return false
}
